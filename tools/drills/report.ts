// What drills have shown, as text: a line each, and the times of all.
import { hardDown } from "../../alerts/causes.ts";
import { table } from "../stack/table.ts";
import type { DrillResult } from "./run.ts";

const header = ["DRILL", "ALERT", "FAULT -> MESSAGE", "PROMISED", "CURE -> RESOLVED", "CAUSE"] as const;

export const isLate = ({ firedAfterMs, drill }: DrillResult): boolean =>
  firedAfterMs === undefined || firedAfterMs > drill.within * 1_000;

export function report(results: readonly DrillResult[]): string {
  const told = results.flatMap(({ firedAfterMs }) => firedAfterMs ?? []).toSorted((a, b) => a - b);
  const rows = results.map(({ drill, firedAfterMs, resolvedAfterMs, problems }) => [
    drill.name,
    drill.alert,
    seconds(firedAfterMs),
    `${drill.within} s`,
    seconds(resolvedAfterMs),
    problems.length === 0 ? "reached" : "see below",
  ]);
  const all = `${told.length} of ${results.length} told`;
  const times = `fault -> message: p50 ${seconds(share(told, 0.5))}, p95 ${seconds(share(told, 0.95))}`;
  return `${table([[...header], ...rows])}\n\n${told.length > 1 ? `${all}; ${times}` : all}${downLine(results)}`;
}

/** Promised seconds in which it is told that something is down. */
export const promisedDown = 120;

/** Something is stopped or frozen, and its own alert tells it; a target that vanishes is told later, as a deploy looks like that. */
const isDown = ({ drill }: DrillResult): boolean =>
  drill.alert !== "ServiceAbsent" && (hardDown as readonly string[]).includes(drill.alert);

/** The 95th percentile of what was down, that which nobody was told of as the worst; undefined where nothing was. */
export function downAfterMs(results: readonly DrillResult[]): number | undefined {
  const times = results.filter(isDown).map(({ firedAfterMs = Number.POSITIVE_INFINITY }) => firedAfterMs);
  return share(
    times.toSorted((a, b) => a - b),
    0.95,
  );
}

function downLine(results: readonly DrillResult[]): string {
  const down = downAfterMs(results);
  const count = results.filter(isDown).length;
  if (down === undefined) return "";
  return `\nhard down (${count}): p95 ${Number.isFinite(down) ? seconds(down) : "none"} (promised ${promisedDown} s)`;
}

/** The smallest that so many are not above: nothing is interpolated between a few values. */
const share = (sorted: readonly number[], part: number): number | undefined =>
  sorted[Math.ceil(sorted.length * part) - 1];

const seconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? "none" : `${(milliseconds / 1_000).toFixed(1)} s`;
