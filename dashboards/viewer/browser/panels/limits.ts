// How much of what there is one panel draws: beyond that nobody sees a line among lines, and the page becomes slow.
import type { Frame, PanelData } from "../model.ts";

/** Series by the kind of panel; tables have rows, a text has none. */
const mostSeries: Readonly<Record<string, number>> = {
  timeseries: 50,
  stat: 50,
  gauge: 50,
  bargauge: 50,
  "state-timeline": 50,
};
export const mostRows = 500;

/** The data that a panel of this kind draws: the largest series, or those that change most where the values are states. */
export function limited(kind: string, data: PanelData): PanelData {
  const most = mostSeries[kind];
  if (most === undefined || data.frames.length <= most) return data;
  const weigh = kind === "state-timeline" ? changes : peak;
  const kept = new Set(
    data.frames
      .map((frame) => ({ frame, weight: weigh(frame) }))
      .toSorted((left, right) => right.weight - left.weight)
      .slice(0, most)
      .map(({ frame }) => frame),
  );
  return { ...data, frames: data.frames.filter((frame) => kept.has(frame)) };
}

const peak = ({ values }: Frame): number =>
  values.reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), -1);
const changes = ({ values }: Frame): number => values.filter((value, at) => at > 0 && value !== values[at - 1]).length;

/** "Showing 50 of 3 400 series"; nothing where all is shown. `total` is infinite where there are more than were counted. */
export function shownOf(shown: number, counted: number, total: number, what: string): string | undefined {
  if (shown >= total) return undefined;
  const number = (value: number): string => value.toLocaleString("en").replaceAll(",", "\u202f");
  return `Showing ${number(shown)} of ${Number.isFinite(total) ? number(total) : `more than ${number(counted)}`} ${what}`;
}
