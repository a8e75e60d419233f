// How values come in: loaded when somebody asks, kept as they are saved, loaded anew before their end.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createCache, type Policies, type, using } from "../../cache/index.ts";
import { earlyMs } from "../../cache/near.ts";
import { planAll } from "../../cache/policy.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, untilBorn } from "./support.ts";

const missing = redisMissing();
const policies = {
  aside: { key: "aside:{id}", ttl: 60, of: type<number>() },
  through: { key: "through:{id}", ttl: 60, of: type<number>(), strategy: "write-through" },
  ahead: { key: "ahead:{id}", ttl: 8, jitter: 0, earlyRefresh: false, strategy: "refresh-ahead" },
} as const satisfies Policies;

describe.skipIf(missing !== undefined)(`the strategy${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  const start = () => cacheOn({ redis: { host: "127.0.0.1", port: server.port }, namespace: "strategy", policies });
  beforeAll(async () => {
    server = await startRedis();
    await untilBorn({ host: "127.0.0.1", port: server.port }, "strategy");
  });
  afterEach(closeCaches);
  afterAll(() => server.stop());

  /** Records on a source of their own, as two processes have them. */
  const world = async (policy: "aside" | "through") => {
    const source = new Map<number, number>();
    const caches = [await start(), await start()] as const;
    const counted = { loads: 0 };
    const saving = { before: 0, after: 0, fails: false };
    const repositories = caches.map((cache) =>
      using(cache).repository(policy, {
        load: async (id) => {
          counted.loads++;
          return source.get(Number(id)) ?? null;
        },
        save: async (id, value) => {
          const { before, after, fails } = { ...saving };
          await sleep(before);
          source.set(Number(id), Number(value));
          await sleep(after);
          if (fails) throw new Error("the answer was lost");
        },
      }),
    );
    return { source, counted, saving, one: repositories[0] as Repository, two: repositories[1] as Repository };
  };

  it.each([
    ["cache-aside", "aside", 2],
    ["write-through", "through", 0],
  ] as const)("%s: what is saved is seen by everybody, after so many loads", async (_strategy, policy, loads) => {
    const { counted, one, two } = await world(policy);
    for (const value of [1, 2]) {
      expect(await one.save(1, value)).toEqual({ complete: true });
      for (const each of [two, one]) expect(await each.find(1)).toBe(value);
    }
    expect(counted.loads).toBe(loads);
  });

  it("write-through: a save that failed leaves nothing behind that may be wrong", async () => {
    const { saving, one, two } = await world("through");
    await one.save(2, 1);
    saving.fails = true;
    await expect(one.save(2, 2)).rejects.toThrow("the answer was lost");
    for (const each of [two, one]) expect(await each.find(2)).toBe(2);
  });

  it("write-through: of saves at the same time the source's last is kept, however they overlap", async () => {
    const { source, saving, one, two } = await world("through");
    let [next, kept] = [0, 0];
    for (let round = 0; round < 60; round++) {
      const saves = [one, two, one, two].map(async (each, index) => {
        await sleep(index * (round % 3));
        Object.assign(saving, { before: (round * 7 + index * 5) % 9, after: (round * 5 + index * 7) % 9 });
        await each.save(3, ++next);
      });
      await Promise.all(saves);
      for (const each of [one, two]) if ((await each.find(3)) === source.get(3)) kept++;
    }
    expect(kept).toBe(120);
  });

  it("refresh-ahead: nobody waits for the next value, and one load makes it new in all processes", async () => {
    const [one, two] = [await start(), await start()];
    let loads = 0;
    const load = async () => ++loads;
    const both = async () => [await one.wrap("ahead", 1, load), await two.wrap("ahead", 1, load)];
    expect(await both()).toEqual([1, 1]);
    // Within the last fifth.
    await sleep(6_500);
    expect(await one.wrap("ahead", 1, load)).toBe(1);
    await until(async () => (await one.get("ahead", 1)) === 2);
    expect(await two.wrap("ahead", 1, load)).toBe(1);
    await until(async () => (await two.get("ahead", 1)) === 2);
    await sleep(1_600);
    expect(await both()).toEqual([2, 2]);
    expect(loads).toBe(2);
    expect([one, two].map((cache) => cache.stats().policies.ahead?.misses)).toEqual([1, 0]);
  });

  it("refresh-ahead: what is known not to be there is known so for a time of its own, and its last fifth is that one's", () => {
    const plan = planAll(policies, false).get("ahead");
    if (plan === undefined) throw new Error("the policy is gone");
    expect(earlyMs(plan, { value: 1, loadMs: 5 })).toBeCloseTo(1_600);
    expect(earlyMs(plan, { value: null, loadMs: 5 })).toBeCloseTo(12_000);
    expect(earlyMs({ ...plan, strategy: "cache-aside" }, { value: 1, loadMs: 5 })).toBe(0);
  });

  it("is refused when it is none", () => {
    const wrong = { note: { key: "note:{note}", strategy: "write-behind" } } as unknown as Policies;
    expect(() => createCache({ redis: { host: "127.0.0.1", port: 1 }, namespace: "n", policies: wrong })).toThrow(
      'policies.note: strategy is "write-behind"\n  -> Use one of cache-aside, write-through, refresh-ahead.',
    );
  });
});

interface Repository {
  find(id: number): Promise<number | null>;
  save(id: number, value: number): Promise<unknown>;
}
