// Random interleavings of loads, writes, invalidations, crashes and broken connections: nobody reads what was invalidated before he asked.
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cache, createCache } from "../../cache/index.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { policies } from "./support.ts";

const full = process.env.VITALS_PROVE !== undefined;
const missing = redisMissing();
const [processes, ids] = [3, 3];

type Clinic = Cache<typeof policies>;

/** One thing that happens; `after` is a pause in ms before the next of the same track. */
const step = fc.record({
  what: fc.oneof(
    { weight: 100, arbitrary: fc.constant("wrap" as const) },
    { weight: 30, arbitrary: fc.constant("get" as const) },
    { weight: 40, arbitrary: fc.constantFrom("key", "tag", "related", "pattern", "patterns", "delete") },
    { weight: 6, arbitrary: fc.constantFrom("flush", "crash", "cut") },
    // After these an invalidation waits for leases of which the server knows nothing: seldom, or a run takes long.
    { weight: 1, arbitrary: fc.constantFrom("lose", "forget") },
  ),
  by: fc.nat(processes - 1),
  id: fc.nat(ids - 1),
  takes: fc.nat(6),
  after: fc.nat(4),
});
const tracks = fc.array(fc.array(step, { minLength: 10, maxLength: 40 }), { minLength: 4, maxLength: 8 });

describe.skipIf(missing !== undefined)(`interleavings${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  let operator: Redis;
  beforeAll(async () => {
    server = await startRedis();
    operator = new Redis(server.port, "127.0.0.1");
    const first = createCache({ redis: { host: "127.0.0.1", port: server.port }, namespace: "random", policies });
    await first.ready();
    await first.flush();
    await first.close();
  });
  afterAll(async () => {
    operator.disconnect();
    await server.stop();
  });

  it(
    "never shows a value from before an invalidation that was complete",
    async () => {
      const seen = { reads: 0, complete: 0, incomplete: 0, hits: 0, loads: 0 };
      await fc.assert(
        fc.asyncProperty(tracks, async (run) => play(run, seen)),
        { numRuns: full ? 1_000 : 5, ...(full ? {} : { seed: 20_261_126 }), endOnFailure: true },
      );
      expect(seen.reads).toBeGreaterThan(300);
      expect(seen.complete).toBeGreaterThan(80);
      // A cache that kept nothing would pass everything else.
      expect(seen.hits).toBeGreaterThan(100);
      console.log(`interleavings: ${JSON.stringify(seen)}`);
    },
    full ? 7_200_000 : 120_000,
  );

  async function play(run: Runs, seen: Record<string, number>): Promise<void> {
    const start = async (): Promise<Clinic> => {
      const cache = createCache({
        redis: { host: "127.0.0.1", port: server.port },
        namespace: "random",
        policies,
        l1: { max: 2 },
      });
      await cache.ready();
      return cache;
    };
    const caches = await Promise.all(Array.from({ length: processes }, start));
    // The source: a version per record, and the version that everybody must at least see.
    const source = new Array<number>(ids).fill(1);
    const floor = new Array<number>(ids).fill(1);
    // What an earlier run left must not be taken for this one's.
    expect(await caches[0]?.flush()).toEqual({ complete: true });

    const read = async (cache: Clinic, { id, takes, what }: Step): Promise<void> => {
      const least = floor[id] ?? 0;
      const key = { patient: id + 1, year: 2026 };
      const load = async (): Promise<number> => {
        await pause(takes / 2);
        const version = source[id] ?? 0;
        await pause(takes / 2);
        seen.loads = (seen.loads ?? 0) + 1;
        return version;
      };
      const value = (await (what === "get" ? cache.get("visits", key) : cache.wrap("visits", key, load))) as number;
      seen.reads = (seen.reads ?? 0) + 1;
      if (value !== undefined && value < least) throw new Error(`stale: version ${value} after ${least} was complete`);
    };
    const write = async (cache: Clinic, { id, what }: Step): Promise<void> => {
      const key = { patient: id + 1, year: 2026 };
      const version = (source[id] ?? 0) + 1;
      source[id] = version;
      const done =
        what === "tag"
          ? cache.invalidate({ tag: "visits" })
          : what === "related"
            ? cache.invalidate({ related: { patient: id + 1 } })
            : what === "pattern"
              ? cache.invalidate({ pattern: `visits:${id + 1}:*` })
              : what === "patterns"
                ? cache.invalidate({ pattern: "visits:*:*" })
                : what === "flush"
                  ? cache.flush()
                  : what === "delete"
                    ? cache.delete("visits", key)
                    : cache.invalidate({ key: ["visits", key] });
      const { complete } = await done;
      seen[complete ? "complete" : "incomplete"] = (seen[complete ? "complete" : "incomplete"] ?? 0) + 1;
      if (complete) floor[id] = Math.max(floor[id] ?? 0, version);
    };
    const act = async (each: Step): Promise<void> => {
      const cache = caches[each.by];
      if (cache === undefined) return;
      if (each.what === "wrap" || each.what === "get") return read(cache, each);
      if (each.what === "crash") {
        caches[each.by] = await start();
        return cache.close();
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
            await act(each);
            await pause(each.after);
          }
        }),
      );
    } finally {
      for (const cache of caches) {
        const { visits } = cache.stats().policies;
        seen.hits = (seen.hits ?? 0) + (visits?.l1Hits ?? 0) + (visits?.l2Hits ?? 0);
        await cache.close();
      }
    }
  }
});

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Runs = readonly (readonly Step[])[];

const pause = (ms: number): Promise<void> =>
  ms < 1 ? new Promise((resolve) => setImmediate(resolve)) : new Promise((resolve) => setTimeout(resolve, ms));
