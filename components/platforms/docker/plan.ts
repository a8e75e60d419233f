// The pure half of the Docker platform: specs -> one network, volumes, images, files and containers, in a stable order.
import { createHash } from "node:crypto";
import type { StackConfig } from "../../config.ts";
import { StackError } from "../../errors.ts";
import { refsOf, type ServiceName, type ServiceSpec } from "../../spec.ts";
import type { Stack } from "../../stack.ts";
import { type ImageBuild, type ImageContext, imagesOf, ownImage, versionIn } from "../images.ts";
import { containerMisfits } from "../mounts.ts";
import { afterOf, formatEndpoint, type OpenPage, replicasOf } from "../platform.ts";
import { portProblems } from "../ports.ts";
import { dockerBook } from "./book.ts";
import {
  type ContainerPlan,
  container,
  filesOf,
  isPublished,
  labelOf,
  type PlacedFile,
  volumeName,
} from "./container.ts";

export interface ServicePlan {
  readonly service: ServiceName;
  readonly containers: readonly ContainerPlan[];
  /** The same for all of its containers, and whose they are. */
  readonly files: readonly PlacedFile[];
  /** Services that must be ready, or have ended well, before this one starts. */
  readonly after: readonly ServiceName[];
}

export interface VolumePlan {
  readonly name: string;
  readonly service: ServiceName;
  readonly mount: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DockerPlan {
  /** Prefix of every name on the engine: `vitals-docker`. */
  readonly project: string;
  readonly network: { readonly name: string; readonly subnet?: string };
  readonly volumes: readonly VolumePlan[];
  /** Every image, each once; our own among them by its name. */
  readonly images: readonly string[];
  readonly ownImage: string;
  readonly build?: ImageBuild;
  readonly services: readonly ServicePlan[];
  readonly pages: readonly OpenPage[];
}

export type PlanContext = Pick<ImageContext, "digests" | "ownCode"> & {
  /** The group that files belong to when whoever writes them cannot give them away; undefined for root. */
  readonly group?: number;
};

/** Gives every volume to the user of its service; Docker makes them root's where the image has no such folder. */
export const prepareJob = "prepare";

/** Throws one StackError with everything that cannot run in containers. */
export function planDocker(config: StackConfig, stack: Stack, context: PlanContext): DockerPlan {
  const { aliases } = stack;
  const { images, build, problems } = imagesOf(stack.specs, { ...context, config, home: "local" });
  const all = [
    ...problems,
    ...containerMisfits(stack.specs),
    ...portProblems(stack.specs, config.portOffset, isPublished),
  ];
  if (all.length > 0) throw new StackError(all);
  // The image decides which version runs.
  const running = stack.specs
    .filter(({ kind }) => kind !== "external")
    .map((spec) => ({ ...spec, version: versionIn(images.get(spec.name) ?? "") }));
  const project = `vitals-${config.environment}`;
  const { subnet, addresses } = fixedAddresses(project, running);
  const book = dockerBook(stack.specs, { aliases, portOffset: config.portOffset, addresses });
  const services = running.map((spec): ServicePlan => {
    const replicas = replicasOf(spec);
    const files = replicas[0] === undefined ? [] : filesOf(spec, replicas[0], book);
    const image = images.get(spec.name) ?? "";
    const groups = context.group === undefined || files.length === 0 ? [] : [context.group];
    return {
      service: spec.name,
      files,
      containers: replicas.map((replica) =>
        container({
          ...{ spec, replica, book, project, image, files, groups },
          portOffset: config.portOffset,
          address: addresses.get(replica.instance),
        }),
      ),
      after: [...(spec.volumes === undefined ? [] : [prepareJob]), ...afterOf(spec, running, aliases)],
    };
  });
  const volumes = running.flatMap((spec) =>
    replicasOf(spec).flatMap((replica) =>
      Object.entries(spec.volumes ?? {}).map(
        ([volume, { path }]): VolumePlan => ({
          name: volumeName(project, replica, volume),
          service: spec.name,
          mount: path,
          labels: { [labelOf("stack")]: project, [labelOf("service")]: spec.name },
        }),
      ),
    ),
  );
  const own = images.get(running.find(({ artifact }) => artifact.node !== undefined)?.name ?? "") ?? ownImage;
  return {
    project,
    network: { name: project, ...(subnet === undefined ? {} : { subnet }) },
    volumes,
    images: [...new Set(images.values())].toSorted(),
    ownImage: own,
    ...(build === undefined ? {} : { build }),
    services: [giveVolumes(project, own, services), ...services],
    pages: running.flatMap((spec) =>
      Object.entries(spec.ports).flatMap(([name, port]): readonly OpenPage[] => {
        const [endpoint] = book.endpoints(`${spec.name}/${name}`, "outside");
        const { scheme = "http", title } = port;
        return title === undefined || endpoint === undefined || !isPublished(port)
          ? []
          : [
              {
                service: spec.name,
                title,
                url: `${scheme}://${formatEndpoint(endpoint)}${scheme === "http" ? "/" : ""}`,
              },
            ];
      }),
    ),
  };
}

export const prepareEntry = "components/platforms/docker/prepare.ts";

/** The only container that runs as root: on no network, with the right to give files away and no other, and to its end. */
function giveVolumes(project: string, image: string, services: readonly ServicePlan[]): ServicePlan {
  const held = services.flatMap(({ containers }) =>
    containers.flatMap(({ volumes, user }) => volumes.map(({ name }) => ({ name, path: `/volumes/${name}`, user }))),
  );
  const instance = `${prepareJob}-0`;
  return {
    service: prepareJob,
    files: [],
    after: [],
    containers: [
      {
        ...{ name: `${project}-${instance}`, service: prepareJob, instance, job: true, image },
        command: [prepareEntry, ...held.map(({ path, user }) => `${path}:${user.uid}:${user.gid}`)],
        ...{ env: {}, user: { uid: 0, gid: 0 }, groups: [], capabilities: ["CHOWN"], folders: [], scratch: ["/tmp"] },
        volumes: held.map(({ name, path }) => ({ name, path })),
        ...{ ports: [], memory: { needs: 64, most: 128 }, cpuShares: 102, secrets: [] },
        stop: { signal: "SIGTERM", graceSeconds: 10 },
        labels: {
          [labelOf("stack")]: project,
          [labelOf("service")]: prepareJob,
          [labelOf("instance")]: instance,
        },
      },
    ],
  };
}

/** Who tells its own address to peers needs one that is known before it starts, and so the network a range that is known. */
function fixedAddresses(
  project: string,
  running: readonly ServiceSpec[],
): { readonly subnet?: string; readonly addresses: ReadonlyMap<string, string> } {
  const telling = running
    .filter((spec) => [...refsOf(spec)].some((ref) => ref.$ === "self" && ref.as === "ip"))
    .flatMap(replicasOf);
  if (telling.length === 0) return { addresses: new Map() };
  const third = createHash("sha256").update(project).digest()[0] ?? 0;
  const base = `10.213.${third}`;
  return {
    subnet: `${base}.0/24`,
    // Docker gives addresses away from the lower end.
    addresses: new Map(telling.map(({ instance }, index) => [instance, `${base}.${200 + index}`])),
  };
}
