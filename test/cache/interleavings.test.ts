// Random interleavings of loads, writes, writes through, invalidations, values that end, crashes and broken connections: nobody reads
// what was invalidated before he asked.
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCache } from "../../cache/index.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { dying, policies, untilBorn } from "./support.ts";
import { startWorker } from "./workers.ts";

const full = process.env.VITALS_PROVE !== undefined;
const missing = redisMissing();
const [processes, ids] = [3, 3];
/** Alike but for when and how their values end. */
const kinds = ["visits", "short", "served", "ill", "through"] as const;

/** One thing that happens; `after` is a pause in ms before the next of the same track. */
const step = fc.record({
  what: fc.oneof(
    { weight: 100, arbitrary: fc.constant("wrap" as const) },
    { weight: 30, arbitrary: fc.constant("get" as const) },
    { weight: 40, arbitrary: fc.constantFrom("key", "tag", "related", "pattern", "patterns", "delete", "set", "save") },
    { weight: 6, arbitrary: fc.constantFrom("flush", "crash", "cut") },
    // After these an invalidation waits for leases of which the server knows nothing: seldom, or a run takes long.
    { weight: 1, arbitrary: fc.constantFrom("lose", "forget") },
  ),
  kind: fc.constantFrom(...kinds),
  by: fc.nat(processes - 1),
  id: fc.nat(ids - 1),
  takes: fc.nat(6),
  after: fc.nat(4),
  /** Whether the source is ill when this loads. */
  fails: fc.integer({ min: 1, max: 10 }).map((one) => one === 1),
});
const tracks = fc.array(fc.array(step, { minLength: 10, maxLength: 40 }), { minLength: 4, maxLength: 8 });
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A cache of one process, wherever that is. */
interface Clinic {
  wrap(step: Step, load: Load): Promise<unknown>;
  save(step: Step, value: number, save: () => Promise<void>): Promise<unknown>;
  /** Calls the cache by a method's name. */
  ask(
    method: "get" | "set" | "delete" | "invalidate" | "flush" | "stats",
    ...args: readonly unknown[]
  ): Promise<unknown>;
  end(): Promise<void>;
}
type Load = () => Promise<number>;

interface Place {
  readonly server: TestRedis;
  readonly operator: Redis;
}

describe.skipIf(missing !== undefined)(`interleavings${missing === undefined ? "" : ` (${missing})`}`, () => {
  /** Most of a run is waiting for leases to end: several go on at a time, each on a server of its own, which it breaks as it likes. */
  let places: readonly Place[] = [];
  beforeAll(async () => {
    places = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const server = await startRedis();
        for (const namespace of ["together", "apart"])
          await untilBorn({ host: "127.0.0.1", port: server.port }, namespace);
        return { server, operator: new Redis(server.port, "127.0.0.1") };
      }),
    );
  });
  afterAll(async () => {
    for (const { server, operator } of places) {
      operator.disconnect();
      await server.stop();
    }
  });

  /** Three caches that share a process, which ends them properly. */
  const together = async ({ server }: Place): Promise<Clinic> => {
    const cache = createCache({
      redis: { host: "127.0.0.1", port: server.port },
      namespace: "together",
      policies: { ...policies, ...dying },
      l1: { max: 4 },
      deadlineMs: 2_000,
    });
    await cache.ready();
    return {
      wrap: ({ kind, id }, load) => cache.wrap(kind, keyOf(id), load),
      save: ({ kind, id }, value, save) => cache.save(kind, keyOf(id), value, save),
      ask: async (method, ...args) =>
        method === "stats"
          ? cache.stats().policies
          : (cache[method] as (...args: unknown[]) => Promise<unknown>)(...args),
      end: () => cache.close(),
    };
  };
  /** Real processes, which are killed. */
  const apart = async ({ server }: Place): Promise<Clinic> => {
    const works = new Map<string, () => Promise<unknown>>();
    const named = (work: () => Promise<unknown>): string => {
      const name = `${works.size}`;
      works.set(name, work);
      return name;
    };
    const { child, ask } = await startWorker({
      ...{ redisPort: server.port, namespace: "apart", max: 4 },
      load: (of) => works.get(of)?.() ?? Promise.reject(new Error(`nobody does ${of}`)),
    });
    const dead = new Promise<"dead">((resolve) => child.once("exit", () => resolve("dead")));
    const alive = (answer: Promise<unknown>) => Promise.race([answer, dead.then(() => Promise.reject(new Gone()))]);
    return {
      wrap: ({ kind, id }, load) => alive(ask("wrap", kind, keyOf(id), named(load))),
      save: ({ kind, id }, value, save) => alive(ask("save", kind, keyOf(id), value, named(save))),
      ask: (method, ...args) => alive(ask(method, ...args)),
      end: async () => {
        child.kill("SIGKILL");
        await dead;
      },
    };
  };

  it.each([
    ["in three caches", together, 8, 1_600],
    ["in three processes that are killed", apart, 4, 240],
  ] as const)(
    "never show a value from before an invalidation that was complete, %s",
    async (_where, start, sample, all) => {
      const seen = { reads: 0, complete: 0, incomplete: 0, failed: 0, loads: 0, hits: 0, stale: 0, crashes: 0 };
      const numRuns = (full ? all : sample) / places.length;
      const played = await Promise.allSettled(
        places.map((place, index) =>
          fc.assert(
            fc.asyncProperty(tracks, async (run) => play(run, place, start, seen)),
            { numRuns, ...(full ? {} : { seed: 20_261_126 + index }), endOnFailure: true },
          ),
        ),
      );
      for (const each of played) if (each.status === "rejected") throw each.reason;
      console.log(`interleavings: ${JSON.stringify(seen)}`);
      expect(seen.reads).toBeGreaterThan(30 * sample);
      expect(seen.complete).toBeGreaterThan(8 * sample);
      // A cache that kept nothing would pass everything else.
      expect(seen.hits).toBeGreaterThan(5 * sample);
      expect(seen.stale).toBeGreaterThan(0);
    },
    full ? 7_200_000 : 120_000,
  );

  async function play(
    run: readonly (readonly Step[])[],
    place: Place,
    start: (place: Place) => Promise<Clinic>,
    seen: Seen,
  ): Promise<void> {
    const { operator } = place;
    const caches = await Promise.all(Array.from({ length: processes }, () => start(place)));
    // The source: a version per record, and the version that everybody must at least see.
    const source = new Map<string, number>();
    const floor = new Map<string, number>();
    const name = ({ kind, id }: Pick<Step, "kind" | "id">): string => `${kind}:${id}`;
    const writing = new Map<string, Promise<unknown>>();
    // What an earlier run left must not be taken for this one's.
    await until(async () => ((await (caches[0] as Clinic).ask("flush")) as Told).complete, 60_000);

    const whenIll = (thrown: unknown): void => {
      if (!String(thrown).includes(ill)) throw thrown;
      seen.failed++;
    };
    const read = async (cache: Clinic, each: Step): Promise<void> => {
      const least = floor.get(name(each)) ?? 0;
      const load = async (): Promise<number> => {
        seen.loads++;
        await pause(each.takes / 2);
        const version = source.get(name(each)) ?? 0;
        await pause(each.takes / 2);
        if (each.fails) throw new Error(ill);
        return version;
      };
      const answer = each.what === "get" ? cache.ask("get", each.kind, keyOf(each.id)) : cache.wrap(each, load);
      const value = (await answer.catch(whenIll)) as number | undefined;
      seen.reads++;
      if (value !== undefined && value < least) throw new Error(`stale: version ${value} after ${least} was complete`);
    };
    /** A record is written by one at a time, as a value that is set must be the source's. */
    const write = (cache: Clinic, each: Step): Promise<void> => {
      const done = (writing.get(name(each)) ?? Promise.resolve()).then(async () => {
        const version = (source.get(name(each)) ?? 0) + 1;
        // One who saves for a process that was killed may be late, but turns nothing back.
        const change = () => source.set(name(each), Math.max(version, source.get(name(each)) ?? 0));
        if (each.what !== "save") change();
        const save = async (): Promise<void> => {
          await pause(each.takes / 2);
          change();
          await pause(each.takes / 2);
          if (each.fails) throw new Error(ill);
        };
        const told = await (each.what === "save" ? cache.save(each, version, save) : tell(cache, each, version)).catch(
          whenIll,
        );
        if (told === undefined) return;
        const { complete } = told as Told;
        seen[complete ? "complete" : "incomplete"]++;
        if (complete) floor.set(name(each), version);
      });
      writing.set(
        name(each),
        done.catch(() => {}),
      );
      return done;
    };
    const act = async (each: Step): Promise<void> => {
      const cache = caches[each.by] as Clinic;
      if (each.what === "wrap" || each.what === "get") return read(cache, each);
      if (each.what === "crash") {
        seen.crashes++;
        await cache.end();
        caches[each.by] = await start(place);
        return;
      }
      if (each.what === "cut")
        return void (await operator.call("CLIENT", "KILL", "TYPE", each.id === 0 ? "pubsub" : "normal"));
      if (each.what === "lose") return void (await operator.flushall());
      if (each.what === "forget") return void (await operator.call("FUNCTION", "FLUSH"));
      return write(cache, each);
    };
    try {
      await Promise.all(
        run.map(async (track) => {
          for (const each of track) {
            await act(each).catch((thrown: unknown) => {
              // Who asked a process that was killed meanwhile gets no answer, and need not.
              if (!(thrown instanceof Gone)) throw thrown;
            });
            await pause(each.after);
          }
        }),
      );
    } finally {
      for (const cache of caches) {
        const stats = (await cache.ask("stats").catch(() => ({}))) as Stats;
        for (const kind of kinds) {
          seen.hits += (stats[kind]?.l1Hits ?? 0) + (stats[kind]?.l2Hits ?? 0);
          seen.stale += stats[kind]?.staleServed ?? 0;
        }
        await cache.end();
      }
    }
  }
});

interface Told {
  readonly complete: boolean;
}
type Seen = Record<"reads" | "complete" | "incomplete" | "failed" | "loads" | "hits" | "stale" | "crashes", number>;
type Stats = Readonly<
  Record<string, { readonly l1Hits: number; readonly l2Hits: number; readonly staleServed: number }>
>;

class Gone extends Error {}
const ill = "the source is ill";

const keyOf = (id: number) => ({ patient: id + 1, year: 2026 });

/** Tells the cache of a change in one of the ways there are. */
function tell(cache: Clinic, { what, kind, id }: Step, version: number): Promise<unknown> {
  if (what === "set") return cache.ask("set", kind, keyOf(id), version);
  if (what === "delete") return cache.ask("delete", kind, keyOf(id));
  if (what === "flush") return cache.ask("flush");
  if (what === "tag") return cache.ask("invalidate", { tag: "visits" });
  if (what === "related") return cache.ask("invalidate", { related: { patient: id + 1 } });
  if (what === "pattern") return cache.ask("invalidate", { pattern: `${kind}:${id + 1}:*` });
  if (what === "patterns") return cache.ask("invalidate", { pattern: `${kind}:*:*` });
  return cache.ask("invalidate", { key: [kind, keyOf(id)] });
}

const pause = (ms: number): Promise<void> =>
  ms < 1 ? new Promise((resolve) => setImmediate(resolve)) : new Promise((resolve) => setTimeout(resolve, ms));
