// A Kubernetes object as plain data, and the names and labels that all of ours share.
import type { SecretName, ServiceName, Tree } from "../../spec.ts";
import type { Content } from "../content.ts";

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: Tree | Metadata;
}

/** An object that is to be, and what only an engine that knows the secrets can add to it. */
export interface Planned {
  /** The service that it belongs to; `namespace` for what all share. */
  readonly part: ServiceName;
  /** Its name in Pulumi's state: the same when the object's own name holds a hash. */
  readonly token: string;
  readonly manifest: Manifest;
  /** Of a Secret: the texts that become its `stringData`. */
  readonly secretData?: Readonly<Record<string, Content>>;
  /** Of a workload: what it reads at its start; a fingerprint of their values in the pod template makes a rotation a change. */
  readonly restartsFor?: readonly SecretName[];
}

export const sharedPart = "namespace";

/** In a pod template; its value never tells a secret. */
export const fingerprintAnnotation = "vitals/secrets-fingerprint";

/**
 * Flux fills in every `${…}` of what it applies. An object without a secret has none for it, so what stands in one belongs to
 * the program that reads it, such as Prometheus.
 * https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
 */
export function keptAsItIs(planned: Planned): Planned {
  const { manifest, secretData, restartsFor = [] } = planned;
  if (secretData !== undefined || restartsFor.length > 0 || !JSON.stringify(manifest).includes("${")) return planned;
  const annotations = { ...manifest.metadata.annotations, "kustomize.toolkit.fluxcd.io/substitute": "disabled" };
  return { ...planned, manifest: { ...manifest, metadata: { ...manifest.metadata, annotations } } };
}

/** A namespace with this label, set to "true", may use what the stack offers to the services of the platform. */
export const clientLabel = "vitals/client";

/** What selects a service's pods. Never a version: selectors cannot change. */
export const selectorOf = (service: ServiceName) =>
  ({ "app.kubernetes.io/name": service, "app.kubernetes.io/part-of": "vitals" }) as const;

export const labelsOf = (service: ServiceName, version: string): Readonly<Record<string, string>> => ({
  ...selectorOf(service),
  ...(version === "" ? {} : { "app.kubernetes.io/version": version }),
});

/** The Service whose DNS names are the single replicas: `prometheus-0.prometheus-pods`. */
export const headlessName = (service: ServiceName): string => `${service}-pods`;
export const secretName = (service: ServiceName): string => `${service}-secrets`;
