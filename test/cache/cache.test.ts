// What the cache promises, on a real Redis: one load, nothing stale after an invalidation, values that are what they were.
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CacheError } from "../../cache/index.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, gate, policies, untilBorn } from "./support.ts";

const missing = redisMissing();

describe.skipIf(missing !== undefined)(`the cache${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  const cache = (l1: { readonly max: number } | false = { max: 100 }) =>
    cacheOn({ redis: { host: "127.0.0.1", port: server.port }, namespace: "test", policies, l1 });

  beforeAll(async () => {
    server = await startRedis();
    await untilBorn({ host: "127.0.0.1", port: server.port }, "test");
  });
  afterEach(async () => {
    await (await cache(false)).flush();
    await closeCaches();
  });
  afterAll(() => server.stop());

  it("loads once and then serves from the process, from Redis to another", async () => {
    const [one, two] = [await cache(), await cache()];
    let loads = 0;
    const load = async () => ({ loaded: ++loads });
    expect(await one.get("patient", 7)).toBeUndefined();
    expect(await one.wrap("patient", 7, load)).toEqual({ loaded: 1 });
    expect(await one.wrap("patient", 7, load)).toEqual({ loaded: 1 });
    expect(await two.wrap("patient", 7, load)).toEqual({ loaded: 1 });
    expect(await two.get("patient", 7)).toEqual({ loaded: 1 });
    expect(one.stats().policies.patient).toMatchObject({ requests: 3, l1Hits: 1, l2Hits: 0, misses: 2, loads: 1 });
    expect(two.stats().policies.patient).toMatchObject({ requests: 2, l1Hits: 1, l2Hits: 1, misses: 0, loads: 0 });
  });

  it("gives at once what the process has at hand, until it is made invalid anywhere, and never what another has", async () => {
    const [one, two] = [await cache(), await cache()];
    expect(one.peek("patient", 7)).toBeUndefined();
    await one.wrap("patient", 7, async () => "seven");
    expect([one.peek("patient", 7), two.peek("patient", 7)]).toEqual(["seven", undefined]);
    // Only what it gave was a request: who gets nothing goes on to ask.
    expect(one.stats().policies.patient).toMatchObject({ requests: 2, l1Hits: 1 });
    expect(two.stats().policies.patient).toMatchObject({ requests: 0, l1Hits: 0 });
    await two.invalidate({ key: ["patient", 7] });
    expect(one.peek("patient", 7)).toBeUndefined();
  });

  it("tells identifiers apart that would be the same when they were written one after the other", async () => {
    const one = await cache();
    const ids = [
      { patient: "1:1", year: "2" },
      { patient: "1", year: "1:2" },
    ];
    for (const [at, id] of ids.entries()) await one.wrap("visits", id, async () => at);
    expect(ids.map((id) => one.peek("visits", id))).toEqual([0, 1]);
  });

  it("finds in Redis what is of any identifier, also when hundreds are asked for at once", async () => {
    const [one, two] = [await cache(false), await cache(false)];
    const odd = ["ä", "日本", "😀", "a b", "x:y", "*", "{7}", "\r\n$3\r\nget", "'", "%00"];
    const ids = [...odd, ...Array.from({ length: 300 }, (_, at) => at)];
    const stored = await Promise.all(ids.map((id) => one.wrap("patient", id, async () => `of ${id}`)));
    expect(stored).toEqual(ids.map((id) => `of ${id}`));
    const redis = new Redis(server.port);
    await redis.config("RESETSTAT");
    const found = await Promise.all(ids.map((id) => two.wrap("patient", id, async () => "loaded")));
    expect(found).toEqual(stored);
    expect(two.stats().policies.patient).toMatchObject({ l2Hits: ids.length, loads: 0 });
    // Each by one plain command that has named the right key.
    expect(await redis.info("commandstats")).toContain(`cmdstat_getex:calls=${ids.length},`);
    expect(await redis.info("stats")).toContain("keyspace_misses:0\r");
    redis.disconnect();
  });

  it("loads once for many callers in four processes", async () => {
    const caches = await Promise.all([cache(), cache(), cache(), cache()]);
    let loads = 0;
    const load = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return ++loads;
    };
    const values = await Promise.all(
      caches.flatMap((each) => Array.from({ length: 50 }, () => each.wrap("patient", 1, load))),
    );
    expect(new Set(values)).toEqual(new Set([1]));
    expect(loads).toBe(1);
  });

  it.each([
    ["its key", { key: ["visits", { patient: 5, year: 2026 }] }],
    ["its tag", { tag: "visits" }],
    ["a related set", { related: { patient: 5 } }],
    ["a pattern", { pattern: "visits:*:2026" }],
  ] as const)("never stores what was loaded before an invalidation of %s", async (_what, target) => {
    const [one, two] = [await cache(), await cache()];
    const id = { patient: 5, year: 2026 };
    const loading = gate();
    const invalidated = gate();
    const old = one.wrap("visits", id, async () => {
      loading.open();
      await invalidated.passed;
      return "old";
    });
    await loading.passed;
    expect(await two.invalidate(target)).toEqual({ complete: true });
    const [mine, theirs] = [one.wrap("visits", id, async () => "new"), two.wrap("visits", id, async () => "new")];
    invalidated.open();
    expect(await old).toBe("old");
    expect(await mine).toBe("new");
    expect(await theirs).toBe("new");
    expect(await one.get("visits", id)).toBe("new");
    expect(await two.get("visits", id)).toBe("new");
  });

  it.each([
    ["its key", { key: ["visits", { patient: 5, year: 2026 }] }],
    ["its tag", { tag: ["visits"] }],
    ["a related set", { related: { patient: 5 } }],
    ["a pattern", { pattern: "*:5:*" }],
  ] as const)("takes a value from every process when %s is invalidated, and no other", async (_what, target) => {
    const [one, two, three] = [await cache(), await cache(), await cache(false)];
    const id = { patient: 5, year: 2026 };
    const all = [one, two, three];
    for (const each of all) {
      await each.wrap("visits", id, async () => "old");
      await each.wrap("patient", 6, async () => "other");
    }
    expect(await three.invalidate(target)).toEqual({ complete: true });
    for (const each of all) {
      expect(await each.get("visits", id)).toBeUndefined();
      expect(await each.get("patient", 6)).toBe("other");
    }
  });

  it("is the same value, and invalid as one, however its identifiers are written", async () => {
    const one = await cache();
    let loads = 0;
    const load = async () => ++loads;
    const patients = [5, "5", { patient: 5 }, { patient: "5" }] as const;
    const visits = [
      { patient: 5, year: 2026 },
      { patient: "5", year: "2026" },
    ] as const;
    for (const id of patients) expect(await one.wrap("patient", id, load)).toBe(1);
    for (const id of visits) expect(await one.wrap("visits", id, load)).toBe(2);
    await one.delete("patient", 5);
    await one.invalidate({ key: ["visits", visits[0]] });
    for (const id of patients) expect(await one.get("patient", id)).toBeUndefined();
    for (const id of visits) expect(await one.get("visits", id)).toBeUndefined();
    // @ts-expect-error: no identifier at all
    await expect(one.get("visits", { patient: "5:year" })).rejects.toThrow("{year} has no value");
  });

  it("forgets everything on a flush", async () => {
    const [one, two] = [await cache(), await cache()];
    for (let id = 1; id <= 20; id++) await one.wrap("patient", id, async () => id);
    for (let id = 1; id <= 20; id++) expect(await two.get("patient", id)).toBe(id);
    expect(await two.flush()).toEqual({ complete: true });
    for (let id = 1; id <= 20; id++)
      for (const each of [one, two]) expect(await each.get("patient", id)).toBeUndefined();
  });

  it.each([
    ["a flush", (one: Awaited<ReturnType<typeof cache>>) => one.flush()],
    ["a switch", (one: Awaited<ReturnType<typeof cache>>) => one.switch("off")],
  ] as const)(
    "holds nobody up for a load that was overtaken by %s: it gives its lease back",
    async (_what, overtake) => {
      const [one, operator] = [await cache(), new Redis(server.port, "127.0.0.1")];
      const loading = gate();
      const overtaken = gate();
      const old = one.wrap("patient", 1, async () => {
        loading.open();
        await overtaken.passed;
        return "old";
      });
      await loading.passed;
      const leases = () => operator.keys("test:*:l:*");
      expect(await leases()).toHaveLength(1);
      await overtake(one);
      overtaken.open();
      expect(await old).toBe("old");
      expect(await leases()).toEqual([]);
      await one.switch("on");
      operator.disconnect();
    },
  );

  it("keeps null for a while, undefined never, and what a load throws reaches every caller", async () => {
    const one = await cache();
    let loads = 0;
    const nothing = async () => (loads++ % 2 === 0 ? null : undefined);
    expect(await one.wrap("patient", 1, nothing)).toBeNull();
    expect(await one.wrap("patient", 1, nothing)).toBeNull();
    expect(loads).toBe(1);
    expect(await one.get("patient", 1)).toBeNull();
    expect(await one.wrap("patient", 2, nothing)).toBeUndefined();
    expect(await one.wrap("patient", 2, nothing)).toBeNull();
    const failing = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new RangeError("the source is ill");
    };
    const results = await Promise.allSettled([one.wrap("patient", 3, failing), one.wrap("patient", 3, failing)]);
    expect(results.map((result) => result.status === "rejected" && result.reason.message)).toEqual([
      "the source is ill",
      "the source is ill",
    ]);
    expect(await one.wrap("patient", 3, async () => "well")).toBe("well");
  });

  it("gives what cannot be serialized, keeps it nowhere, and tells him who sets it", async () => {
    const one = await cache();
    let loads = 0;
    const load = async () => ({ loaded: BigInt(++loads) });
    expect(await one.wrap("patient", 1, load)).toEqual({ loaded: 1n });
    expect(await one.wrap("patient", 1, load)).toEqual({ loaded: 2n });
    expect(one.stats().policies.patient).toMatchObject({ loads: 2, loadFailures: 0, refused: 2 });
    await one.set("patient", 1, "before");
    await expect(one.set("patient", 1, 3n)).rejects.toThrow(TypeError);
    expect(await one.get("patient", 1)).toBeUndefined();
    expect(await one.wrap("patient", 1, async () => "after")).toBe("after");
  });

  it("covers what is of an identifier, although the caller's object has become another's meanwhile", async () => {
    const one = await cache();
    const id = { patient: 5, year: 2026 };
    const loading = gate();
    const loaded = one.wrap("visits", id, () => loading.passed.then(() => "five"));
    id.patient = 6;
    loading.open();
    await loaded;
    expect(await one.get("visits", { patient: 5, year: 2026 })).toBe("five");
    await one.invalidate({ related: { patient: 5 } });
    expect(await one.get("visits", { patient: 5, year: 2026 })).toBeUndefined();
  });

  it.each([
    ["a key", { key: ["patient", ""] }],
    ["a tag of nobody", { tag: ["patient", undefined as never] }],
    ["a tag of two words", { tag: ["of patient", 5] }],
    ["a related set's member", { related: { patient: undefined as never } }],
    ["a pattern of another form", { pattern: "patient:*:*" }],
  ] as const)("refuses %s that would make nothing invalid", async (_what, target) => {
    const one = await cache();
    await expect(one.invalidate(target)).rejects.toThrow(CacheError);
    await expect(one.delete("patient", "")).rejects.toThrow("{patient} has no value");
  });

  it("gives what was set to every process, and lets no load in flight undo it", async () => {
    const [one, two] = [await cache(), await cache()];
    const loading = gate();
    const set = gate();
    const old = one.wrap("patient", 1, async () => {
      loading.open();
      await set.passed;
      return "loaded";
    });
    await loading.passed;
    expect(await two.set("patient", 1, "written")).toEqual({ complete: true });
    set.open();
    expect(await old).toBe("loaded");
    expect(await one.get("patient", 1)).toBe("written");
    expect(await two.get("patient", 1)).toBe("written");
    await one.set("patient", 1, "again");
    expect(await two.get("patient", 1)).toBe("again");
    await one.set("patient", 1, undefined);
    expect(await two.get("patient", 1)).toBeUndefined();
  });

  it("goes to the source in every process while caching is switched off, and not before or after", async () => {
    const [one, two] = [await cache(), await cache()];
    let loads = 0;
    const load = async () => ++loads;
    expect(await one.wrap("patient", 1, load)).toBe(1);
    expect(await two.wrap("patient", 1, load)).toBe(1);
    expect(await one.switch("off")).toEqual({ complete: true });
    expect(await two.wrap("patient", 1, load)).toBe(2);
    expect(await two.wrap("patient", 1, load)).toBe(3);
    expect(await one.wrap("patient", 1, load)).toBe(4);
    await two.switch("on");
    expect(await one.wrap("patient", 1, load)).toBe(1);
  });

  it("hands out values that no caller can change", async () => {
    const one = await cache();
    const value = await one.wrap("patient", 1, async () => ({ names: ["a"] }));
    expect(() => value.names.push("b")).toThrow(TypeError);
    expect(await one.get("patient", 1)).toEqual({ names: ["a"] });
  });
});
