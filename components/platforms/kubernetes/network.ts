// Who may talk to whom: everything is denied, then each edge of the stack is allowed, in both directions of the policy.
import type { StackConfig } from "../../config.ts";
import { contentOf, refsIn, type ServiceName, type ServiceSpec, splitPort, type Tree } from "../../spec.ts";
import { parseAddress } from "../platform.ts";
import { askedFor, type ClusterContext, findSpec } from "./book.ts";
import { clientLabel, labelsOf, type Planned, selectorOf, sharedPart } from "./manifest.ts";
import { wayTo } from "./pods.ts";

/** One service uses a port of another, or of itself. */
export interface Edge {
  readonly from: ServiceName;
  readonly to: ServiceName;
  readonly port: string;
}

/** Every edge inside the stack: what a service's arguments, environment and files refer to, and what it needs. */
export function edgesOf(specs: readonly ServiceSpec[], aliases: ClusterContext["aliases"]): readonly Edge[] {
  const edges = specs.flatMap((spec) => {
    const own = [
      ...(spec.args ?? []),
      ...Object.values(spec.env ?? {}),
      ...Object.values(spec.files ?? {}).map(contentOf),
    ];
    const used = [
      ...own
        .flatMap((tree) => [...refsIn(tree)])
        .flatMap((ref) =>
          (ref.$ === "at" && ref.side === "inside") || ref.$ === "all" || ref.$ === "discover" ? [ref.to] : [],
        ),
      ...(spec.needs ?? []).flatMap(({ on }) => (splitPort(on).port === "" ? [] : [on])),
    ];
    return used.map((ref): Edge => {
      const { service, port } = splitPort(ref);
      return { from: spec.name, to: findSpec(specs, aliases, service)?.name ?? service, port };
    });
  });
  const known = new Map(edges.map((edge) => [`${edge.from} ${edge.to} ${edge.port}`, edge]));
  return [...known.keys()].toSorted().flatMap((key) => known.get(key) ?? []);
}

/** What a service uses outside the stack, the watched services of other people included. */
export function destinationsOf(
  spec: ServiceSpec,
  specs: readonly ServiceSpec[],
  edges: readonly Edge[],
): NonNullable<ServiceSpec["egress"]> {
  const external = edges
    .filter(({ from }) => from === spec.name)
    .flatMap(({ to }) => specs.find(({ name }) => name === to)?.external?.address ?? []);
  const all = [...(spec.egress ?? []), ...external.map(parseAddress)];
  const known = new Map(all.map(({ host, port }) => [`${host}:${port}`, { host, port }]));
  return [...known.keys()].toSorted().flatMap((key) => known.get(key) ?? []);
}

/** Nothing passes unless a policy of a service says so. */
export const denyAll = (config: StackConfig): Planned => ({
  part: sharedPart,
  token: "deny-all",
  manifest: {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "deny-all", namespace: config.namespace, labels: { "app.kubernetes.io/part-of": "vitals" } },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
  },
});

export function networkPolicy(
  spec: ServiceSpec,
  specs: readonly ServiceSpec[],
  edges: readonly Edge[],
  context: ClusterContext,
  config: StackConfig,
): Planned {
  const incoming = ingressRules(spec, edges, context);
  const outgoing = egressRules(spec, specs, edges, context);
  return {
    part: spec.name,
    token: `${spec.name}-network`,
    manifest: {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: spec.name, namespace: config.namespace, labels: labelsOf(spec.name, spec.version) },
      spec: {
        podSelector: { matchLabels: selectorOf(spec.name) },
        policyTypes: ["Ingress", "Egress"],
        // An empty list and none mean the same, but a server stores only none.
        ...(incoming.length === 0 ? {} : { ingress: incoming }),
        ...(outgoing.length === 0 ? {} : { egress: [dns, ...outgoing] }),
      },
    },
  };
}

function ingressRules(spec: ServiceSpec, edges: readonly Edge[], context: ClusterContext): readonly Tree[] {
  return Object.entries(spec.ports).flatMap(([name, port]) => {
    const callers = edges.filter(({ to, port: used }) => to === spec.name && sameNumber(spec, used, name));
    const from: readonly Tree[] = [
      ...[...new Set(callers.map((edge) => edge.from))].map((service) => ({
        podSelector: { matchLabels: selectorOf(service) },
      })),
      ...(port.scope === "platform" ? [{ namespaceSelector: { matchLabels: { [clientLabel]: "true" } } }] : []),
      ...(context.doors.has(`${spec.name}/${name}`) ? [inNamespace(context.ingress?.controllerNamespace ?? "")] : []),
    ];
    return from.length === 0 ? [] : [{ from, ports: [portRule(port)] }];
  });
}

function egressRules(
  spec: ServiceSpec,
  specs: readonly ServiceSpec[],
  edges: readonly Edge[],
  context: ClusterContext,
): readonly Tree[] {
  const own = edges.filter(({ from }) => from === spec.name);
  const targets = [...new Set(own.map(({ to }) => to))].flatMap(
    (name) => specs.find((other) => other.name === name && other.kind !== "external") ?? [],
  );
  const asked = askedFor(spec, specs, context.aliases);
  return unlike([
    ...targets.map(
      (target): Tree => ({
        to: [{ podSelector: { matchLabels: selectorOf(target.name) } }],
        ports: Object.entries(target.ports)
          .filter(([name]) => own.some(({ to, port }) => to === target.name && sameNumber(target, port, name)))
          .map(([, port]) => portRule(port)),
      }),
    ),
    ...destinationsOf(spec, specs, edges).map(
      ({ host, port }): Tree => ({
        to: peersAt(host),
        ports: [{ protocol: "TCP", port }],
      }),
    ),
    ...asked.flatMap(({ pods }) => (pods === undefined ? [] : [wayTo(pods)])),
    // The API server's address is known to the cluster alone; these are its ports behind and before its Service.
    ...(asked.length > 0 ? [{ to: everywhere, ports: [443, 6443].map((port) => ({ protocol: "TCP", port })) }] : []),
  ]);
}

/** Each rule once: two names that may be anywhere are the same to a policy. */
const unlike = (rules: readonly Tree[]): readonly Tree[] => [
  ...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values(),
];

/** A port that is spoken over TCP and UDP has two entries with one number, and whoever uses one uses both. */
const sameNumber = (spec: ServiceSpec, left: string, right: string): boolean =>
  spec.ports[left] !== undefined && spec.ports[left].number === spec.ports[right]?.number;

const portRule = ({ number, protocol }: ServiceSpec["ports"][string]): Tree => ({
  protocol: (protocol ?? "tcp").toUpperCase(),
  port: number,
});

const inNamespace = (name: string): Tree => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});

const dns: Tree = {
  to: [
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
      podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
    },
  ],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};

const everywhere: readonly Tree[] = [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }];

/** A policy knows no host names: an address is exact, a cluster's name, a service's or one pod's, is its namespace, any other name may be anywhere. */
function peersAt(host: string): readonly Tree[] {
  const namespace = /^(?:[^.]+\.)+?([^.]+)\.svc(?:\.|$)/.exec(host)?.[1];
  if (namespace !== undefined) return [inNamespace(namespace)];
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return [{ ipBlock: { cidr: `${host}/32` } }];
  return host.includes(":") ? [{ ipBlock: { cidr: `${host}/128` } }] : everywhere;
}
