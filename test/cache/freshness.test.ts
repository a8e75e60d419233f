// Values near and after their end: served while they are loaded anew, or because their load fails, and never once invalidated.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { json } from "../../cache/index.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, gate, untilBorn } from "./support.ts";

const missing = redisMissing();
const steady = { jitter: 0, earlyRefresh: false } as const;
const policies = {
  served: { key: "served:{id}", ttl: 0.3, staleWhileRevalidate: 60, ...steady },
  ill: { key: "ill:{id}", ttl: 0.3, staleIfError: 60, ...steady },
  short: { key: "short:{id}", ttl: 0.3, negativeTtl: 0, ...steady },
  nothing: { key: "nothing:{id}", ttl: 60, negativeTtl: 0.3, ...steady },
  early: { key: "early:{id}", ttl: 3, jitter: 0 },
  big: { key: "big:{id}", ttl: 60, maxBytes: 500, compressFrom: 100 },
  many: {
    key: "many:{id}",
    ttl: 60,
    valueTags: ({ places }: { places: number }) =>
      Array.from({ length: places }, (_, place) => ["location", place] as const),
  },
  found: { key: "found:{id}", ttl: 60, valueTags: (value: { place: number }) => [["location", value.place]] as const },
} as const;
const soon = (ms = 350): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(missing !== undefined)(`freshness${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
    await untilBorn({ host: "127.0.0.1", port: server.port }, "fresh");
  });
  afterEach(closeCaches);
  afterAll(() => server.stop());
  const start = (l1: { readonly max: number } | false) =>
    cacheOn({ redis: { host: "127.0.0.1", port: server.port }, namespace: "fresh", policies, l1 });

  it.each([
    ["the process's own", { max: 10 }, 1],
    ["Redis's", false, 2],
  ] as const)("%s: a value after its time is served while one load makes it new", async (_what, l1, id) => {
    const cache = await start(l1);
    let loads = 0;
    const load = async () => ++loads;
    expect(await cache.wrap("served", id, load)).toBe(1);
    await soon();
    const slow = async () => soon(100).then(load);
    expect(await Promise.all([1, 2, 3].map(() => cache.wrap("served", id, slow)))).toEqual([1, 1, 1]);
    await until(async () => (await cache.get("served", id)) === 2);
    expect(loads).toBe(2);
    expect(cache.stats().policies.served?.staleServed).toBeGreaterThanOrEqual(1);
    await cache.delete("served", id);
    expect(await cache.get("served", id)).toBeUndefined();
  });

  it.each([
    ["the process's own", { max: 10 }, 3],
    ["Redis's", false, 4],
  ] as const)("%s: a value after its time is served no more once a load has found nothing", async (_what, l1, id) => {
    const cache = await start(l1);
    await cache.wrap("served", id, async () => 1);
    await soon();
    let loads = 0;
    const nothing = async () => void loads++ as never;
    expect(await cache.wrap("served", id, nothing)).toBe(1);
    await until(async () => (await cache.get("served", id)) === undefined);
    expect(await cache.wrap("served", id, nothing)).toBeUndefined();
    expect(loads).toBe(2);
  });

  it("is served when the load fails, but not what was invalidated", async () => {
    const cache = await start({ max: 10 });
    const failing = async (): Promise<number> => Promise.reject(new Error("the source is ill"));
    await cache.wrap("ill", 1, async () => 1);
    await soon();
    expect(await cache.wrap("ill", 1, failing)).toBe(1);
    expect(await cache.get("ill", 1)).toBeUndefined();
    expect(await cache.wrap("ill", 1, async () => "well again" as never)).toBe("well again");
    await cache.delete("ill", 1);
    await expect(cache.wrap("ill", 1, failing)).rejects.toThrow("the source is ill");
    expect(await cache.wrap("ill", 1, async () => 2)).toBe(2);
  });

  it("is not served when it was invalidated while the load went on that fails", async () => {
    const [cache, other] = [await start(false), await start(false)];
    await cache.wrap("ill", 2, async () => 1);
    await soon();
    const [loading, invalidated] = [gate(), gate()];
    const reading = cache.wrap("ill", 2, async (): Promise<number> => {
      loading.open();
      await invalidated.passed;
      throw new Error("the source is ill");
    });
    await loading.passed;
    expect(await other.delete("ill", 2)).toEqual({ complete: true });
    invalidated.open();
    await expect(reading).rejects.toThrow("the source is ill");
  });

  it("ends with the ttl, and null with negativeTtl, which may be at once", async () => {
    for (const l1 of [{ max: 10 }, false] as const) {
      const cache = await start(l1);
      await cache.wrap("short", 1, async () => 1);
      expect(await cache.get("short", 1)).toBe(1);
      await soon();
      expect(await cache.get("short", 1)).toBeUndefined();
      expect(await cache.wrap("short", 1, async () => null)).toBeNull();
      expect(await cache.get("short", 1)).toBeUndefined();
      expect(await cache.wrap("nothing", 1, async () => null)).toBeNull();
      expect(await cache.get("nothing", 1)).toBeNull();
      await soon();
      expect(await cache.get("nothing", 1)).toBeUndefined();
    }
  });

  it("is loaded early by somebody, without anybody waiting, when its load takes long", async () => {
    const cache = await start(false);
    let loads = 0;
    const load = async () => soon(400).then(() => ++loads);
    await cache.wrap("early", 1, load);
    const began = performance.now();
    let slowest = 0;
    while (performance.now() - began < 9_000 && loads < 3) {
      const asked = performance.now();
      await cache.wrap("early", 1, load);
      slowest = Math.max(slowest, performance.now() - asked);
      await soon(50);
    }
    expect(loads).toBeGreaterThanOrEqual(3);
    expect(cache.stats().policies.early?.misses).toBe(1);
    expect(slowest).toBeLessThan(400);
  });

  it("compresses what is big, and does not store what is too big even so", async () => {
    const cache = await start(false);
    const text = "abc".repeat(1_000);
    expect(await cache.wrap("big", 1, async () => text)).toBe(text);
    expect(await cache.get("big", 1)).toBe(text);
    const noise = Array.from({ length: 200 }, (_, index) => Math.sin(index));
    expect(await cache.wrap("big", 2, async () => noise)).toEqual(noise);
    expect(await cache.get("big", 2)).toBeUndefined();
  });

  it("knows tags that only the value tells", async () => {
    for (const l1 of [{ max: 10 }, false] as const) {
      const [one, two] = [await start(l1), await start(l1)];
      const load = async () => ({ place: 7 });
      await one.wrap("found", 1, load);
      await two.wrap("found", 1, load);
      await one.invalidate({ tag: ["location", 8] });
      expect(await two.get("found", 1)).toEqual({ place: 7 });
      await one.invalidate({ tag: ["location", 7] });
      expect(await two.get("found", 1)).toBeUndefined();
    }
  });

  it.each([
    ["the process's own", { max: 10 }],
    ["Redis's", false],
  ] as const)("knows any number of tags: %s", async (_what, l1) => {
    const [one, two] = [await start(l1), await start(l1)];
    // Lua does not take so many arguments at a time.
    const load = async () => ({ places: 20_000 });
    for (const id of [1, 2, 3, 4]) for (const each of [one, two]) await each.wrap("many", id, load);
    expect([one.stats().up, await two.get("many", 4)]).toEqual([true, { places: 20_000 }]);
    expect(one.stats().policies.many?.refused).toBe(0);
    await two.invalidate({ tag: ["location", 19_999] });
    for (const each of [one, two]) expect(await each.get("many", 4)).toBeUndefined();
  });

  it("keeps what a serializer of the program's own makes", async () => {
    const serializer = {
      serialize: (value: unknown) => json.serialize([...(value as Map<string, number>)]),
      deserialize: (bytes: Buffer) => new Map(json.deserialize(bytes) as [string, number][]),
    };
    const redis = { host: "127.0.0.1", port: server.port };
    const cache = await cacheOn({ redis, namespace: "maps", policies, serializer, l1: false });
    await cache.wrap("served", 1, async () => new Map([["a", 1]]));
    expect(await cache.get("served", 1)).toEqual(new Map([["a", 1]]));
  });
});
