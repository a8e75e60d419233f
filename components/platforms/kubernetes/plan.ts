// The pure half of the Kubernetes platform: specs -> one list of objects, in a stable order, without a cluster or a plugin.
import type { StackConfig } from "../../config.ts";
import { type Problem, StackError } from "../../errors.ts";
import type { ServiceName, ServiceSpec } from "../../spec.ts";
import type { Stack } from "../../stack.ts";
import { type ImageBuild, type ImageContext, imagesOf, versionIn } from "../images.ts";
import { containerMisfits } from "../mounts.ts";
import { afterOf, formatUrl, type OpenPage, replicasOf } from "../platform.ts";
import { askedFor, type ClusterContext, doorsOf, kubernetesBook } from "./book.ts";
import { mountFiles } from "./files.ts";
import { keptAsItIs, type Planned } from "./manifest.ts";
import { denyAll, type Edge, edgesOf, networkPolicy } from "./network.ts";
import { disruptionBudget, door, identity, priorityClassOf, services, shared } from "./objects.ts";
import { rightsElsewhere } from "./pods.ts";
import { claimsOf, workload } from "./workload.ts";

export interface KubernetesPlan {
  readonly namespace: string;
  readonly objects: readonly Planned[];
  /** Services that must be ready before this one starts. */
  readonly after: Readonly<Record<ServiceName, readonly ServiceName[]>>;
  readonly pages: readonly OpenPage[];
  readonly build?: ImageBuild;
}

export type PlanContext = Pick<ImageContext, "digests" | "ownCode">;

/** Throws one StackError with everything that cannot run in a cluster. */
export function planKubernetes(config: StackConfig, stack: Stack, context: PlanContext): KubernetesPlan {
  const { aliases } = stack;
  const { images, build, problems } = imagesOf(stack.specs, { ...context, config });
  // In a cluster the image decides which version runs.
  const specs = stack.specs.map((spec): ServiceSpec => {
    const user = stack.specs.find(({ name }) => name === spec.beside?.service)?.user ?? spec.user;
    return { ...spec, version: versionIn(images.get(spec.name) ?? ""), ...(user && { user }) };
  });
  const cluster: ClusterContext = {
    aliases,
    ingress: config.ingress,
    doors: doorsOf(specs, aliases, config.ingress),
  };
  const all = [...problems, ...misfits(specs)];
  if (all.length > 0) throw new StackError(all);
  const edges = edgesOf(specs, aliases);
  const running = specs.filter(({ kind }) => kind !== "external");
  const book = kubernetesBook(specs, cluster);
  return {
    namespace: config.namespace,
    ...(build === undefined ? {} : { build }),
    objects: [
      ...shared(config),
      denyAll(config),
      ...running.flatMap((spec) =>
        objectsOf(spec, { config, specs, edges, cluster, book, image: images.get(spec.name) ?? "" }),
      ),
    ].map(keptAsItIs),
    after: Object.fromEntries(running.map((spec) => [spec.name, afterOf(spec, running, aliases)])),
    pages: running.flatMap((spec) =>
      Object.entries(spec.ports).flatMap(([name, port]): readonly OpenPage[] => {
        const endpoint = book.service?.(`${spec.name}/${name}`, "outside");
        return port.title === undefined || endpoint === undefined || (port.scheme ?? "http") !== "http"
          ? []
          : [{ service: spec.name, title: port.title, url: `${formatUrl(endpoint)}/` }];
      }),
    ),
  };
}

interface PartInput {
  readonly config: StackConfig;
  readonly specs: readonly ServiceSpec[];
  readonly edges: readonly Edge[];
  readonly cluster: ClusterContext;
  readonly book: ReturnType<typeof kubernetesBook>;
  readonly image: string;
}

function objectsOf(spec: ServiceSpec, { config, specs, edges, cluster, book, image }: PartInput): readonly Planned[] {
  // Files are the same for all replicas, and what differs is filled in by the pod itself.
  const [replica] = replicasOf(spec);
  if (replica === undefined) return [];
  const files = mountFiles(spec, replica, book, config);
  const asked = askedFor(spec, specs, cluster.aliases);
  const asks = asked.length > 0;
  return [
    ...identity(spec, config, asks),
    ...rightsElsewhere(
      spec,
      asked.flatMap(({ pods }) => pods ?? []),
      config,
    ),
    networkPolicy(spec, specs, edges, cluster, config),
    ...files.objects,
    ...services(spec, config),
    ...(spec.kind === "job" ? [] : [disruptionBudget(spec, config)]),
    ...claimsOf(spec, config),
    workload({ spec, replica, book, config, image, files, token: asks, priorityClass: priorityClassOf(config) }),
    ...door(spec, config, cluster.doors),
  ];
}

/** What a data sheet says that a cluster cannot do. */
const misfits = (specs: readonly ServiceSpec[]): readonly Problem[] => [
  ...containerMisfits(specs),
  ...specs
    .filter(({ kind }) => kind !== "external")
    .flatMap((spec) =>
      Object.keys(spec.ports)
        .filter((port) => !/^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/.test(port))
        .map((port) => ({
          where: `${spec.name}/${port}`,
          what: "is no name of a port in Kubernetes",
          remedy: "Use at most 15 lower-case letters, digits and hyphens.",
        })),
    ),
];
