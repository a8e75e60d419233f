// Probers in a simulated world: ours, as it is, and the documented rules of two others. Each gives its alerts.
import type { IntegrationTarget } from "../../../exporters/integration-health/config.ts";
import { healthConfig } from "../../../exporters/integration-health/config.ts";
import { connectivity } from "../../../exporters/integration-health/connectivity.ts";
import { gate } from "../../../exporters/integration-health/limits.ts";
import { watchIntegration } from "../../../exporters/integration-health/watch.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { draws, type Vendor, type World } from "./world.ts";

export interface Run {
  /** When a vendor was said to be down. */
  readonly alerts: readonly { readonly vendor: Vendor; readonly at: number }[];
  /** Turns of the schedule that were made. */
  readonly turns: number;
  readonly attempts: number;
}

export type Prober = (world: World, seed: number) => Promise<Run>;

const timeoutMs = 5_000;

export const ours: Prober = async (world, seed) => {
  const clock = virtualClock();
  const draw = draws(seed + 1);
  const alerts: { vendor: Vendor; at: number }[] = [];
  const schedules: ReadonlySet<number>[] = [];
  let attempts = 0;
  const guard = connectivity({
    anchors: [1, 2],
    ask: async () => {
      const { resolved, connected } = world.anchor(clock.now());
      await clock.sleep(connected ? 50 : 2_000, forever);
      return { resolved, connected };
    },
    now: clock.now,
  });
  const atOnce = gate(512);
  const watched = world.vendors.map((vendor) => {
    const interval = `${vendor.intervalMs / 1_000}s`;
    const entry = { name: vendor.name, probe: "http", url: "https://vendor.example/", interval, timeout: "5s" };
    const target = healthConfig.parse({ integrations: [entry] }).integrations[0] as IntegrationTarget;
    const made = new Set<number>();
    schedules.push(made);
    return watchIntegration(target, {
      clock,
      random: draw,
      gate: atOnce,
      connectivity: guard,
      attempt: async () => {
        attempts++;
        // A turn comes at most a tenth of the interval before its place, and its confirmations are over long before the next.
        made.add(Math.floor(clock.now() / vendor.intervalMs + 0.15));
        const { cause, ms } = world.meet(vendor, clock.now(), timeoutMs);
        await clock.sleep(ms, forever);
        return { phases: { resolve: ms / 1_000 }, ...(cause === undefined ? {} : { cause }) };
      },
      attempted: (_, _attempt, before, verdict) => {
        if (verdict.up === false && before.up !== false) alerts.push({ vendor, at: clock.now() });
      },
    });
  });
  await clock.run(world.endMs);
  const stopped = Promise.all(watched.map(({ stop }) => stop()));
  await clock.run(world.endMs + 60_000);
  await stopped;
  return { alerts, turns: schedules.reduce((sum, { size }) => sum + size, 0), attempts };
};

/** What a rule remembers of one vendor. */
interface Memory {
  failures: number;
  successes: number;
  failingSince: number;
  firing: boolean;
}

/** A prober without confirmation: one attempt a turn, that takes 200 and 429, and a rule that says when it alerts. */
const plain =
  (
    rule: (memory: Memory, failed: boolean, at: number) => boolean,
    skip: (world: World, at: number) => boolean,
  ): Prober =>
  async (world) => {
    const alerts: { vendor: Vendor; at: number }[] = [];
    let [turns, attempts] = [0, 0];
    for (const vendor of world.vendors) {
      const memory: Memory = { failures: 0, successes: 0, failingSince: 0, firing: false };
      for (let at = 0; at < world.endMs; at += vendor.intervalMs) {
        turns++;
        if (skip(world, at)) continue;
        attempts++;
        const { cause, ms } = world.meet(vendor, at, timeoutMs);
        const failed = cause !== undefined && cause !== "rate_limited";
        if (failed && memory.failures === 0) memory.failingSince = at + ms;
        memory.failures = failed ? memory.failures + 1 : 0;
        memory.successes = failed ? 0 : memory.successes + 1;
        const fires = rule(memory, failed, at + ms);
        if (fires && !memory.firing) alerts.push({ vendor, at: at + ms });
        memory.firing = fires;
      }
    }
    return { alerts, turns, attempts };
  };

/** https://github.com/TwiN/gatus: failure-threshold 3, success-threshold 2, checks are skipped while the connectivity checker fails. */
export const gatus = plain(
  ({ firing, failures, successes }) => (firing ? successes < 2 : failures >= 3),
  (world, at) => !world.anchor(at).connected,
);

/** blackbox_exporter, one attempt a scrape, with `probe_success == 0` and `for: 1m`. */
export const blackbox = plain(
  ({ failingSince }, failed, at) => failed && at - failingSince >= 60_000,
  () => false,
);

const forever = new AbortController().signal;
