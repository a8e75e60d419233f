// The volume claims that objects describe, as the plain data that changes are judged by.
import type { Volumes } from "../data-loss.ts";
import type { Manifest } from "./manifest.ts";

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

/** Every claim by its namespace and name: those of StatefulSets, one for each replica, and those that are objects of their own. */
export const volumesOf = (manifests: readonly Manifest[]): Volumes =>
  Object.fromEntries(
    manifests.flatMap(({ kind, metadata: { name, namespace = "" }, spec }) => {
      const [place, claim] = [`namespace ${namespace}`, `volume claim ${namespace}/`];
      if (kind === "PersistentVolumeClaim") {
        const asks = asksOf(spec as ClaimTemplate["spec"]);
        // It goes with its object.
        return [[`${claim}${name}`, { owner: name, place, asks, mount: "", kept: false }]];
      }
      if (kind !== "StatefulSet") return [];
      const set = spec as StatefulSetSpec;
      const { whenDeleted = "Retain", whenScaled = "Retain" } = set.persistentVolumeClaimRetentionPolicy ?? {};
      return (set.volumeClaimTemplates ?? []).flatMap((template) => {
        const volume = {
          owner: name,
          place,
          asks: asksOf(template.spec),
          mount: mountOf(set, template.metadata.name),
          kept: whenDeleted === "Retain" && whenScaled === "Retain",
        };
        return Array.from({ length: set.replicas ?? 1 }, (_, ordinal) => [
          `${claim}${template.metadata.name}-${name}-${ordinal}`,
          volume,
        ]);
      });
    }),
  );

const asksOf = ({ accessModes, storageClassName, resources }: ClaimTemplate["spec"]): string =>
  [resources?.requests?.storage, String(accessModes), storageClassName ?? "the default class"].join(" ");

const mountOf = ({ template }: StatefulSetSpec, volume: string): string =>
  (template?.spec?.containers ?? [])
    .flatMap(({ volumeMounts = [] }) => volumeMounts)
    .filter(({ name }) => name === volume)
    .map(({ mountPath, subPath = "" }) => `${mountPath}${subPath === "" ? "" : `:${subPath}`}`)
    .join(", ");
