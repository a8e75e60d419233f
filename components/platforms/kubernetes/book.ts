// Addresses in a cluster: a service is its DNS name, a replica the ordinal of a StatefulSet or a pod that Kubernetes finds.
import type { IngressConfig } from "../../config.ts";
import {
  contentOf,
  type PortRef,
  refsIn,
  refsOf,
  type ServiceName,
  type ServiceSpec,
  splitPort,
  type Tree,
} from "../../spec.ts";
import { secretsFolder } from "../mounts.ts";
import { type AddressBook, formatEndpoint, parseAddress, replicasOf } from "../platform.ts";
import { headlessName, selectorOf } from "./manifest.ts";
import { podsElsewhere } from "./pods.ts";

export interface ClusterContext {
  readonly aliases: ReadonlyMap<ServiceName, ServiceName>;
  readonly ingress: IngressConfig | undefined;
  /** Ports that people elsewhere reach through the ingress. */
  readonly doors: ReadonlySet<PortRef>;
}

export type Workload = "StatefulSet" | "Deployment" | "Job" | "CronJob";

/** A volume belongs to one replica, so whatever has one needs replicas with a name. */
export const workloadOf = ({ kind, schedule, volumes }: ServiceSpec): Workload =>
  kind === "job"
    ? schedule === undefined
      ? "Job"
      : "CronJob"
    : kind === "stateful" || volumes !== undefined
      ? "StatefulSet"
      : "Deployment";

/** Stand for what only the pod itself knows, until an argument or a variable is written. */
export const selfMark = { name: "\u0000POD_NAME\u0000", ip: "\u0000POD_IP\u0000" } as const;

export const findSpec = (
  specs: readonly ServiceSpec[],
  aliases: ClusterContext["aliases"],
  name: ServiceName,
): ServiceSpec | undefined => specs.find((spec) => spec.name === (aliases.get(name) ?? name));

export function kubernetesBook(specs: readonly ServiceSpec[], context: ClusterContext): AddressBook {
  const find = (to: PortRef) => {
    const { service, port } = splitPort(to);
    const spec = findSpec(specs, context.aliases, service);
    return { spec, port: spec?.ports[port], portName: port };
  };
  const service: AddressBook["service"] = (to, side) => {
    const { spec, port, portName } = find(to);
    if (spec === undefined || port === undefined) return undefined;
    if (spec.external !== undefined) return parseAddress(spec.external.address);
    if (spec.pods !== undefined) return undefined;
    if (side === "inside") return { host: spec.name, port: port.number };
    return context.doors.has(`${spec.name}/${portName}`)
      ? { host: `${spec.name}.${context.ingress?.host}`, port: 443, scheme: "https" }
      : // Where `kubectl port-forward` puts it.
        { host: "localhost", port: port.number };
  };
  const endpoints: AddressBook["endpoints"] = (to, side) => {
    const { spec, port } = find(to);
    if (spec === undefined || port === undefined) return [];
    if (side === "inside" && spec.external === undefined && workloadOf(spec) === "StatefulSet")
      return replicasOf(spec).map(({ instance }) => ({
        host: `${instance}.${headlessName(spec.name)}`,
        port: port.number,
      }));
    const only = service(to, side);
    return only === undefined ? [] : [only];
  };
  return {
    endpoints,
    service,
    discover: (to) => {
      const { spec, portName } = find(to);
      if (spec?.pods !== undefined) return podsElsewhere(spec.pods);
      return spec !== undefined && isDiscovered(spec)
        ? discovered(spec.name, portName)
        : {
            static_configs: endpoints(to, "inside").map((each, ordinal) => ({
              targets: [formatEndpoint(each)],
              labels: { instance: `${spec?.name}-${ordinal}` },
            })),
          };
    },
    listen: (replica, port) => ({
      host: "0.0.0.0",
      port: specs.find(({ name }) => name === replica.service)?.ports[port]?.number ?? 0,
    }),
    file: (_replica, path) => path,
    dir: (replica, volume) => specs.find(({ name }) => name === replica.service)?.volumes?.[volume]?.path ?? "",
    secretFile: (_replica, name) => `${secretsFolder}/${name}`,
    self: (_replica, as) => selfMark[as],
  };
}

/** Pages that people open or that a link leads to, where an ingress is there and somebody asks who they are. */
export function doorsOf(
  specs: readonly ServiceSpec[],
  aliases: ClusterContext["aliases"],
  ingress: IngressConfig | undefined,
): ReadonlySet<PortRef> {
  if (ingress === undefined) return new Set();
  const linked = new Set(
    specs.flatMap((spec) =>
      [...refsOf(spec)].flatMap((ref) => {
        if (ref.$ !== "at" || ref.side !== "outside") return [];
        const { service, port } = splitPort(ref.to);
        return [`${aliases.get(service) ?? service}/${port}`];
      }),
    ),
  );
  return new Set(
    specs
      .filter(({ kind }) => kind !== "external")
      .flatMap((spec) =>
        Object.entries(spec.ports)
          .filter(
            ([name, { scheme = "http", scope, title, login }]) =>
              scheme === "http" &&
              (scope === "host" || scope === "public") &&
              (title !== undefined || linked.has(`${spec.name}/${name}`)) &&
              (login !== undefined || ingress.auth !== undefined),
          )
          .map(([name]): PortRef => `${spec.name}/${name}`),
      ),
  );
}

/** Pods without a name of their own are found through the cluster's API. */
export const isDiscovered = (spec: ServiceSpec): boolean =>
  spec.kind !== "external" && workloadOf(spec) === "Deployment";

/** The services whose pods a service asks the cluster for: its configuration discovers them. */
export const askedFor = (
  spec: ServiceSpec,
  specs: readonly ServiceSpec[],
  aliases: ClusterContext["aliases"],
): readonly ServiceSpec[] =>
  Object.values(spec.files ?? {}).flatMap((each) =>
    [...refsIn(contentOf(each))].flatMap((ref) => {
      if (ref.$ !== "discover") return [];
      const other = findSpec(specs, aliases, splitPort(ref.to).service);
      return other !== undefined && (other.pods !== undefined || isDiscovered(other)) ? [other] : [];
    }),
  );

const discovered = (service: ServiceName, port: string): Tree => ({
  kubernetes_sd_configs: [
    {
      role: "pod",
      namespaces: { own_namespace: true },
      selectors: [
        {
          role: "pod",
          label: Object.entries(selectorOf(service))
            .map(([label, value]) => `${label}=${value}`)
            .join(","),
        },
      ],
    },
  ],
  relabel_configs: [
    { source_labels: ["__meta_kubernetes_pod_container_port_name"], regex: port, action: "keep" },
    // A pod that has ended keeps its address in the API for a while.
    { source_labels: ["__meta_kubernetes_pod_phase"], regex: "Succeeded|Failed", action: "drop" },
    { source_labels: ["__meta_kubernetes_pod_name"], target_label: "instance" },
  ],
});
