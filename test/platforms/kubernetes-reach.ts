// A model of NetworkPolicies: which pod reaches which port of which other, as a network plugin that keeps them would decide.
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { templatesOf } from "./kubernetes-stacks.ts";

/** A pod, or a host outside of the cluster when it has an address alone. */
export interface Peer {
  readonly name: string;
  readonly namespace?: string;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly address?: string;
}

export interface Port {
  readonly protocol: string;
  readonly port: number;
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

interface RulePeer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}

interface Rule {
  readonly from?: readonly RulePeer[];
  readonly to?: readonly RulePeer[];
  readonly ports?: readonly Port[];
}

interface Policy {
  readonly namespace: string;
  readonly podSelector: Selector;
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

/** The pods of a stack: one for each replica that a model can tell apart, which is one for each service. */
export const podsOf = (manifests: readonly Manifest[], namespace: string): readonly Peer[] =>
  templatesOf(manifests).map(([name, { metadata }]) => ({
    name,
    namespace,
    namespaceLabels: { "kubernetes.io/metadata.name": namespace },
    labels: metadata.labels,
  }));

export function reaches(manifests: readonly Manifest[]): (from: Peer, to: Peer, port: Port) => boolean {
  const policies = manifests
    .filter(({ kind }) => kind === "NetworkPolicy")
    .map(({ metadata, spec }): Policy => ({ namespace: metadata.namespace ?? "", ...(spec as object) }) as Policy);
  const passes = (pod: Peer, other: Peer, port: Port, type: "Ingress" | "Egress"): boolean => {
    const own = policies.filter(
      ({ namespace, podSelector, policyTypes }) =>
        namespace === pod.namespace && policyTypes.includes(type) && selects(podSelector, pod.labels),
    );
    if (own.length === 0) return true;
    return own.some((policy) =>
      (type === "Ingress" ? policy.ingress : policy.egress)?.some((rule) => {
        const peers = type === "Ingress" ? rule.from : rule.to;
        return (
          (peers === undefined || peers.some((peer) => isPeer(peer, other, policy.namespace))) &&
          (rule.ports === undefined ||
            rule.ports.some((each) => each.port === port.port && each.protocol === port.protocol))
        );
      }),
    );
  };
  return (from, to, port) => passes(from, to, port, "Egress") && passes(to, from, port, "Ingress");
}

function isPeer({ podSelector, namespaceSelector, ipBlock }: RulePeer, peer: Peer, namespace: string): boolean {
  // The strictest reading for a block of everything: some plugins take pods for members of it, and then it must do no harm.
  if (ipBlock !== undefined) return /^(0\.0\.0\.0|::)\/0$/.test(ipBlock.cidr) || ipBlock.cidr === `${peer.address}/32`;
  if (peer.namespace === undefined) return false;
  const inNamespace =
    namespaceSelector === undefined ? peer.namespace === namespace : selects(namespaceSelector, peer.namespaceLabels);
  return inNamespace && (podSelector === undefined || selects(podSelector, peer.labels));
}

/** Whether an object with these labels is one that the selector means. */
export const selects = ({ matchLabels = {} }: Selector, labels: Readonly<Record<string, string>> = {}): boolean =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value);
