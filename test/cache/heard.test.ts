// Entries that a process reads from Redis and judges itself: what it heard, what it did not hear, and a server that is not the one of before.
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decode, encode, everything, nothing, touches } from "../../cache/change.ts";
import { createHeard } from "../../cache/heard.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, dying, policies, untilBorn } from "./support.ts";

const missing = redisMissing();

describe("a change", () => {
  it("says the same to others as to its own process", () => {
    const change = { ...nothing, names: ["notes:1"], tags: ["#a:b"], patterns: ["visits:*:1|2"] };
    for (const each of [change, everything, { ...nothing, off: true }, { ...nothing, off: false }])
      expect(decode(encode(each))).toEqual(each);
  });

  it.each(["", "hello", "5", "{}", "[]", "[[],[]]", "null"])("that cannot be read, %j, covers everything", (text) => {
    expect(decode(text)).toEqual(everything);
  });

  it("that switches caching off covers everything: what was read before is not kept after it", () => {
    expect(touches({ ...nothing, off: true }, "notes:1", [])).toBe(true);
    expect(touches({ ...nothing, off: false }, "notes:1", [])).toBe(false);
  });
});

describe("what was heard", () => {
  it("leaves an entry whose tags and name no younger invalidation covers", () => {
    const heard = createHeard();
    heard.begin(5);
    heard.add({ ...nothing, tags: ["#a"] }, 6);
    heard.add({ ...nothing, patterns: ["visits:1:*"] }, 7);
    expect(heard.leaves(5, "visits:2:2026", () => "#b")).toBe(true);
    expect(heard.leaves(5, "visits:2:2026", () => "#b #a")).toBe(false);
    expect(heard.leaves(6, "visits:2:2026", () => "#a")).toBe(true);
    expect(heard.leaves(6, "visits:1:2026", () => "")).toBe(false);
    expect(heard.leaves(7, "visits:1:2026", () => "")).toBe(true);
  });

  it("leaves nothing that is older than the hearing, or before it has begun", () => {
    const heard = createHeard();
    expect(heard.leaves(9, "notes:1", () => "")).toBe(false);
    heard.begin(5);
    expect(heard.leaves(4, "notes:1", () => "")).toBe(false);
    heard.add({ ...nothing, all: true }, 6);
    expect(heard.leaves(5, "notes:1", () => "")).toBe(false);
    expect(heard.leaves(6, "notes:1", () => "")).toBe(true);
  });

  it.each([
    ["tags", 10_001, (index: number) => ({ ...nothing, tags: [`#${index}`] })],
    ["patterns", 65, (index: number) => ({ ...nothing, patterns: [`notes:${index}`] })],
  ])("forgets %s that are too many, and then leaves nothing that is older", (_, count, changeOf) => {
    const heard = createHeard();
    heard.begin(0);
    for (let sequence = 1; sequence < count; sequence++) heard.add(changeOf(sequence), sequence);
    expect(heard.leaves(0, "notes:0", () => "#0")).toBe(true);
    heard.add(changeOf(count), count);
    expect(heard.leaves(count - 1, "notes:0", () => "#0")).toBe(false);
    expect(heard.leaves(count, "notes:0", () => "#0")).toBe(true);
  });
});

describe.skipIf(missing !== undefined)(`a value in Redis${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  let operator: Redis;
  const options = () => ({
    redis: { host: "127.0.0.1", port: server.port },
    namespace: "heard",
    policies: { ...policies, ...dying },
  });
  /** How often each command ran in Redis meanwhile, those that are asked for. */
  const commands = async (work: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> => {
    await operator.config("RESETSTAT");
    await work();
    const text = await operator.info("commandstats");
    return Object.fromEntries(
      [...text.matchAll(/^cmdstat_(getex|fcall):calls=(\d+)/gm)].map(([, name, n]) => [name, Number(n)]),
    );
  };
  beforeAll(async () => {
    server = await startRedis();
    operator = new Redis(server.port, "127.0.0.1");
    await untilBorn({ host: "127.0.0.1", port: server.port }, "heard");
  });
  afterEach(async () => {
    const cache = await cacheOn(options());
    await cache.flush();
    await closeCaches();
  });
  afterAll(async () => {
    operator.disconnect();
    await server.stop();
  });

  it("is judged as ever after something that anybody has said on the channel", async () => {
    const reader = await cacheOn(options());
    await reader.wrap("patient", 1, async () => "one");
    await operator.publish("heard:bus", "hello");
    await operator.publish("heard:bus", "1 x 0 nobody hello");
    expect(await reader.ready(10_000)).toBe(true);
    expect(await reader.wrap("patient", 1, async () => "two")).toBe("one");
    expect(await reader.delete("patient", 1)).toEqual({ complete: true });
    expect(await reader.get("patient", 1)).toBeUndefined();
  });

  it("costs one plain command while nothing that covers it was invalidated", async () => {
    const [reader, other] = [await cacheOn(options()), await cacheOn(options())];
    await reader.wrap("notes", 1, async () => "one");
    await other.invalidate({ tag: "visits" });
    const seen = await commands(async () => {
      for (let round = 0; round < 100; round++) expect(await reader.get("notes", 1)).toBe("one");
    });
    expect(seen.getex).toBe(100);
    // Renewals of leases alone.
    expect(seen.fcall ?? 0).toBeLessThan(10);
    await other.invalidate({ pattern: "notes:*" });
    expect(await reader.get("notes", 1)).toBeUndefined();
  });

  it("that is older than the process is judged by Redis, seldom with a command in vain", async () => {
    const first = await cacheOn(options());
    await first.invalidate({ tag: "visits" });
    await first.wrap("notes", 1, async () => "one");
    await first.invalidate({ tag: "visits" });
    const second = await cacheOn(options());
    const seen = await commands(async () => {
      for (let round = 0; round < 170; round++) expect(await second.get("notes", 1)).toBe("one");
    });
    expect(seen.getex).toBe(10);
    expect(seen.fcall).toBeGreaterThanOrEqual(170);
  });

  it("does not come back with a server that has missed its invalidation", async () => {
    const reader = await cacheOn(options());
    for (let round = 0; round < 2; round++) {
      await reader.wrap("notes", round, async () => "before");
      const [key = ""] = await operator.keys(`heard:*:e:notes:${round}`);
      const lost = await operator.dumpBuffer(key);
      expect(await reader.delete("notes", round)).toEqual({ complete: true });
      // What a replica would have become: it has the entry, none of the marks, and nothing in its memory.
      await operator.call("FUNCTION", "FLUSH");
      await operator.restore(key, 0, lost);
      await operator.call("CLIENT", "KILL", "TYPE", "normal");
      for (let answers = 0; answers < 200; ) {
        expect(await reader.get("notes", round)).toBeUndefined();
        if (reader.stats().up) answers++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  });

  it.each([
    ["fresh", "patient", 1],
    ["stale", "served", { patient: 1, year: 2026 }],
  ] as const)(
    "of the process's own, $0, is served while Redis hangs, and not for longer than the lease, as nobody would hear of an invalidation",
    async (_age, policy, id) => {
      const cache = await cacheOn({ ...options(), deadlineMs: 100 });
      let loads = 0;
      const read = () => cache.wrap(policy, id as never, async () => ++loads);
      expect(await read()).toBe(1);
      // Longer than the one lives, and not the other.
      await new Promise((resolve) => setTimeout(resolve, 40));
      process.kill(server.pid, "SIGSTOP");
      try {
        const began = performance.now();
        expect(await read()).toBe(1);
        while (loads === 1) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          await read();
        }
        // The promise is two seconds; a busy machine is late, and renewed it just before.
        expect(performance.now() - began).toBeGreaterThan(500);
        expect(performance.now() - began).toBeLessThan(3 * 2_000);
      } finally {
        process.kill(server.pid, "SIGCONT");
      }
    },
  );
});
