// What is measured of each database, and the series that make it a given level in the proofs of an alert on it.
import { type Duration, seconds } from "../components/units.ts";
import { agg, type CounterSeries, type Expr, type LabelOf, rate, type Series, sel } from "../telemetry/promql.ts";
import { counter, type Given, given, type Labels } from "./rule.ts";

/** The time between two samples of the proofs in seconds. */
export const step = 15;

/** Those with a configured id. */
export type DatabaseSeries = { [S in Series]: "database" extends LabelOf<S> ? S : never }[Series];
export type DatabaseCounter = Extract<CounterSeries, DatabaseSeries>;

/** So many samples at this level. */
export type Phase = readonly [samples: number, level: number];

/** What is measured of each database, and the series that make it a given level. */
export interface Measure {
  readonly expr: Expr;
  /** The series of what `labels` name, a sample before the phases included. */
  readonly given: (labels: Labels, phases: readonly Phase[], scale: Scale) => readonly Given[];
  /** The range that its rates look back over. */
  readonly range?: Duration;
  /** It is made of rates, which meet a limit by chance alone. */
  readonly byChance?: true;
  /** Labels beside `database` that tell apart what is measured, with an example's values. */
  readonly by?: Labels;
}

export interface Scale {
  /** What the guard's expression is to give while the measure is above its limit; more than one phase for a guard of rates alone. */
  readonly guard: readonly Phase[];
  /** Of what a share is taken of, as a multiple. */
  readonly size: number;
}

/** A gauge of each database, or of each of the things in it that the labels `by` tell apart; `max`, as exporters agree. */
export const gauge = <S extends DatabaseSeries>(series: S, by: Labels = {}): Measure => ({
  expr: agg("max", sel(series) as Expr, "database", ...Object.keys(by)),
  by,
  given: (labels, phases) => [levels(series, labels, phases)],
});

/** How fast a counter of each database grows. */
export const perSecond = (series: DatabaseCounter, range: Duration): Measure => ({
  expr: agg("max", rate(series, range), "database"),
  range,
  byChance: true,
  given: (labels, phases) => [rates(series, labels, phases)],
});

/** How much it grew within the range. */
export const growth = (series: DatabaseCounter, range: Duration): Measure => ({
  expr: agg("max", { ...sel(series), text: `increase(${series}[${range}])` } as Expr, "database"),
  range,
  byChance: true,
  given: (labels, phases) => [rates(series, labels, phases, 1 / seconds(range))],
});

/** One level through all phases. */
export const always = (phases: readonly Phase[], level: number): readonly Phase[] =>
  phases.map(([samples]) => [samples, level]);

/** A gauge's values. */
export const levels = (series: DatabaseSeries, labels: Labels, phases: readonly Phase[], factor = 1): Given =>
  given(
    series,
    labels,
    [[1, phases[0]?.[1] ?? 0] as const, ...phases]
      .map(([samples, level]) => `${Number((level * factor).toPrecision(12))}x${samples - 1}`)
      .join(" "),
  );

/** A counter's values: the level is its growth in a second. It has counted before: one that begins at 0 is extrapolated less. */
export const rates = (series: DatabaseCounter, labels: Labels, phases: readonly Phase[], factor = 1): Given =>
  given(
    series,
    labels,
    counter(
      phases.map(([samples, level]) => [samples, Number((level * factor * step).toPrecision(12))]),
      1_000_000,
    ),
  );
