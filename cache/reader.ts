// Reads through: a value of this process, else of Redis, else loaded once for all processes and stored if nothing made it invalid meanwhile.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "./asked.ts";
import type { Bus } from "./bus.ts";
import type { Entry, Fetched } from "./entry.ts";
import type { Envelopes } from "./envelope.ts";
import { createFar, type Mode } from "./far.ts";
import { type Link, nonce, type Unavailable } from "./link.ts";
import { createLoader, type Loader } from "./loader.ts";
import type { Memory } from "./memory.ts";
import type { Name, Names } from "./names.ts";
import { createNear, isDue } from "./near.ts";
import type { Load } from "./turns.ts";

export interface Reader extends Pick<Loader, "put" | "settle"> {
  get(asked: Asked): Promise<unknown>;
  /** Counts as a request when it has the value: whoever does not get it from here asks on. */
  peek(asked: Asked): unknown;
  wrap(asked: Asked, load: Load): Promise<unknown>;
  /** Loads begun before are shared with nobody who comes after. */
  detach(): void;
}

export interface ReaderOptions {
  readonly link: Link;
  readonly names: Names;
  readonly bus: () => Bus;
  readonly memory: Memory | undefined;
  readonly envelopes: Envelopes;
  readonly observeLoad: (policy: string, seconds: number) => void;
  readonly observeRead: ((policy: string, seconds: number) => void) | undefined;
  readonly traceLoad: <V>(policy: string, load: () => Promise<V>) => Promise<V>;
}

const refuse = (why: Unavailable): never => {
  throw why;
};
const pauseMs = { first: 2, most: 40 } as const;

export function createReader({ memory, ...options }: ReaderOptions): Reader {
  const { names, bus } = options;
  const near = createNear(memory, bus);
  const far = createFar(options);
  const loader = createLoader({ ...options, near });
  const flights = new Map<string, Promise<unknown>>();
  const refreshing = new Set<string>();

  /** Loads anew behind a value that is still served; once, in all processes together: who comes later gets what the first has loaded. */
  const refresh = (asked: Asked, load: Load, old: { readonly end: number }): void => {
    if (refreshing.has(asked.key)) return;
    refreshing.add(asked.key);
    const name = names.current(asked.plan, asked.parameters());
    const position = bus().position();
    const token = nonce();
    void far
      .fetch(asked, name, token, "refresh", old.end)
      .then(async (by) => {
        if (by.kind === "granted") return loader.underLease(asked, load, { name, token, by, position });
        const entry = by.kind === "hit" ? await far.open(by, name) : undefined;
        if (entry !== undefined && entry.freshMs > 0) near.keep(asked, name, entry, position);
      })
      .catch(() => {})
      .finally(() => refreshing.delete(asked.key));
  };

  /** The value of an entry that may be served as it is; perhaps it is loaded anew meanwhile. */
  const served = (asked: Asked, load: Load, name: Name, entry: Entry, position: number): unknown => {
    const { plan, counts } = asked;
    counts.l2Hits++;
    if (entry.freshMs <= 0) counts.staleServed++;
    else near.keep(asked, name, entry, position);
    if (isDue(plan, entry)) refresh(asked, load, entry);
    return entry.value;
  };
  const mayServe = ({ plan }: Asked, { freshMs }: Entry): boolean =>
    freshMs > 0 || -freshMs < plan.staleWhileRevalidateMs;

  /**
   * The most usual, with nothing made that it does not need: Redis has a value, and this process may judge it. All else is for
   * `obtain`. `ended` is called when it has the value, or not.
   */
  const look = (asked: Asked, load: Load, now: number, ended: () => void): Promise<unknown> => {
    let name: Name;
    try {
      name = names.current(asked.plan, asked.parameters());
    } catch (thrown) {
      return Promise.reject(thrown).finally(ended);
    }
    const position = bus().position();
    const on = (first?: Fetched): Promise<unknown> => obtain(asked, load, name, first).finally(ended);
    const looking = far.look(
      asked,
      name,
      now,
      (bytes) => {
        const hit = far.judge(bytes, name);
        if (hit === undefined) return on();
        const entry = far.open(hit, name);
        if (entry instanceof Promise) return entry.then(() => on());
        if (!mayServe(asked, entry)) return on(hit);
        ended();
        return served(asked, load, name, entry, position);
      },
      () => loader.alone(asked, load).finally(ended),
    );
    return looking ?? on();
  };

  const obtain = async (asked: Asked, load: Load, name: Name, first?: Fetched): Promise<unknown> => {
    const { plan, counts } = asked;
    let giveUpAt: number | undefined;
    let stale: Entry | undefined;
    let mode: Mode = "load";
    let got = first;
    for (let pause: number = pauseMs.first; ; pause = Math.min(pauseMs.most, pause * 2)) {
      const position = bus().position();
      const token = nonce();
      try {
        got ??= await far.fetch(asked, name, token, mode, stale?.end);
      } catch (thrown) {
        if ((thrown as Unavailable).cause !== "open") loader.release(name, token);
        return loader.alone(asked, load);
      }
      const now = got;
      got = undefined;
      if (now.kind === "off") return loader.past(asked, load);
      if (now.kind === "hit") {
        const entry = await far.open(now, name);
        if (entry === undefined) continue;
        if (mayServe(asked, entry)) return served(asked, load, name, entry, position);
        [stale, mode] = [entry, "refresh"];
        continue;
      }
      if (now.kind === "granted") {
        counts.misses++;
        try {
          return await loader.underLease(asked, load, { name, token, by: now, position });
        } catch (thrown) {
          // Meanwhile it may have been made invalid, or others have loaded what is new.
          const left = stale && (await far.fetch(asked, name, "", "get").catch(() => undefined));
          const entry = left?.kind === "hit" ? await far.open(left, name) : undefined;
          if (entry === undefined) throw thrown;
          if (entry.freshMs <= 0) counts.staleServed++;
          return entry.value;
        }
      }
      giveUpAt ??= performance.now() + plan.waitMs;
      if (performance.now() > giveUpAt) {
        counts.misses++;
        return loader.alone(asked, load);
      }
      await sleep(pause * (0.5 + Math.random()));
      // What was read before the pause may be invalid by now.
      [stale, mode] = [undefined, "load"];
    }
  };

  return {
    get: async (asked) => {
      const { plan, counts } = asked;
      counts.requests++;
      const slot = near.find(asked);
      if (slot !== undefined) {
        counts.l1Hits++;
        return slot.value;
      }
      const name = names.current(plan, asked.parameters());
      const position = bus().position();
      const ask = async (): Promise<Fetched> => {
        const judged = await far.look(asked, name, performance.now(), (bytes) => far.judge(bytes, name), refuse);
        return judged ?? far.fetch(asked, name, "", "get");
      };
      const got = await ask().catch(() => undefined);
      const entry = got?.kind === "hit" ? await far.open(got, name) : undefined;
      if (entry === undefined || -entry.freshMs >= plan.staleWhileRevalidateMs) {
        counts.misses++;
        return undefined;
      }
      counts.l2Hits++;
      if (entry.freshMs > 0) near.keep(asked, name, entry, position);
      return entry.value;
    },
    peek: (asked) => {
      const slot = near.fresh(asked);
      if (slot === undefined) return undefined;
      asked.counts.requests++;
      asked.counts.l1Hits++;
      return slot.value;
    },
    wrap: (asked, load) => {
      const { counts } = asked;
      counts.requests++;
      const slot = near.find(asked, (old) => refresh(asked, load, old));
      if (slot !== undefined) {
        counts.l1Hits++;
        return Promise.resolve(slot.value);
      }
      const now = performance.now();
      const shares = bus().live(now);
      const flight = shares ? flights.get(asked.key) : undefined;
      if (flight !== undefined) {
        counts.coalesced++;
        return flight;
      }
      if (!shares) return look(asked, load, now, () => {});
      const made = look(asked, load, now, () => {
        if (flights.get(asked.key) === made) flights.delete(asked.key);
      });
      flights.set(asked.key, made);
      return made;
    },
    put: loader.put,
    detach: () => flights.clear(),
    settle: loader.settle,
  };
}
