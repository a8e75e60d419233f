// Watches one integration: attempts on schedule, spaced confirmations of every doubt, a budget, and our own connectivity in mind.
import { milliseconds } from "../../components/units.ts";
import { type Clock, realClock } from "./clock.ts";
import type { IntegrationTarget } from "./config.ts";
import type { Connectivity } from "./connectivity.ts";
import { budget, type Gate } from "./limits.ts";
import type { Attempt } from "./probe.ts";
import { repeat, type Turn } from "./schedule.ts";
import { judge, undecided, type Verdict } from "./verdict.ts";

export interface Watched {
  readonly target: IntegrationTarget;
  readonly state: () => State;
  /** Begins nothing more; an attempt under way is cut short when `late` is aborted, without one at once. */
  stop(late?: AbortSignal): Promise<void>;
}

export interface State extends Known {
  readonly last?: Attempt;
  /** When the last attempt ended, in milliseconds since 1970. */
  readonly checkedAt?: number;
}

/** What outlives a restart. */
export interface Known {
  readonly verdict: Verdict;
  readonly certificate?: KnownCertificate;
}

/** The certificate that was seen last, in seconds since 1970; kept when later handshakes fail. */
export interface KnownCertificate {
  readonly expiry: number;
  readonly seenAt: number;
  /** When one was accepted last. */
  readonly acceptedAt?: number | undefined;
}

/** What the loop needs; the network and the time come from outside. */
export interface Surroundings {
  readonly attempt: (target: IntegrationTarget, signal: AbortSignal) => Promise<Attempt>;
  readonly connectivity: Connectivity;
  readonly gate: Gate;
  readonly attempted?: (target: IntegrationTarget, attempt: Attempt, before: Verdict, verdict: Verdict) => void;
  readonly skipped?: (target: IntegrationTarget, turns: number) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** What was known before a restart. */
  readonly known?: Known;
}

export function watchIntegration(target: IntegrationTarget, surroundings: Surroundings): Watched {
  const { clock = realClock, random = Math.random, attempted, skipped, connectivity, gate } = surroundings;
  const intervalMs = milliseconds(target.interval);
  const allowance = budget(target.budget, clock.now);
  // The way to what lies on our own networks does not lead over the internet.
  const guarded = target.allow.length === 0;
  let state: State = surroundings.known ?? { verdict: undecided };

  const once = async (cut: AbortSignal): Promise<void> => {
    if (!allowance.take()) return skipped?.(target, 1);
    const last = await gate(() => surroundings.attempt(target, cut));
    allowance.spend(last.bytes ?? 0);
    const ended = clock.now();
    const before = state.verdict;
    const judged = async (since?: number): Promise<Verdict> => {
      // What must fail does so while we are offline, too.
      const offline = guarded && !(await connectivity.online(last.cause ?? last.wanted, since));
      return judge(before, { at: clock.now(), cause: last.cause, offline }, target.confirm);
    };
    let verdict = await judged();
    // Nobody is called down on an answer of the anchors that is older than the failure.
    if (verdict.up === false && before.up !== false) verdict = await judged(ended);
    // What was cut short by the end of the exporter says nothing about the integration.
    if (cut.aborted) return;
    const certificate = certificateAfter(state.certificate, last, clock.now() / 1_000);
    state = { verdict, last, checkedAt: clock.now(), ...(certificate && { certificate }) };
    attempted?.(target, last, before, verdict);
  };

  const { stop } = repeat({
    intervalMs,
    clock,
    random,
    ...(skipped === undefined ? {} : { skipped: (turns) => skipped(target, turns) }),
    work: async ({ ending, cut }: Turn) => {
      await once(cut);
      for (let tries = 1; tries < target.confirm.of && state.verdict.doubtedSince !== undefined; tries++) {
        await clock.sleep(confirmAfter(target, random), ending);
        if (ending.aborted) return;
        await once(cut);
      }
    },
  });
  return { target, state: () => state, stop };
}

function certificateAfter(
  before: KnownCertificate | undefined,
  { certificate: seen }: Attempt,
  now: number,
): KnownCertificate | undefined {
  if (seen === undefined) return before;
  return { expiry: seen.expiry, seenAt: now, acceptedAt: seen.valid ? now : before?.acceptedAt };
}

/** Long enough for a blip to pass, short enough that all confirmations, each out of time, stay within the cycle. */
export function confirmAfter(
  { interval, timeout, confirm }: Pick<IntegrationTarget, "interval" | "timeout" | "confirm">,
  random: () => number = Math.random,
): number {
  const confirmations = Math.max(1, confirm.failures - 1);
  const room = (0.9 * milliseconds(interval) - confirm.failures * milliseconds(timeout)) / confirmations;
  const most = Math.min(15_000, Math.max(room, milliseconds(interval) / 10));
  const least = Math.min(5_000, most / 2);
  return least + random() * (most - least);
}
