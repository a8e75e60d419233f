// How a metric may go through a day.
import type { Draws } from "../../../demo/traffic/draws.ts";
import { busy, type Moment, stepSeconds } from "./day.ts";

/** A value at each moment; what a process counts begins anew when it does. */
export type Course = (moment: Moment, draws: Draws, before: number, labels: Labels) => number;
export type Labels = Readonly<Record<string, string>>;

export interface Level {
  readonly jobs: readonly string[];
  /** The sets of labels besides job and instance. */
  readonly labels?: readonly Labels[];
  readonly course: Course;
}

export const always =
  (value: number): Course =>
  () =>
    value;
/** Now and then another value, for a scrape. */
export const mostly =
  (value: number, other: number, share: number): Course =>
  (_, draws) =>
    draws.fraction() < share ? other : value;
/** Counts so many a second when people are busiest. */
export const counts =
  (perSecond: number): Course =>
  ({ hour }, draws, before) =>
    before + Math.round(perSecond * stepSeconds * busy(hour) * (0.7 + 0.6 * draws.fraction()));
/** Counts one, in this share of the scrapes. */
export const rarely =
  (share: number): Course =>
  (_, draws, before) =>
    before + (draws.fraction() < share ? 1 : 0);
export const around =
  (value: number, part: number): Course =>
  (_, draws) =>
    value * (1 - part + 2 * part * draws.fraction());
