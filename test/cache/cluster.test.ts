// A real Cluster of three masters, and Sentinels: every key of every master is reached, also while slots move and after a failover.
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { slotOf } from "../../cache/names.ts";
import { type Act, operate } from "../../tools/cache-operations.ts";
import { until } from "../support/ports.ts";
import { redisMissing } from "../support/redis.ts";
import { startCluster, startSentinels, type TestCluster, type TestSentinels } from "../support/redis-cluster.ts";
import { cacheOn, closeCaches, policies, untilBorn } from "./support.ts";

const missing = redisMissing();
const ids = Array.from({ length: 600 }, (_, index) => index + 1);

describe.skipIf(missing !== undefined)(`a Cluster${missing === undefined ? "" : ` (${missing})`}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster(3);
    await untilBorn({ cluster: cluster.addresses }, "wide");
  });
  afterEach(closeCaches);
  afterAll(() => cluster.stop());
  const start = (l1: { readonly max: number } | false = { max: 10_000 }) =>
    cacheOn({ redis: { cluster: cluster.addresses }, namespace: "wide", policies, l1 });

  it("spreads the keys over all masters", async () => {
    const one = await start();
    await Promise.all(ids.map((patient) => one.wrap("visits", { patient, year: patient % 2 }, async () => patient)));
    for (const { port } of cluster.masters) {
      const client = new Redis(port, "127.0.0.1");
      const keys = await client.keys("wide:*:e:*");
      expect(keys.length).toBeGreaterThan(ids.length / 6);
      client.disconnect();
    }
  });

  it.each([
    ["a tag", { tag: "visits" }, 0],
    ["a pattern over everything", { pattern: "visits:*:*" }, 0],
    ["a pattern over half of it", { pattern: "visits:*:1" }, 300],
  ] as const)("$0 reaches every one of its keys, on every master and in every process", async (_what, target, left) => {
    const [one, two] = [await start(), await start()];
    const id = (patient: number) => ({ patient, year: patient % 2 });
    const fill = (cache: typeof one) =>
      Promise.all(ids.map((patient) => cache.wrap("visits", id(patient), async () => patient)));
    await fill(one);
    await fill(two);
    expect(two.stats().policies.visits?.loads).toBe(0);
    expect(await one.invalidate(target)).toEqual({ complete: true });
    for (const cache of [one, two, await start(false)]) {
      const values = await Promise.all(ids.map((patient) => cache.get("visits", id(patient))));
      expect(values.filter((value) => value !== undefined)).toHaveLength(left);
    }
  });

  it("is rid of what patterns and flushes cover, and of nothing else", async () => {
    const hashing = { secret: "a secret of this test" };
    const redis = { cluster: cluster.addresses };
    const one = await cacheOn({ redis, namespace: "swept", policies, encryption: { keys: [], hashing } });
    const kept = async (): Promise<number> => {
      let sum = 0;
      for (const { port } of cluster.masters) {
        const client = new Redis(port, "127.0.0.1");
        sum += (await client.keys("swept:*:e:*")).length;
        client.disconnect();
      }
      return sum;
    };
    const fill = () =>
      Promise.all(ids.map((patient) => one.wrap("visits", { patient, year: patient % 2 }, async () => patient)));
    await fill();
    expect(await kept()).toBe(600);
    await one.invalidate({ pattern: "visits:*:1" });
    await one.swept();
    expect(await kept()).toBe(300);
    await fill();
    // Identifiers are hashed under several salts: to Redis this pattern looks like every visit's.
    await one.invalidate({ pattern: "visits:2:*" });
    await one.swept();
    expect(await kept()).toBe(599);
    await one.flush();
    await one.swept();
    expect(await kept()).toBe(0);
  });

  it("is emptied, and switched off and on again, by an operator who names one of its servers", async () => {
    const two = [await start(), await start()];
    let loads = 0;
    const loadsOf = async (): Promise<number> => {
      const before = loads;
      for (const cache of two)
        await Promise.all(ids.map((patient) => cache.wrap("patient", patient, async () => ++loads)));
      return loads - before;
    };
    const act = (name: Act) => operate(name, { address: `127.0.0.1:${cluster.masters[1]?.port}` });
    const done = { namespace: "wide", complete: true };
    await loadsOf();
    expect(await loadsOf()).toBe(0);
    expect(await act("flush-all")).toContainEqual(done);
    expect(await loadsOf()).toBe(600);
    expect(await act("disable-fallback")).toContainEqual(done);
    expect(await loadsOf()).toBe(1_200);
    expect(await act("enable")).toContainEqual(done);
    await loadsOf();
    expect(await loadsOf()).toBe(0);
  });

  it("reads a value with tags in one round trip", async () => {
    const one = await start(false);
    await one.wrap("visits", { patient: 1, year: 1 }, async () => 1);
    const calls = async (): Promise<number> => {
      let sum = 0;
      for (const { port } of cluster.masters) {
        const client = new Redis(port, "127.0.0.1");
        sum += Number(/cmdstat_fcall:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
        client.disconnect();
      }
      return sum;
    };
    const before = await calls();
    for (let round = 0; round < 200; round++) await one.get("visits", { patient: 1, year: 1 });
    const each = ((await calls()) - before) / 200;
    // What is above one are renewals of the lease.
    expect(each).toBeGreaterThanOrEqual(1);
    expect(each).toBeLessThan(1.2);
  });

  it("stays right while slots move from one master to another under load", async () => {
    const [one, two] = [await start(), await start()];
    let version = 1;
    let floor = 1;
    const some = ids.slice(0, 60);
    const readAll = async (cache: typeof one): Promise<number> => {
      const least = floor;
      const values = await Promise.all(some.map((patient) => cache.wrap("patient", patient, async () => version)));
      return values.filter((value) => value < least).length;
    };
    await readAll(one);
    let moving = true;
    let stale = 0;
    let completed = 0;
    const load = (async () => {
      while (moving) {
        stale += (await readAll(two)) + (await readAll(one));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const client = new Redis(cluster.masters[0]?.port ?? 0, "127.0.0.1");
    const moved = [
      ...new Set((await client.keys("wide:*:m")).map((key) => slotOf(/\{(.*)\}/.exec(key)?.[1] ?? ""))),
    ].slice(0, 4);
    client.disconnect();
    expect(moved.length).toBe(4);
    for (const slot of moved) {
      await cluster.move(slot, 0, 1);
      // What could not be told at once is made up for; then it counts.
      const next = ++version;
      await one.invalidate({ pattern: "patient:*" });
      await until(() => !one.stats().pending, 15_000);
      const { complete } = await two.invalidate({ pattern: "patient:*" });
      if (complete) [floor, completed] = [next, completed + 1];
    }
    moving = false;
    await load;
    expect(completed).toBeGreaterThan(0);
    expect(stale).toBe(0);
    await until(async () => (await one.ready(1)) && (await two.ready(1)), 15_000);
    floor = ++version;
    expect(await one.invalidate({ pattern: "patient:*" })).toEqual({ complete: true });
    expect((await readAll(one)) + (await readAll(two))).toBe(0);
  });
});

describe.skipIf(missing !== undefined)(`Sentinels${missing === undefined ? "" : ` (${missing})`}`, () => {
  let group: TestSentinels;
  beforeAll(async () => {
    group = await startSentinels();
  });
  afterEach(closeCaches);
  afterAll(() => group.stop());

  it("are passed over when they take connections and say nothing", async () => {
    const open = new Set<Socket>();
    const silent = createServer((socket) => void open.add(socket.on("error", () => {}).resume()));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const first = { host: "127.0.0.1", port: (silent.address() as AddressInfo).port };
    try {
      const redis = { sentinels: [first, ...group.sentinels], name: group.name };
      const one = await cacheOn({ redis, namespace: "passed", policies });
      expect(open.size).toBeGreaterThan(0);
      expect(await one.set("patient", 1, "kept")).toEqual({ complete: true });
    } finally {
      for (const socket of open) socket.destroy();
      silent.close();
    }
  });

  it("lead to the new master, where nothing of the old one's counts any more", async () => {
    const redis = { sentinels: group.sentinels, name: group.name };
    const [one, two] = [
      await cacheOn({ redis, namespace: "watched", policies }),
      await cacheOn({ redis, namespace: "watched", policies }),
    ];
    let version = 1;
    const read = (cache: typeof one) => cache.wrap("patient", 1, async () => version);
    expect(await read(one)).toBe(1);
    expect(await read(two)).toBe(1);
    const replica = new Redis(group.replica.port, "127.0.0.1");
    await until(async () => (await replica.keys("watched:*:e:*")).length === 1);
    // The replica hears nothing from now on: this invalidation is lost with the master.
    await replica.config("SET", "replica-serve-stale-data", "yes");
    const master = new Redis(group.master.port, "127.0.0.1");
    await replica.call("CLIENT", "KILL", "TYPE", "master");
    process.kill(group.replica.pid, "SIGSTOP");
    version = 2;
    expect(await one.invalidate({ related: { patient: 1 } })).toEqual({ complete: true });
    process.kill(group.master.pid, "SIGSTOP");
    process.kill(group.replica.pid, "SIGCONT");
    master.disconnect();
    expect(await read(two)).toBe(2);
    await until(async () => /role:master/.test(await replica.info("replication")), 30_000);
    expect((await replica.keys("watched:*:e:*")).length).toBe(1);
    replica.disconnect();
    await until(async () => (await one.ready(1)) && (await two.ready(1)), 30_000);
    expect(await read(two)).toBe(2);
    expect(await read(one)).toBe(2);
    version = 3;
    expect(await two.invalidate({ related: { patient: 1 } })).toEqual({ complete: true });
    expect(await read(one)).toBe(3);
  });
});
