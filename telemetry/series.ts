// What a metric holds of one set of label values: plain numbers that are found once and then written to, and how they are shown.
import type { Row } from "./catalogue/row.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly labels: Labels;
  /** Of a counter or a gauge; of a histogram the sum of what was observed. */
  value: number;
  /** Of a histogram: how many fell into each bucket, the last one beyond all bounds. */
  readonly counts: number[];
  /** The latest in each bucket that has one. */
  readonly exemplars: (Exemplar | undefined)[];
  /** Whether it was taken away: what is written to it is not shown. */
  gone: boolean;
}

/** In the shape that prom-client renders. */
export interface Exemplar {
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

const defaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export const boundsOf = ({ buckets }: Row): readonly number[] => buckets ?? defaultBounds;

export const createSeries = (row: Row, labels: Labels): Series => ({
  labels,
  value: 0,
  counts: row.kind === "histogram" ? new Array(boundsOf(row).length + 1).fill(0) : [],
  exemplars: [],
  gone: false,
});

export function increase(series: Series, by: number): void {
  if (!(by >= 0 && by < Number.POSITIVE_INFINITY)) throw new TypeError(`a counter cannot be increased by ${by}`);
  series.value += by;
}

export function observe(series: Series, bounds: readonly number[], value: number, traceId: string | undefined): void {
  if (!Number.isFinite(value)) throw new TypeError(`a histogram cannot observe ${value}`);
  let bucket = 0;
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
  series.value += value;
  (series.counts[bucket] as number)++;
  if (traceId === undefined) return;
  series.exemplars[bucket] = { labelSet: { trace_id: traceId }, value, timestamp: Date.now() / 1_000 };
}

/** A line of the rendered page, in the shape that prom-client takes. */
export interface Shown {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels?: Labels;
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}

export function linesOf(name: string, row: Row, series: Iterable<Series>): readonly Shown[] {
  if (row.kind !== "histogram") return Array.from(series, ({ labels, value }) => ({ labels, value }));
  const bounds: readonly (number | string)[] = [...boundsOf(row), "+Inf"];
  return Array.from(series, ({ labels: sharedLabels, value, counts, exemplars }): readonly Shown[] => {
    let count = 0;
    const buckets = bounds.map((le, bucket): Shown => {
      count += counts[bucket] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count, exemplar: exemplars[bucket] };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
    ];
  }).flat();
}
