// Days of faults on a virtual clock: what integration-health says of them, and what the rules of others would have said.
import { describe, expect, it } from "vitest";
import { blackbox, gatus, ours, type Prober } from "./probers.ts";
import { line, type Score, score } from "./score.ts";
import { world } from "./world.ts";

const full = process.env.VITALS_PROVE !== undefined;
const seeds = Array.from({ length: full ? 40 : 3 }, (_, index) => index + 1);
const hours = full ? 48 : 12;

async function judge(prober: Prober): Promise<Score> {
  const scores: Score[] = [];
  for (const seed of seeds) {
    const given = world(seed, { hours });
    scores.push(score(await prober(given, seed), given));
  }
  const sum = (of: (each: Score) => number) => scores.reduce((total, each) => total + of(each), 0);
  return {
    alerts: sum(({ alerts }) => alerts),
    false: sum((each) => each.false),
    falseOffline: sum(({ falseOffline }) => falseOffline),
    missed: sum(({ missed }) => missed),
    outages: sum(({ outages }) => outages),
    delays: scores.flatMap(({ delays }) => delays).toSorted((left, right) => left - right),
    turnsMade: sum(({ turnsMade }) => turnsMade) / scores.length,
  };
}

describe("a simulation of faults", () => {
  it(
    "has no false alert, no missed outage and no late one, also while we are offline ourselves",
    async () => {
      const seen = await judge(ours);
      console.log(
        [
          line("integration-health", seen),
          line("Gatus' rules", await judge(gatus)),
          line("blackbox_exporter, for: 1m", await judge(blackbox)),
          `${(100 * seen.turnsMade).toFixed(2)} % of the scheduled checks gave a verdict`,
        ].join("\n"),
      );
      expect(seen.outages).toBeGreaterThan(full ? 1_000 : 20);
      expect(seen.false / seen.alerts).toBeLessThan(0.01);
      expect(seen.falseOffline).toBe(0);
      expect(seen.missed).toBe(0);
      expect(seen.delays.at(-1)).toBeLessThanOrEqual(2);
      expect(seen.turnsMade).toBeGreaterThan(0.99);
    },
    full ? 3_600_000 : 60_000,
  );

  it("is the same every time", async () => {
    const once = async () => (await ours(world(7, { hours: 3 }), 7)).alerts.map(({ vendor, at }) => [vendor.name, at]);
    expect(await once()).toEqual(await once());
  });
});
