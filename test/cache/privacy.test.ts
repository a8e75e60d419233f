// Nothing that identifies anybody leaves the process: not in keys, values, channels, metrics or what Redis logs.
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createCache } from "../../cache/index.ts";
import { createNames } from "../../cache/names.ts";
import { planAll } from "../../cache/policy.ts";
import { cache as rows } from "../../telemetry/catalogue/cache.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, untilBorn } from "./support.ts";

const missing = redisMissing();
const policies = {
  patient: { key: "patient:{patient}", ttl: 60, encrypted: true, related: { patient: "patient" } },
  visits: { key: "visits:{patient}:recent:{year}", ttl: 60, encrypted: true, tags: ["seen-by:{patient}"] },
} as const;
const day = 86_400_000;

describe.skipIf(missing !== undefined)(`privacy${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  let operator: Redis;
  const [old, fresh] = [
    { id: "k1", key: randomBytes(32) },
    { id: "k2", key: randomBytes(32) },
  ];
  const hashing = { secret: "a secret of the namespace's own" };
  const options = (keys: readonly (typeof old)[]) =>
    ({
      redis: { host: "127.0.0.1", port: server.port },
      namespace: "private",
      policies,
      encryption: { keys, hashing },
    }) as const;

  beforeAll(async () => {
    server = await startRedis();
    operator = new Redis(server.port, "127.0.0.1");
    await untilBorn({ host: "127.0.0.1", port: server.port }, "private");
  });
  afterEach(closeCaches);
  afterAll(async () => {
    operator.disconnect();
    await server.stop();
  });

  it("holds in keys, values, messages and metrics", async () => {
    const metrics = createMetrics(rows);
    const durations = metrics.histogram("cache_load_duration_seconds");
    const cache = await cacheOn({
      ...options([old]),
      telemetry: {
        source: metrics.source,
        observeLoad: (name, seconds) => durations.observe({ cache: name }, seconds),
      },
    });
    const heard: string[] = [];
    const listener = new Redis(server.port, "127.0.0.1");
    listener.on("pmessage", (_pattern, channel: string, message: string) => heard.push(`${channel} ${message}`));
    await listener.psubscribe("*");
    await operator.config("SET", "slowlog-log-slower-than", "0");
    for (const id of ["CANARY-1", "CANARY-2"]) {
      await cache.wrap("patient", id, async () => ({ name: `CANARY name of ${id}` }));
      await cache.wrap("visits", { patient: id, year: "CANARY-year" }, async () => ["CANARY visit"]);
      await cache.wrap("visits", { patient: id, year: "CANARY-year" }, async () => ["CANARY visit"]);
    }
    await cache.wrap("patient", "CANARY-3", async () => Promise.reject(new Error("CANARY"))).catch(() => {});
    const keys = await operator.keys("*");
    const stored = await Promise.all(keys.map(async (key) => (await operator.dump(key).catch(() => "")) ?? ""));
    await cache.invalidate({ related: { patient: "CANARY-1" } });
    await cache.invalidate({ tag: ["seen-by", "CANARY-2"] });
    await cache.invalidate({ pattern: "visits:CANARY-1:recent:*" });
    await until(() => heard.length > 3);
    const slow = JSON.stringify(await operator.slowlog("GET", 1_000));
    const { body } = await metrics.render();
    expect(keys.some((key) => /:e:visits:[\w-]{22}:recent:[\w-]{22}$/.test(key))).toBe(true);
    expect(body).toContain('cache_requests_total{cache="visits"} 4');
    expect(body).toContain('cache_hits_total{cache="visits",layer="l1"} 2');
    expect(body).toContain('cache_load_duration_seconds_count{cache="patient"} 3');
    expect(body).toContain('cache_load_failures_total{cache="patient"} 1');
    expect(body).toContain('cache_invalidations_total{namespace="private",kind="pattern"} 1');
    expect(metrics.refused()).toBe(0);
    for (const text of [keys.join(), stored.join(), heard.join(), slow, body]) expect(text).not.toContain("CANARY");
    listener.disconnect();
  });

  it("reads values of the key before while both are known, and loads anew when it is gone", async () => {
    const before = await cacheOn(options([old]));
    await before.wrap("patient", 1, async () => "sealed with the old one");
    const turning = await cacheOn(options([fresh, old]));
    const never = async (): Promise<string> => Promise.reject(new Error("loaded"));
    expect(await turning.wrap("patient", 1, never)).toBe("sealed with the old one");
    await turning.wrap("patient", 2, async () => "sealed with the new one");
    const after = await cacheOn(options([fresh]));
    expect(await after.wrap("patient", 2, never)).toBe("sealed with the new one");
    expect(await after.wrap("patient", 1, async () => "loaded anew")).toBe("loaded anew");
    expect(await after.get("patient", 1)).toBe("loaded anew");
  });

  it("does not open a value that was put in another's place", async () => {
    const cache = await cacheOn({ ...options([old]), l1: false });
    await cache.wrap("patient", 8, async () => "of eight");
    await cache.wrap("patient", 9, async () => "of nine");
    const names = createNames({ namespace: "private", shards: 1, hashing });
    const plan = planAll(policies, true).get("patient");
    if (plan === undefined) throw new Error("the policy is gone");
    const [eight, nine] = [8, 9].map((patient) => names.current(plan, () => patient).entry);
    await operator.copy(eight ?? "", nine ?? "", "REPLACE");
    expect(await cache.wrap("patient", 9, async () => "loaded anew")).toBe("loaded anew");
  });

  it("covers the names of every salt that is alive, and no identifier has the same name on two days", () => {
    let now = 100 * day + day / 2;
    const names = createNames({ namespace: "n", shards: 1, hashing, now: () => now });
    const plan = planAll(policies, true).get("visits");
    if (plan === undefined) throw new Error("the policy is gone");
    const parameters = (parameter: string) => (parameter === "patient" ? 5 : 2026);
    const [today, tag, pattern] = [
      names.current(plan, parameters),
      names.tags(plan, parameters, [])[0],
      names.current(plan, parameters).name.split(":")[1],
    ];
    now += day;
    expect(names.current(plan, parameters).name).not.toBe(today.name);
    expect(names.every(plan, parameters).map(({ name }) => name)).toContain(today.name);
    expect(names.everyTag(["seen-by", 5])).toContain(tag);
    expect(names.patterns([plan], "visits:5:*:*")[0]?.split(":")[1]?.split("|")).toContain(pattern);
    // Nothing lives for longer than a day.
    now += day;
    expect(names.every(plan, parameters).map(({ name }) => name)).not.toContain(today.name);
    // A process whose clock goes before may store under tomorrow's already.
    now = 103 * day - 30_000;
    const tomorrow = createNames({ namespace: "n", shards: 1, hashing, now: () => 103 * day }).current(
      plan,
      parameters,
    );
    expect(names.every(plan, parameters)).toContainEqual(tomorrow);
  });

  it("is covered by what either makes invalid while the secret of some processes is another's next", async () => {
    const [now, next] = [hashing.secret, "the secret that comes after it"];
    const start = (secret: string, previous: string) =>
      cacheOn({ ...options([old]), encryption: { keys: [old], hashing: { secret, previous: [previous] } } });
    const [one, two] = [await start(now, next), await start(next, now)];
    for (const [target, by] of [
      [{ related: { patient: 30 } }, two],
      [{ key: ["patient", 30] }, one],
      [{ pattern: "patient:*" }, two],
    ] as const) {
      for (const each of [one, two]) await each.wrap("patient", 30, async () => "before");
      expect(await by.invalidate(target)).toEqual({ complete: true });
      for (const each of [one, two]) expect(await each.get("patient", 30)).toBeUndefined();
    }
  });

  it("refuses options that would break its promises or hang, all at once and before it begins anything", () => {
    const wrong = {
      redis: { host: "127.0.0.1", port: 1, db: 3 },
      namespace: "a b",
      deadlineMs: 0,
      l1: { max: 0, eviction: "random" },
      encryption: {
        keys: [{ id: "k1", key: Buffer.alloc(16) }],
        hashing: { secret: "short", rotateEvery: 3_600 },
      },
      policies: {
        note: { key: "notes:{note}", negativeTtl: 86_400, staleIfError: 60 },
        latest: { key: "notes:latest" },
      },
    };
    expect(() => createCache(wrong as never)).toThrowErrorMatchingInlineSnapshot(`
      [CacheError: redis: db is unknown
        -> Use host, port, sentinels, name, sentinelPassword, cluster, username, password, tls.
      namespace: it is not plain
        -> Use up to 40 letters, digits, - and _.
      deadlineMs: it is 0
        -> Use a number from 1 to 60000.
      l1.max: it is 0
        -> Use a whole number from 1, or l1: false.
      l1.eviction: it is random
        -> Use one of lru, lfu, fifo, ttl.
      encryption.keys: a key has not 32 bytes, or a plain id
        -> Use 32 random bytes and a short id.
      encryption.hashing: a secret has not 16 bytes
        -> Use random text.
      encryption.hashing.rotateEvery: it is 3600
        -> Use seconds from 86400: an invalidation covers the names of two periods.
      policies.note: null would live for 86460 s
        -> Keep negativeTtl with the stale time at most 86400 s.
      policies.latest: its key may be that of note
        -> Give each policy a key of its own, such as a first word.]
    `);
  });

  it("refuses an encrypted policy without a key, and tells every mistake of the policies at once", () => {
    const redis = { host: "127.0.0.1", port: 1 };
    const wrong = {
      patient: { key: "patient:{patient}", ttl: 0, encrypted: true },
      "not plain": { key: "a b", ttl: 90_000, tags: ["of:{nobody}"], colour: "red" },
    };
    expect(() => createCache({ redis, namespace: "n", policies: wrong })).toThrowErrorMatchingInlineSnapshot(`
      [CacheError: policies.patient: a value would live for 0 s
        -> Keep ttl above 0, and with its stale time at most 86400 s.
      policies.patient: encrypted, but there is no key
        -> Give createCache \`encryption\`.
      policies.not plain: the name is not plain
        -> Use up to 40 letters, digits, - and _: it is a metric's label.
      policies.not plain: colour is unknown
        -> Use key, of, tags, valueTags, related, strategy, ttl, jitter, staleWhileRevalidate, staleIfError, negativeTtl, earlyRefresh, maxBytes, compressFrom, encrypted, l1, wait.
      policies.not plain: the segment "a b" is not plain
        -> Use letters, digits, - and _, or {parameter}.
      policies.not plain: a tag names {nobody}, which the key has not
        -> Use the key's parameters, or valueTags.
      policies.not plain: a value would live for 90000 s
        -> Keep ttl above 0, and with its stale time at most 86400 s.]
    `);
  });
});
