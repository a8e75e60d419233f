// Who answers at an address of a cluster, read from the objects that are applied: Services, containers' ports, Ingresses, discovery.
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { type Answer, wordOf } from "./addresses.ts";
import { selects } from "./kubernetes-reach.ts";
import { templatesOf } from "./kubernetes-stacks.ts";

interface Service {
  readonly clusterIP?: string;
  readonly selector: Labels;
  readonly ports: readonly { readonly port: number; readonly targetPort: string; readonly protocol: string }[];
}
interface Ingress {
  readonly rules: readonly {
    readonly host: string;
    readonly http: {
      readonly paths: readonly {
        readonly backend: { readonly service: { readonly name: string; readonly port: { readonly name: string } } };
      }[];
    };
  }[];
}
interface StatefulSet {
  readonly serviceName: string;
  readonly replicas: number;
}
interface ContainerPort {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol: string;
}
type Labels = Readonly<Record<string, string>>;

/** What the DNS names of Services lead to, by their selectors and the names of containers' ports; a port-forward; and an Ingress. */
export function inCluster(manifests: readonly Manifest[]): readonly Answer[] {
  const pods = podsIn(manifests);
  const services = manifests.filter(({ kind }) => kind === "Service");
  return [
    ...services.flatMap((service) => {
      const { name, namespace } = service.metadata;
      const { clusterIP, selector, ports } = service.spec as unknown as Service;
      const chosen = pods.filter(
        (pod) => pod.namespace === namespace && selects({ matchLabels: selector }, pod.labels),
      );
      return ports.flatMap(({ port, targetPort, protocol }) =>
        chosen.flatMap((pod) => {
          const behind = pod.ports.find((each) => each.name === targetPort && each.protocol === protocol);
          if (behind === undefined) return [];
          const answer = { service: pod.service, port: behind.name };
          if (clusterIP !== "None")
            return [`${name}:${port}`, `localhost:${port}`].map((address) => ({ ...answer, ordinal: 0, address }));
          // A name of its own has a replica of the StatefulSet alone that names this Service; no port is translated on that way.
          return pod.set?.serviceName === name
            ? Array.from({ length: pod.set.replicas }, (_, ordinal) => ({
                ...{ ...answer, ordinal },
                address: `${pod.workload}-${ordinal}.${name}:${behind.containerPort}`,
              }))
            : [];
        }),
      );
    }),
    ...pods.flatMap(({ service, ports }) =>
      ports.flatMap(({ name: port, containerPort }) =>
        ["0.0.0.0", "127.0.0.1"].map(
          (host): Answer => ({ ...{ service, port, ordinal: 0 }, address: `${host}:${containerPort}`, own: true }),
        ),
      ),
    ),
    ...ingresses(manifests).map(
      ({ host, service, port }): Answer => ({ ...{ service, port, ordinal: 0 }, address: `https://${host}` }),
    ),
  ];
}

/** The ports that people elsewhere reach, as `service/port`. */
export const doorsIn = (manifests: readonly Manifest[]): ReadonlySet<string> =>
  new Set(ingresses(manifests).map(({ service, port }) => `${service}/${port}`));

/** Each host that an Ingress takes, with the pods behind it. */
const ingresses = (manifests: readonly Manifest[]) =>
  manifests
    .filter(({ kind }) => kind === "Ingress")
    .flatMap(({ metadata, spec }) =>
      (spec as unknown as Ingress).rules.flatMap(({ host, http }) =>
        http.paths.flatMap(({ backend: { service } }) => {
          const target = manifests.find(({ kind, metadata: { name } }) => kind === "Service" && name === service.name);
          const { selector } = (target?.spec ?? { selector: { none: "" } }) as unknown as Service;
          return podsIn(manifests)
            .filter((pod) => pod.namespace === metadata.namespace && selects({ matchLabels: selector }, pod.labels))
            .map((pod) => ({ host, service: pod.service, port: service.port.name }));
        }),
      ),
    );

export interface Discovery {
  readonly namespaces: { readonly own_namespace?: boolean; readonly names?: readonly string[] };
  readonly selectors: readonly { readonly role: string; readonly label: string }[];
}
export interface Relabeling {
  readonly source_labels: readonly string[];
  readonly regex?: string;
  readonly action?: string;
  readonly target_label?: string;
}

/** What Prometheus finds by asking the cluster for pods from that namespace, as if the targets stood there by name. */
export function discovered(
  manifests: readonly Manifest[],
  namespace: string,
  discoveries: readonly Discovery[],
  relabelings: readonly Relabeling[],
): readonly { readonly targets: readonly string[]; readonly labels: Labels }[] {
  const from = (label: string) =>
    relabelings.filter(({ source_labels }) => source_labels.join() === `__meta_kubernetes_pod_${label}`);
  const ports = from("container_port_name").filter(({ action }) => action === "keep");
  const names = from("name").flatMap(({ target_label }) => target_label ?? []);
  return discoveries.flatMap(({ namespaces, selectors }) =>
    podsIn(manifests)
      .filter((pod) =>
        (namespaces.own_namespace === true ? [namespace] : (namespaces.names ?? [])).includes(pod.namespace),
      )
      .filter(({ labels }) =>
        selectors.every(({ role, label }) => {
          const wanted = Object.fromEntries(label.split(",").map((each) => each.split("=")));
          return role === "pod" && selects({ matchLabels: wanted }, labels);
        }),
      )
      .flatMap((pod) =>
        pod.ports
          .filter(({ name }) => ports.every(({ regex }) => new RegExp(`^(?:${regex})$`).test(name)))
          .flatMap(({ name: port }) =>
            Array.from({ length: pod.replicas }, (_, ordinal) => ({
              targets: [wordOf({ service: pod.service, port, ordinal })],
              // A pod's name has no ordinal here, but takes its place.
              labels: Object.fromEntries(names.map((name) => [name, `${pod.workload}-${ordinal}`])),
            })),
          ),
      ),
  );
}

const podsIn = (manifests: readonly Manifest[]) =>
  manifests.flatMap((manifest) =>
    templatesOf([manifest]).map(([service, { metadata, spec }]) => ({
      service,
      workload: manifest.metadata.name,
      namespace: manifest.metadata.namespace ?? "",
      labels: metadata.labels,
      ports: spec.containers.flatMap(
        (each: { ports?: readonly ContainerPort[] }) => each.ports ?? [],
      ) as readonly ContainerPort[],
      replicas: (manifest.spec as unknown as { readonly replicas?: number }).replicas ?? 1,
      set: manifest.kind === "StatefulSet" ? (manifest.spec as unknown as StatefulSet) : undefined,
    })),
  );
