// What a change does to the volumes that hold data: compared before anything is applied, from the objects alone.
import { type Problem, StackError } from "../../errors.ts";
import type { Manifest } from "./manifest.ts";

export interface Loss {
  /** `vitals/data-prometheus-0`: a namespace and a volume claim in it. */
  readonly claim: string;
  /** `deleted`: gone for good. `abandoned`: it stays, but what used it starts with an empty one or not at all. `unchanged`: it cannot follow its new description. */
  readonly effect: "deleted" | "abandoned" | "unchanged";
  readonly because: string;
}

interface Claim {
  readonly owner: string;
  readonly namespace: string;
  /** What the claim asks for; it is fixed once the claim is there. */
  readonly asks: string;
  readonly mount: string;
}

interface ClaimTemplate {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly accessModes?: unknown;
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: { readonly storage?: string } };
  };
}

interface StatefulSetSpec {
  readonly replicas?: number;
  readonly persistentVolumeClaimRetentionPolicy?: { readonly whenDeleted?: string; readonly whenScaled?: string };
  readonly volumeClaimTemplates?: readonly ClaimTemplate[];
  readonly template?: {
    readonly spec?: {
      readonly containers?: readonly {
        readonly volumeMounts?: readonly {
          readonly name: string;
          readonly mountPath: string;
          readonly subPath?: string;
        }[];
      }[];
    };
  };
}

/** Every claim of `before` that would be deleted, left without its user, or would not become what `after` says. */
export function losses(before: readonly Manifest[], after: readonly Manifest[]): readonly Loss[] {
  const [old, next] = [claimsOf(before), claimsOf(after)];
  const namespaces = new Set(after.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name));
  const hadNamespace = new Set(before.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name));
  return [...old].flatMap(([claim, { owner, namespace, asks, mount }]): readonly Loss[] => {
    if (hadNamespace.has(namespace) && !namespaces.has(namespace))
      return [{ claim, effect: "deleted", because: `the namespace ${namespace} goes, with everything in it` }];
    const now = next.get(claim);
    if (now === undefined) return [gone(claim, owner, before, after)];
    if (now.mount !== mount)
      return [{ claim, effect: "abandoned", because: `${owner} looks for its data in ${now.mount}, not in ${mount}` }];
    if (now.asks !== asks)
      return [{ claim, effect: "unchanged", because: `a claim of ${owner} cannot change from ${asks} to ${now.asks}` }];
    return [];
  });
}

/** Throws a StackError that names each claim, unless the person has allowed it. */
export function refuseLosses(found: readonly Loss[], allowed: boolean): void {
  if (found.length === 0 || allowed) return;
  throw new StackError(
    found.map(
      ({ claim, effect, because }): Problem => ({
        where: `volume claim ${claim}`,
        what: `would be ${effect}: ${because}`,
        remedy: remedies[effect],
      }),
    ),
  );
}

const remedies: Readonly<Record<Loss["effect"], string>> = {
  deleted: "Take the change back, or save the data first and allow it: --allow-data-loss.",
  abandoned: "Take the change back, or move the data first and allow it: --allow-data-loss.",
  unchanged:
    "To grow a volume: change the claim itself (kubectl patch pvc), remove the StatefulSet alone (kubectl delete --cascade=orphan), then apply with --allow-data-loss.",
};

function gone(claim: string, owner: string, before: readonly Manifest[], after: readonly Manifest[]): Loss {
  const kept = find(after, owner);
  const policy = (kept ?? find(before, owner))?.spec as StatefulSetSpec | undefined;
  const { whenDeleted, whenScaled } = policy?.persistentVolumeClaimRetentionPolicy ?? {};
  const fate = kept === undefined ? whenDeleted : whenScaled;
  return {
    claim,
    // A claim that is an object of its own goes with its object.
    effect: fate === "Delete" || policy === undefined ? "deleted" : "abandoned",
    because:
      kept === undefined
        ? `${owner} goes, or gets another name`
        : `${owner} no longer has this volume, or fewer replicas`,
  };
}

const find = (manifests: readonly Manifest[], owner: string): Manifest | undefined =>
  manifests.find(({ kind, metadata }) => kind === "StatefulSet" && metadata.name === owner);

function claimsOf(manifests: readonly Manifest[]): ReadonlyMap<string, Claim> {
  const claims = new Map<string, Claim>();
  for (const { kind, metadata, spec } of manifests) {
    const namespace = metadata.namespace ?? "";
    if (kind === "PersistentVolumeClaim")
      claims.set(`${namespace}/${metadata.name}`, {
        owner: metadata.name,
        namespace,
        asks: asksOf(spec as ClaimTemplate["spec"]),
        mount: "",
      });
    if (kind !== "StatefulSet") continue;
    const set = spec as StatefulSetSpec;
    for (const template of set.volumeClaimTemplates ?? [])
      for (let ordinal = 0; ordinal < (set.replicas ?? 1); ordinal++)
        claims.set(`${namespace}/${template.metadata.name}-${metadata.name}-${ordinal}`, {
          owner: metadata.name,
          namespace,
          asks: asksOf(template.spec),
          mount: mountOf(set, template.metadata.name),
        });
  }
  return claims;
}

const asksOf = ({ accessModes, storageClassName, resources }: ClaimTemplate["spec"]): string =>
  [resources?.requests?.storage, String(accessModes), storageClassName ?? "the default class"].join(" ");

const mountOf = ({ template }: StatefulSetSpec, volume: string): string =>
  (template?.spec?.containers ?? [])
    .flatMap(({ volumeMounts = [] }) => volumeMounts)
    .filter(({ name }) => name === volume)
    .map(({ mountPath, subPath = "" }) => `${mountPath}${subPath === "" ? "" : `:${subPath}`}`)
    .join(", ");
