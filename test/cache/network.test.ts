// A network that is late or leads elsewhere: what arrives behind its time undoes nothing, and what another server has counts for nothing.
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, policies, untilBorn } from "./support.ts";
import { type Way, wayTo } from "./way.ts";

const missing = redisMissing();

describe.skipIf(missing !== undefined)(`a network${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  let way: Way;
  const ends: (() => unknown)[] = [];
  const on = (port: number, deadlineMs = 2_000) =>
    cacheOn({ redis: { host: "127.0.0.1", port }, namespace: "network", policies, deadlineMs });
  beforeEach(async () => {
    server = await startRedis();
    way = await wayTo(server.port);
    await untilBorn({ host: "127.0.0.1", port: server.port }, "network");
  });
  afterEach(async () => {
    await closeCaches();
    for (const end of ends.splice(0)) await end();
    await way.close();
    await server.stop();
  });

  it.each([
    ["set", (cache: Awaited<ReturnType<typeof on>>) => cache.set("notes", 1, "old")],
    ["load", (cache: Awaited<ReturnType<typeof on>>) => cache.wrap("notes", 1, async () => "old")],
  ] as const)("that is late with what a %s stores undoes no invalidation that was complete", async (_what, keep) => {
    const [far, near] = [await on(way.port, 200), await on(server.port)];
    const held = way.hold(/_(put|store)\r\n/);
    const keeping = keep(far);
    await until(held.held);
    await keeping;
    await until(async () => (await far.ready(1)) && !far.stats().pending, 15_000);
    expect(await near.invalidate({ key: ["notes", 1] })).toEqual({ complete: true });
    expect(await near.wrap("notes", 1, async () => "new")).toBe("new");
    expect(await held.release()).toBe(":0\r\n");
    expect(await near.get("notes", 1)).toBe("new");
  });

  it("that takes connections and leads nowhere holds nobody up, and the cache is back once new ones lead to the server", async () => {
    const cache = await on(way.port, 200);
    await cache.wrap("patient", 1, async () => "before");
    way.hush();
    await until(() => !cache.stats().up);
    expect(await cache.wrap("patient", 1, async () => "from the source")).toBe("from the source");
    // Until the client has tried again, and waits for a first word on what leads nowhere.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    way.lead(server.port);
    expect(await cache.ready(15_000)).toBe(true);
    expect(await cache.wrap("patient", 1, async () => "from the source")).toBe("before");
  });

  it("that takes a subscription anew and says nothing to it leaves no rejection to nobody when the process ends", async () => {
    const cache = await on(way.port);
    const unheard: unknown[] = [];
    const hear = (thrown: unknown) => unheard.push(thrown);
    process.on("unhandledRejection", hear);
    ends.push(() => process.off("unhandledRejection", hear));
    const operator = new Redis(server.port, "127.0.0.1");
    ends.push(() => operator.disconnect());
    const held = way.hold(/\bsubscribe\b/i);
    await operator.call("CLIENT", "KILL", "TYPE", "pubsub");
    await until(held.held);
    await cache.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(unheard).toEqual([]);
  });

  it("that leads to a server which has missed an invalidation brings nothing back", async () => {
    const other = await startRedis();
    ends.push(() => other.stop());
    const [reader, writer] = [await on(way.port), await on(server.port)];
    // Redis takes away what it is asked for in full: each is read once.
    const notes = Array.from({ length: 300 }, (_, index) => index);
    await Promise.all(notes.map((note) => reader.wrap("notes", note, async () => "old")));
    const [from, to] = [server.port, other.port].map((port) => new Redis(port, "127.0.0.1"));
    ends.push(
      () => from?.disconnect(),
      () => to?.disconnect(),
    );
    for (const key of (await from?.keys("*")) ?? []) await to?.restore(key, 0, (await from?.dumpBuffer(key)) ?? "");
    const gone = await Promise.all(notes.map((note) => writer.delete("notes", note)));
    expect(gone).toEqual(notes.map(() => ({ complete: true })));
    // The subscription stays where it was: for as long as a lease lasts the process goes on hearing there.
    way.lead(other.port);
    await until(() => !reader.stats().up);
    await until(() => reader.stats().up);
    for (const note of notes) {
      expect(await reader.get("notes", note)).toBeUndefined();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // A subscription that leads elsewhere is given up after the lease: the process keeps values of its own again.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await reader.ready(15_000)).toBe(true);
  });
});
