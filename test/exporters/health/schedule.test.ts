import { describe, expect, it } from "vitest";
import type { Duration } from "../../../components/units.ts";
import { budget, gate } from "../../../exporters/integration-health/limits.ts";
import { repeat } from "../../../exporters/integration-health/schedule.ts";
import { confirmAfter } from "../../../exporters/integration-health/watch.ts";
import { until } from "../../support/ports.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

describe("the schedule", () => {
  it("never runs a turn while the one before is under way, and says how many it left out", async () => {
    let running = 0;
    let most = 0;
    let skipped = 0;
    let turns = 0;
    const { stop } = repeat({
      intervalMs: 20,
      random: () => 0.5,
      skipped: (count) => {
        skipped += count;
      },
      work: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 70));
        running--;
        turns++;
      },
    });
    await until(() => turns >= 3);
    await stop();
    expect(most).toBe(1);
    expect(running).toBe(0);
    expect(skipped).toBeGreaterThanOrEqual(turns);
  });

  it("spreads the first turns over a second, and all later ones by a tenth of the interval about their places", async () => {
    const clock = virtualClock();
    const interval = 30_000;
    const turns = Array.from({ length: 40 }, (): number[] => []);
    const stops = turns.map((begun) =>
      repeat({ intervalMs: interval, clock, work: async () => void begun.push(clock.now()) }),
    );
    await clock.run(20 * interval);
    await Promise.all(stops.map(({ stop }) => stop()));
    const firsts = turns.map(([first = Number.NaN]) => first);
    const [least, most] = [Math.min(...firsts), Math.max(...firsts)];
    expect(least).toBeGreaterThanOrEqual(0);
    expect(most).toBeLessThanOrEqual(1_000);
    expect(most - least).toBeGreaterThan(500);
    const shifts = turns.flatMap(([first = 0, ...later]) =>
      later.map((at, index) => (at - first) / interval - (index + 1)),
    );
    expect(Math.max(...shifts)).toBeLessThanOrEqual(0.1);
    expect(Math.min(...shifts)).toBeGreaterThanOrEqual(-0.1);
    expect(Math.max(...shifts) - Math.min(...shifts)).toBeGreaterThan(0.15);
  });

  it("waits for no more than an interval, whatever becomes of the clock", async () => {
    const clock = virtualClock();
    const day = 86_400_000;
    let back = 0;
    let turns = 0;
    const { stop } = repeat({
      intervalMs: 30_000,
      clock: { ...clock, now: () => clock.now() - back },
      work: async () => {
        turns++;
        if (turns === 5) back = day;
      },
    });
    await clock.run(10 * 60_000);
    expect([19, 20, 21, 22]).toContain(turns);
    await stop();
  });

  it("spaces confirmations, and has room for all of them within the cycle", () => {
    const within = (interval: Duration, timeout: Duration) =>
      [0, 1].map((share) =>
        confirmAfter({ interval, timeout, confirm: { failures: 3, of: 4, successes: 2 } }, () => share),
      );
    expect(within("60s", "5s")).toEqual([5_000, 15_000]);
    expect(within("30s", "5s")).toEqual([3_000, 6_000]);
    expect(within("1s", "5s")).toEqual([50, 100]);
  });
});

describe("limits", () => {
  it("hold an integration to its calls and bytes per minute", () => {
    let now = 0;
    const allowance = budget({ callsPerMinute: 2, bytesPerMinute: 1_000 }, () => now);
    expect([allowance.take(), allowance.take(), allowance.take()]).toEqual([true, true, false]);
    now = 30_000;
    expect([allowance.take(), allowance.take()]).toEqual([true, false]);
    allowance.spend(3_000);
    now = 90_000;
    expect(allowance.take()).toBe(false);
    now = 240_000;
    expect(allowance.take()).toBe(true);
    // A clock that is set back takes nothing away.
    now = 300_000;
    expect(allowance.take()).toBe(true);
    now = 0;
    expect(allowance.take()).toBe(true);
  });

  it("let so many work at once, and the others in their order", async () => {
    const enter = gate(2);
    const order: number[] = [];
    let [running, most] = [0, 0];
    const work = (number: number) =>
      enter(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        order.push(number);
        running--;
        if (number === 1) throw new Error("x");
      });
    const all = await Promise.allSettled([0, 1, 2, 3, 4].map(work));
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(all.filter(({ status }) => status === "rejected").length).toBe(1);
  });
});
