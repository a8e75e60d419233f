// Loads from the source: under the lease that Redis granted, so that what was invalidated meanwhile is not stored, or for one caller alone.
import { performance } from "node:perf_hooks";
import type { Asked } from "./asked.ts";
import { type Fetched, fetchedOf } from "./entry.ts";
import type { Envelopes } from "./envelope.ts";
import { leaseMs } from "./far.ts";
import { type Link, nonce } from "./link.ts";
import type { Name, Names } from "./names.ts";
import type { Near } from "./near.ts";
import { createTurns, type Load } from "./turns.ts";

/** The lease of one that loads. */
export interface Granted {
  readonly name: Name;
  readonly token: string;
  readonly by: Fetched & { readonly kind: "granted" };
  /** When it was asked for. */
  readonly position: number;
}

export interface Loader {
  underLease(asked: Asked, load: Load, granted: Granted): Promise<unknown>;
  /** A load of which nobody else knows: Redis is away, or another holds the lease for too long. */
  alone(asked: Asked, load: Load): Promise<unknown>;
  /** Caching is off: each loads for himself. */
  past(asked: Asked, load: Load): Promise<unknown>;
  /** Gives a lease back that was perhaps granted: the answer may have been lost, and others must not wait for nobody. */
  release(name: Name, token: string): void;
  /**
   * Stores what the caller knows to be right once he has saved it, unless it is made invalid meanwhile; false when it was not stored.
   * Throws only what `save` does; without one, when the value cannot be made into bytes.
   */
  put(asked: Asked, value: unknown, name: Name, save?: () => Promise<void>): Promise<boolean>;
  /** Gives back the leases that could not be given back while the shard was away. */
  settle(shard: number, call: Link["call"]): Promise<void>;
}

export interface LoaderOptions {
  readonly link: Link;
  readonly names: Names;
  readonly near: Near;
  readonly envelopes: Envelopes;
  readonly observeLoad: (policy: string, seconds: number) => void;
  readonly traceLoad: <V>(policy: string, load: () => Promise<V>) => Promise<V>;
}

interface Sealed {
  readonly bytes: Buffer;
  readonly tags: string;
  readonly ttlMs: number;
}

/** More of them end by themselves, after their 3 s. */
const mostOrphans = 1_000;

export function createLoader({ link, names, near, envelopes, observeLoad, traceLoad }: LoaderOptions): Loader {
  let orphans: { readonly name: Name; readonly token: string }[] = [];
  const keysOf = ({ shard, entry, lease }: Name): readonly string[] => [names.marks(shard), entry, lease];

  const counted = async ({ plan, counts }: Asked, load: Load): Promise<{ value: unknown; ms: number }> => {
    const began = performance.now();
    counts.loads++;
    try {
      const value = await traceLoad(plan.name, load);
      return { value, ms: performance.now() - began };
    } catch (thrown) {
      counts.loadFailures++;
      throw thrown;
    } finally {
      observeLoad(plan.name, (performance.now() - began) / 1_000);
    }
  };
  const seal = ({ plan, parameters }: Asked, name: Name, value: unknown, loadMs: number) => {
    const freshMs = value === null ? plan.negativeTtlMs : plan.ttlMs * (1 - plan.jitter * Math.random());
    if (value === undefined || !(freshMs > 0)) return undefined;
    const staleMs = Math.max(plan.staleWhileRevalidateMs, plan.staleIfErrorMs);
    const { encrypted, compressFrom } = plan;
    const bytes = envelopes.seal(value, { encrypted, compressFrom, name: name.name, loadMs, staleMs });
    const further = value === null ? [] : (plan.valueTags?.(value as never) ?? []);
    const tags = names.tags(plan, parameters(), further).join(" ");
    if (bytes.length > plan.maxBytes) return undefined;
    return { bytes, tags, ttlMs: Math.ceil(freshMs + staleMs), freshMs, staleMs };
  };
  /** What cannot be made into bytes is right all the same, and not kept. */
  const sealIfItMay: typeof seal = (asked, ...rest) => {
    try {
      return seal(asked, ...rest);
    } catch {
      asked.counts.refused++;
      return undefined;
    }
  };
  const unlessHeard = (name: Name, token: string, told: Promise<unknown>): void => {
    told.catch(() => {
      if (orphans.length < mostOrphans) orphans.push({ name, token });
    });
  };
  const release = (name: Name, token: string): void =>
    unlessHeard(name, token, link.call(name.shard, "hold", [name.lease], [token, 0]));
  /** The source has something else by now, which is not kept: what is there goes, and the lease. */
  const forget = (asked: Asked, name: Name, token: string): void => {
    near.drop(asked);
    unlessHeard(name, token, link.call(name.shard, "invalidate", keysOf(name), [nonce(), "", "", 0, 0]));
  };
  /** When it ends in Redis; 0: it was refused. */
  const store = async (name: Name, token: string, by: Granted["by"], { bytes, tags, ttlMs }: Sealed) => {
    const args = [nonce(), token, by.epoch, by.sequence, ttlMs, tags, bytes];
    return Number(await link.call(name.shard, "store", keysOf(name), args));
  };
  const turns = createTurns();

  return {
    underLease: async (asked, load, { name, token, by, position }) => {
      const hold = (): Promise<unknown> =>
        link.call(name.shard, "hold", [name.lease], [token, leaseMs]).catch(() => {});
      const held = setInterval(() => void hold(), leaseMs / 3);
      held.unref();
      try {
        const { value, ms } = await counted(asked, load);
        const sealed = sealIfItMay(asked, name, value, ms);
        if (sealed === undefined) {
          forget(asked, name, token);
          return value;
        }
        const { bytes, tags, freshMs, staleMs } = sealed;
        const end = await store(name, token, by, sealed).catch(() => {
          release(name, token);
          return 0;
        });
        const entry = { end, value, loadMs: ms, staleMs, tags: () => tags, bytes: bytes.length, freshMs };
        if (end > 0) near.keep(asked, name, entry, position);
        else asked.counts.refused++;
        return value;
      } catch (thrown) {
        release(name, token);
        throw thrown;
      } finally {
        clearInterval(held);
      }
    },
    alone: (asked, load) => {
      asked.counts.bypassed++;
      return turns(asked.key, async () => (await counted(asked, load)).value);
    },
    past: async (asked, load) => {
      asked.counts.bypassed++;
      return (await counted(asked, load)).value;
    },
    release,
    put: async (asked, value, name, save) => {
      const token = nonce();
      // Of two who save, the one whose lease is there until after his save has saved last.
      const by = await link
        .call(name.shard, "claim", keysOf(name), [nonce(), token, leaseMs])
        .then(fetchedOf)
        .catch(() => undefined);
      await save?.();
      const sealed = (save === undefined ? seal : sealIfItMay)(asked, name, value, 0);
      if (by?.kind !== "granted" || sealed === undefined) return false;
      return (await store(name, token, by, sealed).catch(() => 0)) > 0;
    },
    settle: async (shard, call) => {
      const own = orphans.filter(({ name }) => name.shard === shard);
      orphans = orphans.filter(({ name }) => name.shard !== shard);
      await Promise.all(own.map(({ name, token }) => call(shard, "hold", [name.lease], [token, 0]).catch(() => {})));
    },
  };
}
