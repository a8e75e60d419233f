// What stands around a workload: the namespace, identities and rights, Services, disruption budgets, ways in for people.
import type { IngressConfig, StackConfig } from "../../config.ts";
import type { PortRef, PortSpec, ServiceSpec, Tree } from "../../spec.ts";
import { workloadOf } from "./book.ts";
import { headlessName, labelsOf, type Manifest, type Planned, selectorOf, sharedPart } from "./manifest.ts";

const sharedLabels = { "app.kubernetes.io/part-of": "vitals" };

export const priorityClassOf = ({ namespace }: StackConfig): string => `${namespace}-watching`;

export const shared = (config: StackConfig): readonly Planned[] => [
  {
    part: sharedPart,
    token: "namespace",
    manifest: {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: config.namespace,
        labels: {
          ...sharedLabels,
          ...Object.fromEntries(
            ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]),
          ),
        },
      },
    },
  },
  {
    part: sharedPart,
    token: "priority",
    manifest: {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name: priorityClassOf(config), labels: sharedLabels },
      value: 100_000,
      globalDefault: false,
      preemptionPolicy: "PreemptLowerPriority",
      description: "What watches the platform outlives what it watches.",
    },
  },
];

/** One identity a service, so that a right is given to one alone. */
export function identity(spec: ServiceSpec, config: StackConfig, asks: boolean): readonly Planned[] {
  const object = (kind: string, apiVersion: string, fields: { readonly [key: string]: Tree }): Planned => ({
    part: spec.name,
    token: `${spec.name}-${kind.toLowerCase()}`,
    manifest: named(spec, config, kind, apiVersion, fields),
  });
  const account = object("ServiceAccount", "v1", { automountServiceAccountToken: false });
  if (!asks) return [account];
  return [
    account,
    object("Role", "rbac.authorization.k8s.io/v1", {
      rules: [
        { apiGroups: [""], resources: ["pods", "services"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
      ],
    }),
    object("RoleBinding", "rbac.authorization.k8s.io/v1", {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: spec.name },
      subjects: [{ kind: "ServiceAccount", name: spec.name, namespace: config.namespace }],
    }),
  ];
}

/** One address for all replicas and, where each has a name, one that leads to each of them. */
export function services(spec: ServiceSpec, config: StackConfig): readonly Planned[] {
  const ports = Object.entries(spec.ports).map(([name, { number, protocol }]) => ({
    name,
    port: number,
    targetPort: name,
    protocol: (protocol ?? "tcp").toUpperCase(),
  }));
  if (ports.length === 0) return [];
  const stateful = workloadOf(spec) === "StatefulSet";
  const selector = selectorOf(spec.name);
  return [
    {
      part: spec.name,
      token: `${spec.name}-service`,
      manifest: named(spec, config, "Service", "v1", {
        spec: {
          type: "ClusterIP",
          selector,
          ports,
          // Replicas differ by a scrape or two: a page that is drawn from both by turns would flicker.
          ...(stateful && (spec.replicas ?? 1) > 1 ? { sessionAffinity: "ClientIP" } : {}),
        },
      }),
    },
    ...(stateful
      ? [
          {
            part: spec.name,
            token: headlessName(spec.name),
            manifest: named(
              spec,
              config,
              "Service",
              "v1",
              // Peers look for each other before they are ready.
              { spec: { type: "ClusterIP", clusterIP: "None", publishNotReadyAddresses: true, selector, ports } },
              headlessName(spec.name),
            ),
          },
        ]
      : []),
  ];
}

export const disruptionBudget = (spec: ServiceSpec, config: StackConfig): Planned => ({
  part: spec.name,
  token: `${spec.name}-disruption`,
  manifest: named(spec, config, "PodDisruptionBudget", "policy/v1", {
    spec: {
      maxUnavailable: 1,
      // A pod that is broken anyway must not keep a node from being drained.
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: selectorOf(spec.name) },
    },
  }),
});

export function door(spec: ServiceSpec, config: StackConfig, doors: ReadonlySet<PortRef>): readonly Planned[] {
  const { ingress } = config;
  const open = Object.entries(spec.ports).find(([name]) => doors.has(`${spec.name}/${name}`));
  if (ingress === undefined || open === undefined) return [];
  const [name, port] = open;
  const host = `${spec.name}.${ingress.host}`;
  const manifest = named(spec, config, "Ingress", "networking.k8s.io/v1", {
    spec: {
      ingressClassName: ingress.class,
      tls: [{ hosts: [host], secretName: `${spec.name}-tls` }],
      rules: [
        {
          host,
          http: {
            paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: spec.name, port: { name } } } }],
          },
        },
      ],
    },
  });
  const annotations = {
    ...ingress.annotations,
    ...certificate(ingress),
    ...login(ingress, port),
  };
  return [
    {
      part: spec.name,
      token: `${spec.name}-ingress`,
      manifest: { ...manifest, metadata: { ...manifest.metadata, annotations } },
    },
  ];
}

const certificate = ({ certManagerIssuer }: IngressConfig): Readonly<Record<string, string>> =>
  certManagerIssuer === undefined ? {} : { "cert-manager.io/cluster-issuer": certManagerIssuer };

/** In the words of ingress-nginx, which other controllers understand in part; `vitals:ingress.annotations` adds theirs. */
function login({ auth }: IngressConfig, port: PortSpec): Readonly<Record<string, string>> {
  const key = (name: string) => `nginx.ingress.kubernetes.io/auth-${name}`;
  if (auth === undefined || port.login === "people") return {};
  // A browser tells one user and password to a host: the ingress's and the page's own would be taken for each other.
  if (port.login === "shared" && "basicAuthSecret" in auth) return {};
  if ("url" in auth)
    return { [key("url")]: auth.url, ...(auth.signIn === undefined ? {} : { [key("signin")]: auth.signIn }) };
  return { [key("type")]: "basic", [key("secret")]: auth.basicAuthSecret, [key("realm")]: "Vitals" };
}

const named = (
  spec: ServiceSpec,
  { namespace }: StackConfig,
  kind: string,
  apiVersion: string,
  fields: { readonly [key: string]: Tree },
  name: string = spec.name,
): Manifest => ({
  apiVersion,
  kind,
  metadata: { name, namespace, labels: labelsOf(spec.name, spec.version) },
  ...fields,
});
