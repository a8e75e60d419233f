// What drills have shown, as text: a line each, and the times of all.
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
  return `${table([[...header], ...rows])}\n\n${told.length > 1 ? `${all}; ${times}` : all}`;
}

/** The smallest that so many are not above: nothing is interpolated between a few values. */
const share = (sorted: readonly number[], part: number): number | undefined =>
  sorted[Math.ceil(sorted.length * part) - 1];

const seconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? "none" : `${(milliseconds / 1_000).toFixed(1)} s`;
