// Real processes, each with values of its own: one load in all of them, and an invalidation waits for each or for its lease.
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { untilBorn } from "./support.ts";
import { startWorker, type Worker } from "./workers.ts";

const missing = redisMissing();
const full = process.env.VITALS_PROVE !== undefined;

describe.skipIf(missing !== undefined)(`processes${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  let workers: readonly Worker[] = [];
  let version = 1;
  let loads = 0;
  let loadTakes = 0;

  beforeAll(async () => {
    server = await startRedis();
    await untilBorn({ host: "127.0.0.1", port: server.port }, "workers");
    workers = await Promise.all(Array.from({ length: 4 }, start));
  });
  beforeEach(() => {
    loads = 0;
    loadTakes = 0;
  });
  afterAll(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    await server.stop();
  });

  const start = (): Promise<Worker> =>
    startWorker({
      redisPort: server.port,
      namespace: "workers",
      load: async () => {
        loads++;
        const loaded = version;
        await new Promise((resolve) => setTimeout(resolve, loadTakes));
        return loaded;
      },
    });
  const first = (): Worker => workers[0] as Worker;
  const everybody = (ask: "wrap" | "get", patient: number) =>
    Promise.all(workers.map((worker) => worker.ask(ask, "patient", patient)));

  it("load a cold value once, however many ask in each of four", async () => {
    loadTakes = 100;
    const answers = await Promise.all(
      workers.flatMap((worker) => Array.from({ length: 100 }, () => worker.ask("wrap", "patient", 1))),
    );
    expect(new Set(answers)).toEqual(new Set([version]));
    expect(loads).toBe(1);
  });

  it("serve nothing that another invalidated, as soon as that is complete", async () => {
    for (let round = 0; round < 30; round++) {
      expect(await everybody("wrap", 2)).toEqual([version, version, version, version]);
      version++;
      expect(await workers[round % 4]?.ask("invalidate", { related: { patient: 2 } })).toEqual({ complete: true });
      expect(await everybody("get", 2)).toEqual([undefined, undefined, undefined, undefined]);
    }
  });

  it("do not serve what was invalidated while they stood still", async () => {
    expect(await everybody("wrap", 3)).toEqual([version, version, version, version]);
    const still = workers[3] as Worker;
    still.child.kill("SIGSTOP");
    version++;
    const began = performance.now();
    expect(await first().ask("invalidate", { related: { patient: 3 } })).toEqual({ complete: true });
    const waited = performance.now() - began;
    // Its lease of two seconds had to run out.
    expect(waited).toBeGreaterThan(300);
    expect(waited).toBeLessThan(3 * 2_000);
    // The question lies in its pipe already when it goes on.
    const answer = still.ask("get", "patient", 3);
    still.child.kill("SIGCONT");
    expect(await answer).toBeUndefined();
  });

  it("are waited for by an invalidation on a server that counts anew, also those that were late on the one before", async () => {
    const operator = new Redis(server.port, "127.0.0.1");
    const still = workers[3] as Worker;
    /** The first after a loss waits for leases of which nobody knows any more. */
    const anew = async () => {
      await operator.flushall();
      expect(await first().ask("invalidate", { related: { patient: 5 } })).toEqual({ complete: true });
      expect(await everybody("wrap", 5)).toEqual([version, version, version, version]);
    };
    await anew();
    still.child.kill("SIGSTOP");
    for (let round = 0; round < 4; round++) await first().ask("invalidate", { related: { patient: 6 } });
    still.child.kill("SIGCONT");
    // It says now that it has heard them, when nobody waits for that any more.
    expect(await still.ask("get", "patient", 6)).toBeUndefined();
    await anew();
    still.child.kill("SIGSTOP");
    version++;
    const began = performance.now();
    expect(await first().ask("invalidate", { related: { patient: 5 } })).toEqual({ complete: true });
    expect(performance.now() - began).toBeGreaterThan(300);
    const answer = still.ask("get", "patient", 5);
    still.child.kill("SIGCONT");
    expect(await answer).toBeUndefined();
    operator.disconnect();
  });

  it("hold nobody up when one of them dies with a load in its hands", async () => {
    loadTakes = 60_000;
    const [dying, heir] = [await start(), first()];
    void dying.ask("wrap", "patient", 4);
    while (loads === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    dying.child.kill("SIGKILL");
    loadTakes = 0;
    const began = performance.now();
    expect(await heir.ask("wrap", "patient", 4)).toBe(version);
    expect(performance.now() - began).toBeLessThan(3 * 3_000);
    expect(loads).toBe(2);
  });

  it(
    "keep no memory of what they did",
    async () => {
      const rounds = full ? 1_000_000 : 40_000;
      const grown = (await first().ask("work", rounds)) as number;
      console.log(`${rounds} operations: the heap grew by ${(grown / 1_024).toFixed(0)} KiB`);
      expect(grown).toBeLessThan(4 * 1_048_576);
    },
    full ? 1_800_000 : 120_000,
  );
});
