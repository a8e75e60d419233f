// The platform's own pods, in other namespaces: how Prometheus finds them, what it may read there, and the way out to them.
import type { StackConfig } from "../../config.ts";
import type { PodsSpec, ServiceSpec, Tree } from "../../spec.ts";
import { labelsOf, type Manifest, type Planned } from "./manifest.ts";

const meta = (name: string): string => `__meta_kubernetes_${name}`;
const podIp = meta("pod_ip");
/** As Prometheus writes a label's or an annotation's key in the name of its own. */
const written = (key: string): string => key.replaceAll(/[^A-Za-z0-9_]/g, "_");

/** A piece of scrape_config. `instance` is the pod's name; nothing that a pod says becomes a label but which service it is. */
export const podsElsewhere = ({ namespaces, labels, port }: PodsSpec): Tree => ({
  kubernetes_sd_configs: [
    {
      role: "pod",
      namespaces: { names: [...namespaces] },
      selectors: [{ role: "pod", label: textOf(labels) }],
    },
  ],
  relabel_configs: [
    // A pod that is about to run has its address already, and one that has ended still has it.
    { source_labels: [meta("pod_phase")], regex: "Running", action: "keep" },
    { source_labels: [meta("pod_container_init")], regex: "true", action: "drop" },
    ...(typeof port === "number" ? atPort(port) : whereItSays(port.annotations)),
    { source_labels: [meta("pod_name")], target_label: "instance" },
  ],
});

/** Targets that a pod's containers and ports multiply become one by having one address. */
const atPort = (port: number): readonly Tree[] => [
  { source_labels: [podIp], regex: "([^:]+)", replacement: `\${1}:${port}`, target_label: "__address__" },
  { source_labels: [podIp], regex: "(.+:.+)", replacement: `[\${1}]:${port}`, target_label: "__address__" },
];

/** The port that the annotation names, else the ports named `metrics`; never another host than the pod. */
function whereItSays(prefix: string): readonly Tree[] {
  const annotation = (name: string) => meta(`pod_annotation_${written(`${prefix}/${name}`)}`);
  const label = (key: string) => meta(`pod_label_${written(key)}`);
  const at = [annotation("port"), podIp];
  return [
    {
      source_labels: [annotation("port"), meta("pod_container_port_name")],
      regex: "\\d+;.*|;metrics",
      action: "keep",
    },
    { source_labels: at, regex: "(\\d+);([^:]+)", replacement: `\${2}:\${1}`, target_label: "__address__" },
    { source_labels: at, regex: "(\\d+);(.+:.+)", replacement: `[\${2}]:\${1}`, target_label: "__address__" },
    { source_labels: [annotation("path")], regex: "(/.*)", target_label: "__metrics_path__" },
    { source_labels: [annotation("scheme")], regex: "(https?)", target_label: "__scheme__" },
    { source_labels: [meta("namespace")], target_label: "namespace" },
    // The first of these that the pod has; its namespace stands in.
    ...[meta("namespace"), label("app"), label("app.kubernetes.io/name")].map((source) => ({
      source_labels: [source],
      regex: "(.+)",
      target_label: "service",
    })),
  ];
}

/** The right to look for pods, in just the namespaces where some are watched. */
export function rightsElsewhere(
  spec: ServiceSpec,
  watched: readonly PodsSpec[],
  config: StackConfig,
): readonly Planned[] {
  if (!config.discovery.roles) return [];
  const name = `${config.namespace}-${spec.name}`;
  const object = (kind: string, namespace: string, fields: { readonly [key: string]: Tree }): Planned => {
    const metadata = { name, namespace, labels: labelsOf(spec.name, spec.version) };
    const manifest: Manifest = { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata, ...fields };
    return { part: spec.name, token: `${spec.name}-${kind.toLowerCase()}-${namespace}`, manifest };
  };
  const namespaces = new Set(watched.flatMap((each) => each.namespaces));
  // Its own namespace it may read already.
  return [...namespaces]
    .filter((namespace) => namespace !== config.namespace)
    .toSorted()
    .flatMap((namespace) => [
      object("Role", namespace, { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }] }),
      object("RoleBinding", namespace, {
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
        subjects: [{ kind: "ServiceAccount", name: spec.name, namespace: config.namespace }],
      }),
    ]);
}

/** To the watched pods alone; to any port where each tells its own. */
export const wayTo = ({ namespaces, labels, port }: PodsSpec): Tree => ({
  to: namespaces.map((namespace) => ({
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    podSelector: { matchLabels: { ...labels } },
  })),
  ...(typeof port === "number" ? { ports: [{ protocol: "TCP", port }] } : {}),
});

const textOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
