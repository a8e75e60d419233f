// The platform's own policies: for how long each record is kept, whether in clear, and what a patient's or a location's change takes along.
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { clinicPolicies } from "../../cache/index.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches } from "./support.ts";

const missing = redisMissing();
type Name = keyof typeof clinicPolicies;

/** Policy -> seconds, and whether Redis sees the value. */
const terms: Readonly<Record<Name, readonly [seconds: number, inClear: boolean]>> = {
  patient: [1_800, false],
  medications: [3_600, false],
  appointments: [300, false],
  authorizations: [300, false],
  insuranceProviders: [7_200, true],
  location: [1_800, true],
  inventory: [900, true],
  staff: [300, true],
  locationAppointments: [300, false],
};
/** An id of whichever. */
const of = (id: number) => id as never;
const ofPatients = ["patient", "medications", "appointments", "authorizations"] as const;
const ofLocations = ["location", "inventory", "staff", "locationAppointments"] as const;

describe.skipIf(missing !== undefined)(`the clinic's policies${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  let operator: Redis;
  beforeAll(async () => {
    server = await startRedis();
    operator = new Redis(server.port, "127.0.0.1");
  });
  afterEach(closeCaches);
  afterAll(async () => {
    operator.disconnect();
    await server.stop();
  });
  const start = () =>
    cacheOn({
      redis: { host: "127.0.0.1", port: server.port },
      namespace: "clinic",
      policies: clinicPolicies,
      encryption: { keys: [{ id: "k1", key: Buffer.alloc(32, 1) }] },
    });

  it.each(Object.entries(terms))("keep %s for so long, a tenth less at most", async (name, [seconds, inClear]) => {
    const cache = await start();
    const policy = clinicPolicies[name as Name];
    await cache.wrap(name as Name, (policy.key.includes("{") ? 7 : null) as never, async () => "what was found");
    const [key = ""] = await operator.keys(`clinic:*:e:${policy.key.replace(/{.*}/, "7")}`);
    const left = await operator.pttl(key);
    expect(left).toBeGreaterThan(900 * seconds - 10_000);
    expect(left).toBeLessThanOrEqual(1_000 * seconds);
    expect((await operator.get(key))?.includes("what was found")).toBe(inClear);
  });

  it.each([
    ["patient", ofPatients, ofLocations],
    ["location", ofLocations, ofPatients],
  ] as const)(
    "let go of all that is of a %s together, in every process, and of nothing else",
    async (set, own, others) => {
      const [one, two] = [await start(), await start()];
      for (const cache of [one, two])
        for (const name of [...own, ...others]) for (const id of [5, 6]) await cache.wrap(name, of(id), async () => id);
      expect(await one.invalidate({ related: { [set]: 5 } })).toEqual({ complete: true });
      for (const cache of [one, two]) {
        for (const name of own)
          expect([await cache.get(name, of(5)), await cache.get(name, of(6))]).toEqual([undefined, 6]);
        for (const name of others) expect([await cache.get(name, of(5)), await cache.get(name, of(6))]).toEqual([5, 6]);
      }
    },
  );
});
