// What makes cache-aside one line: the decorator, repositories, warming, and types of keys and values.
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { type Policies, type, using } from "../../cache/index.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches } from "./support.ts";

const missing = redisMissing();

interface Patient {
  readonly name: string;
}

const policies = {
  patient: { key: "patient:{patient}", ttl: 60, of: type<Patient>(), related: { patient: "patient" } },
  visits: { key: "visits:{patient}:{year}", ttl: 60, related: { patient: "patient" } },
  rooms: { key: "rooms", ttl: 60 },
} as const satisfies Policies;

describe.skipIf(missing !== undefined)(`in one line${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  const cache = () => cacheOn({ redis: { host: "127.0.0.1", port: server.port }, namespace: "using", policies });
  beforeAll(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    await (await cache()).flush();
    await closeCaches();
  });
  afterAll(() => server.stop());

  it("a decorated method runs once for the same identifiers, and knows its object", async () => {
    const { Cacheable } = using(await cache());
    class Visits {
      calls = 0;
      readonly first: number;
      constructor(first: number) {
        this.first = first;
      }
      @Cacheable("visits", (patient: number, year: number) => ({ patient, year }))
      async of(patient: number, year: number): Promise<string> {
        this.calls++;
        return `${this.first + patient} in ${year}`;
      }
    }
    const visits = new Visits(100);
    expect(await visits.of(1, 2026)).toBe("101 in 2026");
    expect(await visits.of(1, 2026)).toBe("101 in 2026");
    expect(await visits.of(1, 2025)).toBe("101 in 2025");
    expect(visits.calls).toBe(2);
  });

  it("a repository reads through the cache, and what it saves is seen at once", async () => {
    const source = new Map([[1, { name: "Ada" }]]);
    let loads = 0;
    const patients = using(await cache()).repository("patient", {
      load: async (id) => {
        loads++;
        return source.get(Number(id)) ?? null;
      },
      save: async (id, value) => void source.set(Number(id), value as Patient),
    });
    expect(await patients.find(1)).toEqual({ name: "Ada" });
    expect(await patients.find(1)).toEqual({ name: "Ada" });
    expect(await patients.find(2)).toBeNull();
    expect(loads).toBe(2);
    expect(await patients.save(1, { name: "Grace" })).toEqual({ complete: true });
    expect(await patients.find(1)).toEqual({ name: "Grace" });
  });

  it("a repository makes invalid what it is told to, also when saving fails after all", async () => {
    const own = await cache();
    const patients = using(own).repository("patient", {
      load: async () => ({ name: "Ada" }),
      save: async () => {
        throw new Error("the answer was lost");
      },
      invalidates: (id) => ({ related: { patient: Number(id) } }),
    });
    await patients.find(1);
    await own.wrap("visits", { patient: 1, year: 2026 }, async () => "old");
    await expect(patients.save(1, { name: "Grace" })).rejects.toThrow("the answer was lost");
    expect(await own.get("patient", 1)).toBeUndefined();
    expect(await own.get("visits", { patient: 1, year: 2026 })).toBeUndefined();
  });

  it("warming loads what is not there, a few together, and goes past what fails", async () => {
    const own = await cache();
    await own.wrap("patient", 1, async () => ({ name: "Ada" }));
    let [running, most] = [0, 0];
    const load = async (id: unknown): Promise<Patient> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      if (id === 4) throw new Error("away");
      return { name: `patient ${id}` };
    };
    const ids = Array.from({ length: 12 }, (_, index) => index + 1);
    expect(await own.warm("patient", ids, load, 3)).toEqual({ loaded: 10, present: 1, failed: 1 });
    expect(most).toBe(3);
    expect(await own.get("patient", 12)).toEqual({ name: "patient 12" });
    expect(await own.warm("patient", ids, load)).toEqual({ loaded: 0, present: 11, failed: 1 });
  });

  it("keys and values have the types of their policies", async () => {
    const own = await cache();
    expectTypeOf(await own.get("patient", 1)).toEqualTypeOf<Patient | null | undefined>();
    expectTypeOf(await own.get("visits", { patient: 1, year: 2026 })).toBeUnknown();
    expectTypeOf(await own.wrap("patient", 1, async () => ({ name: "Ada", age: 36 }))).toEqualTypeOf<{
      name: string;
      age: number;
    }>();
    // @ts-expect-error: a patient has a name
    await own.wrap("patient", 2, async () => ({ age: 36 }));
    // @ts-expect-error: there is one for all
    await expect(own.get("rooms", 1)).rejects.toThrow("its key has no identifier");
    // @ts-expect-error: a year is missing
    await expect(own.get("visits", { patient: 1 })).rejects.toThrow("{year} has no value");
  });

  it("each load runs in what the service wraps around it, a hit does not; reads of Redis are timed, others not", async () => {
    const traced: string[] = [];
    const timed: (readonly [policy: string, seconds: number])[] = [];
    const own = await cacheOn({
      redis: { host: "127.0.0.1", port: server.port },
      namespace: "using",
      policies,
      telemetry: {
        traceLoad: async (policy, load) => {
          traced.push(policy);
          return load();
        },
        observeRead: (policy, seconds) => void timed.push([policy, seconds]),
      },
    });
    for (let round = 0; round < 3; round++) await own.wrap("patient", 7, async () => ({ name: "Ada" }));
    expect(traced).toEqual(["patient"]);
    // A plain look, where it can be judged, and one that grants the lease; from then on the process has its own.
    expect(new Set(timed.map(([policy]) => policy))).toEqual(new Set(["patient"]));
    expect(timed.length).toBeLessThanOrEqual(2);
    for (const [, seconds] of timed) expect(seconds).toBeGreaterThan(0);
  });

  it("no read fails by what an observer throws", async () => {
    const observe = (): void => {
      throw new Error("an observer");
    };
    const own = await cacheOn({
      redis: { host: "127.0.0.1", port: server.port },
      namespace: "observed",
      policies,
      l1: false,
      telemetry: { observeLoad: observe, observeRead: observe },
    });
    const read = () => own.wrap("patient", 8, async () => ({ name: "Ada" }));
    expect([await read(), await read(), await read()]).toEqual(Array.from({ length: 3 }, () => ({ name: "Ada" })));
    expect(own.stats().policies.patient).toMatchObject({ loads: 1, l2Hits: 2, coalesced: 0 });
  });
});
