// What a change does to the volumes that hold data, on every platform: compared as plain data, before anything is applied.
import { createHash } from "node:crypto";
import type { Problem } from "../errors.ts";
import type { ServiceName } from "../spec.ts";

/** A volume that data lies in, as its platform describes it. */
export interface HeldVolume {
  readonly owner: ServiceName;
  /** Where it lives, and what it goes with: a namespace, an engine's project. */
  readonly place: string;
  /** What was asked for when it was made, such as its size and class; a volume that is there does not follow a change of it. */
  readonly asks: string;
  /** Where its owner looks for the data. */
  readonly mount: string;
  /** Whether it stays when its owner goes or has fewer replicas. */
  readonly kept: boolean;
}

/** By what a person calls each: `volume claim vitals/data-prometheus-0`. */
export type Volumes = Readonly<Record<string, HeldVolume>>;

export interface Loss {
  readonly volume: string;
  /** `deleted`: gone for good. `abandoned`: it stays, but what used it starts with an empty one or not at all. `unchanged`: it cannot follow its new description. */
  readonly effect: "deleted" | "abandoned" | "unchanged";
  readonly because: string;
}

/** Every volume of `before` that would be deleted, left without its user, or would not become what `after` says; by name. */
export const losses = (before: Volumes, after: Volumes): readonly Loss[] =>
  Object.entries(before)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([volume, old]): readonly Loss[] => {
      const { owner, asks, mount } = old;
      const now = after[volume];
      if (now === undefined) return [gone(volume, old, Object.values(after))];
      if (now.mount !== mount)
        return [
          { volume, effect: "abandoned", because: `${owner} looks for its data in ${now.mount}, not in ${mount}` },
        ];
      if (now.asks !== asks)
        return [
          { volume, effect: "unchanged", because: `a volume of ${owner} cannot change from ${asks} to ${now.asks}` },
        ];
      return [];
    });

function gone(volume: string, { owner, place, kept }: HeldVolume, after: readonly HeldVolume[]): Loss {
  const sibling = after.find((other) => other.owner === owner && other.place === place);
  return {
    volume,
    effect: (sibling?.kept ?? kept) ? "abandoned" : "deleted",
    because: !after.some((other) => other.place === place)
      ? `the stack leaves ${place}; whoever removes that removes the volume with it`
      : sibling === undefined
        ? `${owner} goes, or gets another name`
        : `${owner} no longer has this volume, or fewer replicas`,
  };
}

/** In the environment of a command: the word that a refusal told, or `everything`, which only our own commands set for their children. */
export const permissionVariable = "VITALS_ALLOW_DATA_LOSS";
export const everything = "everything";

/**
 * One problem for each loss, unless a person has allowed it. A permission is the word of exactly these losses: where it is
 * forgotten in an environment, it allows no other.
 */
export function lossProblems(found: readonly Loss[], permission: string | undefined): readonly Problem[] {
  const word = wordOf(found);
  if (permission === everything || permission === word) return [];
  return found.map(({ volume, effect, because }) => ({
    where: volume,
    what: `would be ${effect}: ${because}`,
    remedy: `${remedies[effect]} allow it: --allow-data-loss with our commands, ${permissionVariable}=${word} before any other.`,
  }));
}

const remedies: Readonly<Record<Loss["effect"], string>> = {
  deleted: "Take the change back, or save the data first and",
  abandoned: "Take the change back, or move the data first and",
  unchanged: "Take the change back, or change the volume itself first (docs/kubernetes.md, Growing a volume) and",
};

const wordOf = (found: readonly Loss[]): string =>
  createHash("sha256").update(JSON.stringify(found)).digest("hex").slice(0, 8);
