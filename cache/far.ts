// The values in Redis as this process reads them: judged here by what it has heard where that is enough, else there in full.
import type { Asked } from "./asked.ts";
import type { Bus } from "./bus.ts";
import { type Entry, entryOf, type Fetched, fetchedOf, type Hit, headOf } from "./entry.ts";
import type { Envelopes } from "./envelope.ts";
import { type Link, nonce } from "./link.ts";
import type { Name, Names } from "./names.ts";

/** `get` only reads; `load` asks for the lease when there is nothing, `refresh` asks for it also when there is something. */
export type Mode = "get" | "load" | "refresh";

export interface Far {
  /** Redis decides. Throws Unavailable. */
  fetch(asked: Asked, name: Name, token: string, mode: Mode): Promise<Fetched>;
  /** This process decides, in one plain command; undefined when Redis has to be asked, which knows everything. Throws Unavailable. */
  judged(asked: Asked, name: Name): Promise<Hit | undefined>;
  /** The entry, or undefined when it cannot be read; then it is taken away. */
  open(hit: Hit, name: Name): Promise<Entry | undefined>;
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

export function createFar({ link, names, bus, envelopes, observeRead }: FarOptions): Far {
  /** So many are asked of Redis in full before the next is judged here: many are older than what this process has heard. */
  let wary = 0;
  const timed = <V>({ plan }: Asked, read: Promise<V>): Promise<V> => {
    if (observeRead === undefined) return read;
    const from = performance.now();
    return read.then((answer) => {
      observeRead(plan.name, (performance.now() - from) / 1_000);
      return answer;
    });
  };
  return {
    fetch: async (asked, { shard, entry, lease }, token, mode) => {
      const call = link.call(shard, "fetch", [names.marks(shard), entry, lease], [nonce(), token, leaseMs, mode]);
      return fetchedOf(await timed(asked, call));
    },
    judged: async (asked, { shard, entry, name }) => {
      if (!link.single || !bus().judges(performance.now())) return undefined;
      if (wary > 0) {
        wary--;
        return undefined;
      }
      const bytes = await timed(asked, link.read(shard, entry));
      if (bytes === null) return undefined;
      const head = headOf(bytes);
      const leftMs = bus().leftMs(head, name, performance.now());
      if (leftMs !== undefined) return { kind: "hit", bytes, head, leftMs };
      wary = wariness;
      return undefined;
    },
    open: async (hit, { shard, name, entry, lease }) => {
      try {
        return entryOf(hit, name, envelopes);
      } catch {
        const args = [nonce(), "", "", 0, 0];
        await link.call(shard, "invalidate", [names.marks(shard), entry, lease], args).catch(() => {});
        return undefined;
      }
    },
  };
}
