// Life without Redis, or with an ill one: nobody waits longer than a command's deadline, and what was invalidated meanwhile is gone afterwards.
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { freePort, until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, policies, untilBorn } from "./support.ts";

const missing = redisMissing();
const deadlineMs = 200;
const patients = [1, 2, 3, 4, 5, 6, 7, 8];

interface World {
  server: TestRedis;
  readonly operator: Redis;
  readonly port: number;
}

interface Fault {
  readonly says: string;
  readonly strike: (world: World) => Promise<unknown>;
  readonly heal: (world: World) => Promise<unknown>;
  /** Invalidations reach Redis all the same. */
  readonly reaches?: boolean;
}

const faults: readonly Fault[] = [
  {
    says: "killed and started again, empty",
    strike: ({ server }) => server.stop("SIGKILL"),
    heal: async (world) => {
      world.server = await startRedis({ port: world.port });
    },
  },
  {
    says: "hung: it accepts and never answers",
    strike: async ({ server }) => process.kill(server.pid, "SIGSTOP"),
    heal: async ({ server }) => process.kill(server.pid, "SIGCONT"),
  },
  {
    says: "slow: it answers once in a while",
    strike: async ({ operator }) => operator.call("CLIENT", "PAUSE", "2500", "ALL"),
    heal: async () => new Promise((resolve) => setTimeout(resolve, 1_000)),
  },
  {
    says: "full",
    strike: ({ operator }) => operator.config("SET", "maxmemory", "1"),
    heal: ({ operator }) => operator.config("SET", "maxmemory", "0"),
    reaches: true,
  },
  {
    says: "a replica that must not be written to",
    strike: ({ operator }) => operator.call("REPLICAOF", "127.0.0.1", "1"),
    heal: ({ operator }) => operator.call("REPLICAOF", "NO", "ONE"),
  },
  {
    says: "asking for a password that nobody has",
    strike: async ({ operator }) => {
      await operator.config("SET", "requirepass", "another");
      await operator.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    },
    heal: ({ operator }) => operator.config("SET", "requirepass", ""),
  },
];

describe.skipIf(missing !== undefined)(`a Redis that is${missing === undefined ? "" : ` (${missing})`}`, () => {
  const ends: (() => Promise<unknown> | unknown)[] = [];
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  afterEach(async () => {
    await closeCaches();
    for (const end of ends.splice(0).reverse()) await end();
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  it.each(faults)(
    "$says: answers in time, and is right within five seconds of its return",
    async ({ strike, heal, reaches }) => {
      process.on("unhandledRejection", note);
      const port = await freePort();
      const world: World = { server: await startRedis({ port }), operator: new Redis(port, "127.0.0.1"), port };
      world.operator.on("error", () => {});
      ends.push(
        () => world.server.stop("SIGKILL"),
        () => world.operator.disconnect(),
      );
      const redis = { host: "127.0.0.1", port };
      await untilBorn(redis, "failover");
      const options = { redis, namespace: "failover", policies, deadlineMs } as const;
      const [one, two] = [await cacheOn(options), await cacheOn(options)];
      let version = 1;
      const slowest = { ms: 0 };
      const read = async (cache: typeof one, patient: number): Promise<number> => {
        const began = performance.now();
        const value = await cache.wrap("patient", patient, async () => version);
        slowest.ms = Math.max(slowest.ms, performance.now() - began);
        return value;
      };
      const readAll = (cache: typeof one) => Promise.all(patients.map((patient) => read(cache, patient)));
      for (const cache of [one, two, one]) await readAll(cache);

      slowest.ms = 0;
      await strike(world);
      // The first to notice pay at most a deadline each.
      await Promise.all([101, 102, 103].map((patient) => read(two, patient)));
      version = 2;
      const answers = await Promise.all(patients.map((patient) => one.invalidate({ related: { patient } })));
      if (reaches === true) expect(answers.every(({ complete }) => complete)).toBe(true);
      else expect(answers.every(({ complete }) => !complete)).toBe(true);
      expect(await readAll(one)).toEqual(patients.map(() => 2));
      for (let round = 0; round < 40; round++) {
        await readAll(round % 2 === 0 ? one : two);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      // One command's deadline, three times because the machine is shared.
      expect(slowest.ms).toBeLessThan(3 * deadlineMs);

      const healed = performance.now();
      await heal(world);
      await until(async () => (await one.ready(1)) && (await two.ready(1)) && !one.stats().pending, 15_000);
      const rightAfter = performance.now() - healed;
      expect(rightAfter).toBeLessThan(15_000);
      for (const cache of [two, one]) expect(await readAll(cache)).toEqual(patients.map(() => 2));
      const loadsBefore = two.stats().policies.patient?.loads;
      await readAll(two);
      expect(two.stats().policies.patient?.loads).toBe(loadsBefore);
      // And an invalidation is complete again.
      version = 3;
      expect(await two.invalidate({ pattern: "patient:*" })).toEqual({ complete: true });
      for (const cache of [one, two]) expect(await readAll(cache)).toEqual(patients.map(() => 3));
      console.log(`slowest read ${slowest.ms.toFixed(0)} ms, right again after ${rightAfter.toFixed(0)} ms`);
    },
  );

  it("slow only once: what an invalidation could not tell in time is made up for at once", async () => {
    process.on("unhandledRejection", note);
    const server = await startRedis();
    const operator = new Redis(server.port, "127.0.0.1");
    ends.push(
      () => server.stop(),
      () => operator.disconnect(),
    );
    const redis = { host: "127.0.0.1", port: server.port };
    const cache = await cacheOn({ redis, namespace: "once", policies, deadlineMs });
    await cache.wrap("patient", 1, async () => 1);
    await operator.call("CLIENT", "PAUSE", String(deadlineMs + 100), "WRITE");
    expect(await cache.invalidate({ key: ["patient", 1] })).toEqual({ complete: false });
    expect(cache.stats()).toMatchObject({ up: false, pending: true });
    await until(async () => (await cache.ready(1)) && !cache.stats().pending, 15_000);
  });

  it("back while invalidations go on: none of those that it refused is forgotten", async () => {
    process.on("unhandledRejection", note);
    const server = await startRedis();
    ends.push(() => server.stop("SIGKILL"));
    const redis = { host: "127.0.0.1", port: server.port };
    await untilBorn(redis, "going-on");
    const cache = await cacheOn({ redis, namespace: "going-on", policies, deadlineMs, l1: false });
    const notes = Array.from({ length: 3_000 }, (_, index) => index);
    for (let from = 0; from < notes.length; from += 100)
      await Promise.all(notes.slice(from, from + 100).map((id) => cache.wrap("notes", id, async () => "old")));
    const last = notes.length - 1;
    // A machine that is busy may have let one of them pass its deadline.
    const lastKept = async () => (await cache.get("notes", last)) === "old";
    await until(async () => (await cache.wrap("notes", last, async () => "old")) === "old" && (await lastKept()));
    process.kill(server.pid, "SIGSTOP");
    await until(async () => {
      await cache.get("notes", 0);
      return !cache.stats().up;
    });
    process.kill(server.pid, "SIGCONT");
    const told: Promise<unknown>[] = [];
    while (!cache.stats().up && told.length < last) {
      told.push(cache.delete("notes", told.length));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(told);
    await until(() => cache.stats().up, 15_000);
    expect(cache.stats().pending).toBe(false);
    for (const id of told.keys()) expect(await cache.get("notes", id)).toBeUndefined();
    await until(lastKept);
  });

  it("not there when the program starts: it serves, and caches once Redis is there", async () => {
    process.on("unhandledRejection", note);
    const port = await freePort();
    const { createCache } = await import("../../cache/index.ts");
    const cache = createCache({ redis: { host: "127.0.0.1", port }, namespace: "late", policies, deadlineMs });
    ends.push(() => cache.close());
    let loads = 0;
    expect(await cache.wrap("patient", 1, async () => ++loads)).toBe(1);
    expect(await cache.wrap("patient", 1, async () => ++loads)).toBe(2);
    expect(await cache.set("patient", 2, "x")).toEqual({ complete: false });
    const server = await startRedis({ port });
    ends.push(() => server.stop());
    expect(await cache.ready(10_000)).toBe(true);
    expect(await cache.wrap("patient", 1, async () => ++loads)).toBe(3);
    expect(await cache.wrap("patient", 1, async () => ++loads)).toBe(3);
  });
});
