// Probers in a simulated world: ours, as it is, and the documented rules of two others. Each gives its alerts.
import type { IntegrationTarget } from "../../../exporters/integration-health/config.ts";
import { healthConfig } from "../../../exporters/integration-health/config.ts";
import { connectivity } from "../../../exporters/integration-health/connectivity.ts";
import { gate } from "../../../exporters/integration-health/limits.ts";
import { type Known, type Watched, watchIntegration } from "../../../exporters/integration-health/watch.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { draws, type Span, type Vendor, type World } from "./world.ts";

export interface Run {
  readonly alerts: readonly Told[];
  /** Turns of the schedule that were made. */
  readonly turns: number;
  readonly attempts: number;
}

/** From when until when a vendor was said to be down. */
export interface Told {
  readonly vendor: Vendor;
  readonly at: number;
  readonly until: number;
}

/** Collects what is told. */
export function teller() {
  const alerts: { vendor: Vendor; at: number; until: number }[] = [];
  return {
    alerts,
    begin: (vendor: Vendor, at: number) => void alerts.push({ vendor, at, until: Number.POSITIVE_INFINITY }),
    end: (vendor: Vendor, at: number) => {
      const last = alerts.findLast((each) => each.vendor === vendor);
      if (last !== undefined) last.until = Math.min(last.until, at);
    },
  };
}

export type Prober = (world: World, seed: number) => Promise<Run>;

const timeoutMs = 5_000;

export const ours: Prober = async (world, seed) => {
  const clock = virtualClock();
  const draw = draws(seed + 1);
  const { alerts, begin, end } = teller();
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
  const kept = new Map<Vendor, Known>();
  /** `judged` is told when each attempt began that gave a verdict. */
  const watch = (vendor: Vendor, judged: (began: number) => void): Watched => {
    const interval = `${vendor.intervalMs / 1_000}s`;
    const entry = { name: vendor.name, probe: "http", url: "https://vendor.example/", interval, timeout: "5s" };
    const target = healthConfig.parse({ integrations: [entry] }).integrations[0] as IntegrationTarget;
    const known = kept.get(vendor);
    let began = 0;
    return watchIntegration(target, {
      ...(known && { known }),
      clock,
      random: draw,
      gate: atOnce,
      connectivity: guard,
      attempt: async (_, cut) => {
        attempts++;
        began = clock.now();
        const { cause, ms } = world.meet(vendor, began, timeoutMs);
        await clock.sleep(ms, cut);
        return { phases: { resolve: ms / 1_000 }, ...(cause === undefined ? {} : { cause }) };
      },
      attempted: (_, _attempt, before, verdict) => {
        judged(began);
        if (verdict.up === before.up) return;
        if (verdict.up === false) begin(vendor, clock.now());
        else end(vendor, clock.now());
      },
    });
  };
  let [from, turns] = [0, 0];
  for (const pause of [...world.restarts, { from: world.endMs, until: world.endMs }]) {
    if (pause.from < from) continue;
    await clock.run(from);
    const watched = world.vendors.map((vendor) => {
      let first: number | undefined;
      // A turn comes at most a tenth of the interval before its place, and its confirmations are over long before the next.
      const places = new Set<number>();
      const judged = (began: number): void => {
        first ??= began;
        places.add(Math.floor((began - first) / vendor.intervalMs + 0.15));
      };
      return { vendor, places, ...watch(vendor, judged) };
    });
    await clock.run(pause.from);
    for (const { vendor, places, state, stop } of watched) {
      // What is under way is cut short; its time never passes.
      void stop();
      kept.set(vendor, state());
      turns += Math.min(places.size, (pause.from - from) / vendor.intervalMs);
    }
    from = pause.until;
  }
  return { alerts, turns, attempts };
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
    const { alerts, begin, end } = teller();
    let [turns, attempts] = [0, 0];
    for (const vendor of world.vendors) {
      const memory: Memory = { failures: 0, successes: 0, failingSince: 0, firing: false };
      for (let at = 0; at < world.endMs; at += vendor.intervalMs) {
        turns++;
        if (during(world.restarts, at) || skip(world, at)) continue;
        // What was counted is lost with a restart; what fires is kept.
        const restarted = world.restarts.some(({ until }) => until <= at && until > at - vendor.intervalMs);
        if (restarted) Object.assign(memory, { failures: 0, successes: 0 });
        attempts++;
        const { cause, ms } = world.meet(vendor, at, timeoutMs);
        const failed = cause !== undefined && cause !== "rate_limited";
        if (failed && memory.failures === 0) memory.failingSince = at + ms;
        memory.failures = failed ? memory.failures + 1 : 0;
        memory.successes = failed ? 0 : memory.successes + 1;
        const fires = rule(memory, failed, at + ms);
        if (fires !== memory.firing) (fires ? begin : end)(vendor, at + ms);
        memory.firing = fires;
      }
    }
    return { alerts, turns, attempts };
  };

/**
 * https://github.com/TwiN/gatus#alerting, #connectivity: failure-threshold 3, success-threshold 2; checks are skipped while the
 * connectivity checker fails, which looks once a minute.
 */
export const gatus = plain(
  ({ firing, failures, successes }) => (firing ? successes < 2 : failures >= 3),
  (world, at) => !onlineAt(world, Math.floor(at / 60_000)),
);

const looks = new WeakMap<World, Map<number, boolean>>();

/** One look of the checker counts for all. */
function onlineAt(world: World, minute: number): boolean {
  const known = looks.get(world) ?? new Map<number, boolean>();
  looks.set(world, known);
  const connected = known.get(minute) ?? world.anchor(minute * 60_000).connected;
  known.set(minute, connected);
  return connected;
}

const during = (spans: readonly Span[], at: number): boolean =>
  spans.some(({ from, until }) => at >= from && at < until);

/** blackbox_exporter, one attempt a scrape, with `probe_success == 0` and `for: 1m`. */
export const blackbox = plain(
  ({ failingSince }, failed, at) => failed && at - failingSince >= 60_000,
  () => false,
);

const forever = new AbortController().signal;
