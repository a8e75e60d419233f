// The values in Redis as this process reads them: judged here by what it has heard where that is enough, else there in full.
import { performance } from "node:perf_hooks";
import type { Asked } from "./asked.ts";
import type { Bus } from "./bus.ts";
import type { Then } from "./deadline.ts";
import { type Entry, entryOf, type Fetched, fetchedOf, type Hit, headOf } from "./entry.ts";
import type { Envelopes } from "./envelope.ts";
import { type Link, nonce, type Unavailable } from "./link.ts";
import type { Name, Names } from "./names.ts";

/** `get` only reads; `load` asks for the lease when there is nothing, `refresh` asks for it also when there is only the old one. */
export type Mode = "get" | "load" | "refresh";

export interface Far {
  /** Redis decides; an entry that ends at `old` is not asked for. Throws Unavailable. */
  fetch(asked: Asked, name: Name, token: string, mode: Mode, old?: number): Promise<Fetched>;
  /** What lies there, in one plain command, as `Link.read` gives it; undefined when this process could not judge it. */
  look<T>(
    asked: Asked,
    name: Name,
    now: number,
    then: Then<Buffer | null, T>,
    otherwise: Then<Unavailable, T>,
  ): Promise<T> | undefined;
  /** This process decides; undefined when Redis has to be asked, which knows everything. */
  judge(bytes: Buffer | null, name: Name): Hit | undefined;
  /** The entry, at once; or undefined when it cannot be read, once it has been taken away. */
  open(hit: Hit, name: Name): Entry | Promise<undefined>;
}

export interface FarOptions {
  readonly link: Link;
  readonly names: Names;
  readonly bus: () => Bus;
  readonly envelopes: Envelopes;
  readonly observeRead: ((policy: string, seconds: number) => void) | undefined;
}

/** Somebody who loads keeps a lease of so long; when he ends without a word, another takes over after it. */
export const leaseMs = 3_000;
const wariness = 16;
const nothing = (): undefined => undefined;

export function createFar({ link, names, bus, envelopes, observeRead }: FarOptions): Far {
  /** So many are asked of Redis in full before the next is judged here: many are older than what this process has heard. */
  let wary = 0;
  /** What is called when it is answered. */
  const begun = ({ plan }: Asked): (() => void) | undefined => {
    if (observeRead === undefined) return undefined;
    const from = performance.now();
    return () => observeRead(plan.name, (performance.now() - from) / 1_000);
  };
  return {
    fetch: async (asked, { shard, entry, lease }, token, mode, old = 0) => {
      const answered = begun(asked);
      const keys = [names.marks(shard), entry, lease];
      const answer = await link.call(shard, "fetch", keys, [nonce(), token, leaseMs, mode, old]);
      answered?.();
      return fetchedOf(answer);
    },
    look: (asked, { shard, entry }, now, then, otherwise) => {
      if (!link.single || !bus().judges(now)) return undefined;
      if (wary > 0) {
        wary--;
        return undefined;
      }
      const answered = begun(asked);
      if (answered === undefined) return link.read(shard, entry, then, otherwise);
      return link.read(
        shard,
        entry,
        (bytes) => {
          answered();
          return then(bytes);
        },
        otherwise,
      );
    },
    judge: (bytes, { name }) => {
      if (bytes === null) return undefined;
      const head = headOf(bytes);
      const leftMs = bus().leftMs(bytes, head, name, performance.now());
      if (leftMs !== undefined) return { kind: "hit", bytes, head, leftMs };
      wary = wariness;
      return undefined;
    },
    open: (hit, { shard, name, entry, lease }) => {
      try {
        return entryOf(hit, name, envelopes);
      } catch {
        const args = [nonce(), "", "", 0, 0];
        return link.call(shard, "invalidate", [names.marks(shard), entry, lease], args).then(nothing, nothing);
      }
    },
  };
}
