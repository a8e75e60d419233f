// Reads through: a value of this process, else of Redis, else loaded once for all processes and stored if nothing made it invalid meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import type { Bus } from "./bus.ts";
import { type Entry, entryOf, type Fetched, fetchedOf, type Hit, headOf } from "./entry.ts";
import type { Envelopes } from "./envelope.ts";
import { freeze } from "./freeze.ts";
import { type Link, nonce, type Unavailable } from "./link.ts";
import type { Memory, Slot } from "./memory.ts";
import type { Name, Names, Parameters } from "./names.ts";
import type { Plan } from "./policy.ts";
import type { Counts } from "./statistics.ts";
import { createTurns, type Load } from "./turns.ts";

/** One value that is asked for. `key` is known in this process only. */
export interface Asked {
  readonly plan: Plan;
  readonly counts: Counts;
  readonly key: string;
  /** Asked for only when the process has no value of its own. */
  parameters(): Parameters;
}

export interface Reader {
  get(asked: Asked): Promise<unknown>;
  wrap(asked: Asked, load: Load): Promise<unknown>;
  /** Stores what the caller knows to be right; false when it was not stored. */
  put(asked: Asked, value: unknown, name: Name): Promise<boolean>;
  /** Loads begun before are shared with nobody who comes after. */
  detach(): void;
  /** Gives back the leases that could not be given back while the shard was away. */
  settle(shard: number, call: Link["call"]): Promise<void>;
}

export interface ReaderOptions {
  readonly link: Link;
  readonly names: Names;
  readonly bus: () => Bus;
  readonly memory: Memory | undefined;
  readonly envelopes: Envelopes;
  readonly observeLoad: (policy: string, seconds: number) => void;
  readonly traceLoad: <V>(policy: string, load: () => Promise<V>) => Promise<V>;
}

/** Somebody who loads keeps a lease of so long; when he ends without a word, another takes over after it. */
const leaseMs = 3_000;
/** More of them end by themselves, after their 3 s. */
const mostOrphans = 1_000;
const wariness = 16;
const pauseMs = { first: 2, most: 40 } as const;

export function createReader({ link, names, bus, memory, envelopes, observeLoad, traceLoad }: ReaderOptions): Reader {
  const flights = new Map<string, Promise<unknown>>();
  const refreshing = new Set<string>();
  let orphans: { readonly name: Name; readonly token: string }[] = [];
  /** So many are asked of Redis in full before the next is judged here: many are older than what this process has heard. */
  let wary = 0;
  const count = ({ counts }: Asked): Counts => counts;

  const fetch = async (
    { shard, entry, lease }: Name,
    token: string,
    mode: "get" | "load" | "refresh",
  ): Promise<Fetched> =>
    fetchedOf(await link.call(shard, "fetch", [names.marks(shard), entry, lease], [nonce(), token, leaseMs, mode]));

  /** The entry, judged by what this process has heard; undefined when Redis has to be asked, which knows everything. */
  const judged = async (name: Name): Promise<Hit | undefined> => {
    if (!link.single || !bus().judges(performance.now())) return undefined;
    if (wary > 0) {
      wary--;
      return undefined;
    }
    const bytes = await link.read(name.shard, name.entry);
    if (bytes === null) return undefined;
    const head = headOf(bytes);
    const leftMs = bus().leftMs(head, name.name, performance.now());
    if (leftMs !== undefined) return { kind: "hit", bytes, head, leftMs };
    wary = wariness;
    return undefined;
  };

  /** The value of this process, if it may be served. */
  const near = (asked: Asked, load: Load | undefined): Slot | undefined => {
    const slot = memory?.get(asked.key);
    if (slot === undefined) return undefined;
    const now = performance.now();
    if (now < slot.refreshAt && bus().live(now)) return slot;
    if (now >= slot.until) memory?.drop(asked.key);
    if (now >= slot.until || !bus().live(now)) return undefined;
    if (load !== undefined) refresh(asked, load);
    if (now >= slot.freshUntil) count(asked).staleServed++;
    return slot;
  };
  const keep = (asked: Asked, name: Name, entry: Entry, position: number): void => {
    if (memory === undefined || !asked.plan.l1 || !bus().unchangedSince(position, name.name, entry.tags)) return;
    const now = performance.now();
    const freshUntil = now + entry.freshMs;
    memory.put({
      key: asked.key,
      policy: asked.plan.name,
      value: freeze(entry.value),
      name: name.name,
      tags: entry.tags,
      bytes: entry.bytes,
      loadMs: entry.loadMs,
      refreshAt: freshUntil - earlyMs(asked.plan, entry.loadMs),
      freshUntil,
      until: freshUntil + asked.plan.staleWhileRevalidateMs,
      uses: 0,
    });
  };
  /** The entry, or undefined when it cannot be read; then it is taken away. */
  const read = async (hit: Hit, name: Name): Promise<Entry | undefined> => {
    try {
      return entryOf(hit, name.name, envelopes);
    } catch {
      await link
        .call(name.shard, "invalidate", [names.marks(name.shard), name.entry, name.lease], [nonce(), "", "", 0, 0])
        .catch(() => {});
      return undefined;
    }
  };

  const loadCounted = async (asked: Asked, load: Load): Promise<{ readonly value: unknown; readonly ms: number }> => {
    const began = performance.now();
    count(asked).loads++;
    try {
      const value = await traceLoad(asked.plan.name, load);
      return { value, ms: performance.now() - began };
    } catch (thrown) {
      count(asked).loadFailures++;
      throw thrown;
    } finally {
      observeLoad(asked.plan.name, (performance.now() - began) / 1_000);
    }
  };
  const seal = (asked: Asked, name: Name, value: unknown, loadMs: number) => {
    const { plan } = asked;
    const freshMs = value === null ? plan.negativeTtlMs : plan.ttlMs * (1 - plan.jitter * Math.random());
    if (value === undefined || !(freshMs > 0)) return undefined;
    const staleMs = Math.max(plan.staleWhileRevalidateMs, plan.staleIfErrorMs);
    const { encrypted, compressFrom } = plan;
    const bytes = envelopes.seal(value, { encrypted, compressFrom, name: name.name, loadMs, staleMs });
    const further = value === null ? [] : (plan.valueTags?.(value as never) ?? []);
    const tags = names.tags(plan, asked.parameters(), further);
    if (bytes.length > plan.maxBytes) return undefined;
    return { bytes, tags, ttlMs: Math.ceil(freshMs + staleMs), freshMs, staleMs };
  };
  /** Perhaps granted, perhaps not: the answer may have been lost. Others must not wait for a lease that nobody uses. */
  const release = (name: Name, token: string): void => {
    link.call(name.shard, "hold", [name.lease], [token, 0]).catch(() => {
      if (orphans.length < mostOrphans) orphans.push({ name, token });
    });
  };
  const loadUnderLease = async (
    asked: Asked,
    name: Name,
    load: Load,
    token: string,
    granted: Fetched & { kind: "granted" },
    position: number,
  ): Promise<unknown> => {
    const hold = (): Promise<unknown> => link.call(name.shard, "hold", [name.lease], [token, leaseMs]).catch(() => {});
    const held = setInterval(() => void hold(), leaseMs / 3);
    held.unref();
    try {
      const { value, ms } = await loadCounted(asked, load);
      const sealed = seal(asked, name, value, ms);
      if (sealed === undefined) {
        release(name, token);
        return value;
      }
      const { bytes, tags, ttlMs, freshMs, staleMs } = sealed;
      const args = [nonce(), token, granted.epoch, granted.sequence, ttlMs, tags.join(" "), bytes];
      const answer = await link
        .call(name.shard, "store", [names.marks(name.shard), name.entry, name.lease], args)
        .catch(() => {
          release(name, token);
          return 0;
        });
      if (answer === 1) keep(asked, name, { value, loadMs: ms, staleMs, tags, bytes: bytes.length, freshMs }, position);
      else count(asked).refused++;
      return value;
    } catch (thrown) {
      release(name, token);
      throw thrown;
    } finally {
      clearInterval(held);
    }
  };

  /** Loads anew behind a value that is still served; one at a time, in all processes together. */
  const refresh = (asked: Asked, load: Load): void => {
    if (refreshing.has(asked.key)) return;
    refreshing.add(asked.key);
    const name = names.current(asked.plan, asked.parameters());
    const position = bus().position();
    const token = nonce();
    void fetch(name, token, "refresh")
      .then((got) => (got.kind === "granted" ? loadUnderLease(asked, name, load, token, got, position) : undefined))
      .catch(() => {})
      .finally(() => refreshing.delete(asked.key));
  };

  /** A load of which nobody else knows: Redis is away, or another holds the lease for too long. */
  const turns = createTurns();
  const alone = (asked: Asked, load: Load): Promise<unknown> => {
    count(asked).bypassed++;
    return turns(asked.key, async () => (await loadCounted(asked, load)).value);
  };

  const obtain = async (asked: Asked, load: Load): Promise<unknown> => {
    const { plan } = asked;
    const name = names.current(plan, asked.parameters());
    const giveUpAt = performance.now() + plan.waitMs;
    let stale: Entry | undefined;
    let mode: "load" | "refresh" = "load";
    let first = true;
    for (let pause: number = pauseMs.first; ; pause = Math.min(pauseMs.most, pause * 2)) {
      const position = bus().position();
      let token = "";
      let got: Fetched | undefined;
      try {
        if (first) got = await judged(name);
        first = false;
        if (got === undefined) {
          token = nonce();
          got = await fetch(name, token, mode);
        }
      } catch (thrown) {
        if (token !== "" && (thrown as Unavailable).cause !== "open") release(name, token);
        return alone(asked, load);
      }
      if (got.kind === "off") {
        count(asked).bypassed++;
        return (await loadCounted(asked, load)).value;
      }
      if (got.kind === "hit") {
        const entry = await read(got, name);
        if (entry === undefined) continue;
        if (entry.freshMs > 0) {
          count(asked).l2Hits++;
          if (entry.freshMs < earlyMs(plan, entry.loadMs)) refresh(asked, load);
          keep(asked, name, entry, position);
          return entry.value;
        }
        if (-entry.freshMs < plan.staleWhileRevalidateMs) {
          count(asked).l2Hits++;
          count(asked).staleServed++;
          refresh(asked, load);
          return entry.value;
        }
        [stale, mode] = [entry, "refresh"];
        continue;
      }
      if (got.kind === "granted") {
        count(asked).misses++;
        try {
          return await loadUnderLease(asked, name, load, token, got, position);
        } catch (thrown) {
          if (stale === undefined) throw thrown;
          count(asked).staleServed++;
          return stale.value;
        }
      }
      if (performance.now() > giveUpAt) {
        count(asked).misses++;
        return alone(asked, load);
      }
      await sleep(pause * (0.5 + Math.random()));
      // What was read before the pause may be invalid by now.
      [stale, mode] = [undefined, "load"];
    }
  };

  return {
    get: async (asked) => {
      count(asked).requests++;
      const slot = near(asked, undefined);
      if (slot !== undefined) {
        count(asked).l1Hits++;
        return slot.value;
      }
      const name = names.current(asked.plan, asked.parameters());
      const position = bus().position();
      const ask = async (): Promise<Fetched> => (await judged(name)) ?? (await fetch(name, "", "get"));
      const got = await ask().catch(() => undefined);
      const entry = got?.kind === "hit" ? await read(got, name) : undefined;
      if (entry === undefined || -entry.freshMs >= asked.plan.staleWhileRevalidateMs) {
        count(asked).misses++;
        return undefined;
      }
      count(asked).l2Hits++;
      if (entry.freshMs > 0) keep(asked, name, entry, position);
      return entry.value;
    },
    wrap: (asked, load) => {
      count(asked).requests++;
      const slot = near(asked, load);
      if (slot !== undefined) {
        count(asked).l1Hits++;
        return Promise.resolve(slot.value);
      }
      const shares = bus().live(performance.now());
      const flight = shares ? flights.get(asked.key) : undefined;
      if (flight !== undefined) {
        count(asked).coalesced++;
        return flight;
      }
      const made = obtain(asked, load);
      if (!shares) return made;
      flights.set(asked.key, made);
      const done = (): void => {
        if (flights.get(asked.key) === made) flights.delete(asked.key);
      };
      made.then(done, done);
      return made;
    },
    put: async (asked, value, name) => {
      const sealed = seal(asked, name, value, 0);
      if (sealed === undefined) return false;
      const args = [nonce(), sealed.ttlMs, sealed.tags.join(" "), sealed.bytes];
      await link.call(name.shard, "put", [names.marks(name.shard), name.entry, name.lease], args);
      return true;
    },
    detach: () => flights.clear(),
    settle: async (shard, call) => {
      const own = orphans.filter(({ name }) => name.shard === shard);
      orphans = orphans.filter(({ name }) => name.shard !== shard);
      await Promise.all(own.map(({ name, token }) => call(shard, "hold", [name.lease], [token, 0]).catch(() => {})));
    },
  };
}

/** XFetch: how long before its end this process, this time, takes a value for ended. */
const earlyMs = ({ earlyRefresh }: Plan, loadMs: number): number =>
  earlyRefresh ? -Math.log(1 - Math.random()) * loadMs : 0;
