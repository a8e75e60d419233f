// Alerts on what db-stats says of a database: a flag that fell, something that must not happen, a measure beyond its limit. Each of
// the three kinds has the same proofs for all its alerts, made from the alert's own figures.
import type { Duration } from "../components/units.ts";
import { seconds } from "../components/units.ts";
import {
  agg,
  type CounterSeries,
  type Expr,
  type LabelOf,
  promql,
  rate,
  type Series,
  sel,
} from "../telemetry/promql.ts";
import {
  type Alert,
  counter,
  fillLabels,
  type Given,
  given,
  type Labels,
  limited,
  metByChance,
  missing,
  type Proof,
  sumOfFlags,
  type Unit,
} from "./rule.ts";

/** Those with a configured id. */
export type DatabaseSeries = { [S in Series]: "database" extends LabelOf<S> ? S : never }[Series];
export type DatabaseCounter = Extract<CounterSeries, DatabaseSeries>;

/** What an alert says itself. Times are multiples of 15 s, the time between two samples of its proofs. */
export interface Words extends Pick<Alert, "name" | "severity" | "summary" | "action"> {
  readonly for: Duration;
  readonly keepFiringFor?: Duration;
}

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

export interface Guard {
  readonly expr: Expr;
  /** Below or at this the measure says nothing yet. */
  readonly least: number;
  /** The range that its rates look back over. */
  readonly range?: Duration;
}

const step = 15;
const at = (secondsFromStart: number): Duration => `${secondsFromStart}s`;
const seenBy = (ordinal: number): Labels => ({ job: "db-stats", instance: `db-stats-${ordinal}` });
const common = { owner: "platform", service: "{{ $labels.database }}" } as const;
const dashboardOf = (series: string) =>
  ({ dashboard: series.includes("redis_") ? "vitals-redis" : "vitals-postgres" }) as const;
const clinic = { database: "clinic" } as const;

/** A flag that is 1 while all is well. It fell when every exporter that watches the database says so. */
export function fallen(series: DatabaseSeries, { keepFiringFor = "1m", ...words }: Words): Alert {
  const flag = (ordinal: number, values: string, database = "clinic") =>
    given(series, { database, ...seenBy(ordinal) }, values);
  const held = seconds(words.for) / step;
  return {
    ...common,
    ...words,
    keepFiringFor,
    panel: dashboardOf(series),
    expr: promql`${agg("max", sel(series), "database")} == 0`,
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: [
      {
        says: "fires when its time is over, and resolves when it is well again for a while",
        given: [flag(0, `1x3 0x${held + 4} 1x40`), flag(0, `1x${held + 60}`, "billing")],
        ...seen({ words, keepFiringFor, from: 4, last: 8 + held, text: { sample: 8 + held, value: "0" } }),
      },
      {
        says: "is silent while one of two exporters sees it well",
        given: [flag(0, "0x60"), flag(1, "1x60")],
        firing: { "1m": [], "15m": [] },
      },
      {
        says: "is silent where there is none",
        given: [missing(series, clinic)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  };
}

/** Something of which even one is too many: fires while the range holds one, and none of what makes up for it. */
export function happened(
  series: DatabaseCounter,
  range: Duration,
  { keepFiringFor = "5m", ...words }: Words,
  unless?: DatabaseCounter,
): Alert {
  const grows = (counted: DatabaseCounter) => promql`${agg("max", rate(counted, range), "database")} > 0`;
  const expr = unless === undefined ? grows(series) : promql`${grows(series)} unless ${grows(unless)}`;
  const each = (ordinal: number, values: string, database = "clinic", of = series) =>
    given(of, { database, ...seenBy(ordinal) }, values);
  const steps = seconds(range) / step - 1;
  return {
    ...common,
    ...words,
    keepFiringFor,
    panel: dashboardOf(series),
    expr,
    equivalent: Object.fromEntries([
      ...[...expr.text.matchAll(/max/g)].map(({ index }) => [
        `${index} max -> sum`,
        "A sum of rates is above 0 exactly when one is.",
      ]),
      ...[...expr.text.matchAll(/rate/g)].map(({ index }) => [
        `${index} rate -> increase`,
        "Both are above 0 together.",
      ]),
    ]),
    proofs: [
      {
        says: "fires when one happened, and resolves when it is long ago",
        given: [
          each(0, `7x9 8x${steps + 80}`),
          each(1, "7x120"),
          each(0, "7x120", "billing"),
          ...(unless === undefined ? [] : [each(0, "3x200", "clinic", unless)]),
        ],
        // In the first sample after it; the range begins with the sample before.
        ...seen({ words, keepFiringFor, from: 10, last: 10 + steps - 1 }),
      },
      ...(unless === undefined
        ? []
        : [
            {
              says: "is silent where one of two exporters saw what makes up for it",
              given: [
                each(0, `7x9 8x${steps + 80}`),
                each(0, `3x9 4x${steps + 80}`, "clinic", unless),
                each(1, "3x200", "clinic", unless),
              ],
              firing: { "3m": [], [at(10 * step + seconds(words.for))]: [], [at((10 + steps) * step)]: [] },
            },
            {
              says: "fires when the last of what makes up for it is long ago",
              given: [each(0, counter([[steps + 60, 1]], 7)), each(0, `3x9 4x${steps + 80}`, "clinic", unless)],
              firing: {
                [at((10 + steps) * step + seconds(words.for) - step)]: [],
                [at((10 + steps) * step + seconds(words.for))]: [clinic],
              },
            },
          ]),
      { says: "is silent where it is not counted", given: [missing(series, clinic)], firing: { "1m": [], "10m": [] } },
    ],
  };
}

export interface Beyond extends Words {
  readonly limit: number;
  readonly unit?: Unit;
  /** One and a half times the limit, or 1 for a limit of 0, as the message writes it. */
  readonly shown: string;
  readonly guard?: Guard;
  readonly equivalent?: Alert["equivalent"];
}

/** A measure above its limit, where the guard is above its least. */
export function beyond(measure: Measure, spec: Beyond): Alert {
  const { limit, unit = "number", shown, guard, equivalent, keepFiringFor = "2m", ...words } = spec;
  const made = limited(limit, unit, (value) =>
    guard === undefined
      ? promql`${measure.expr} > ${value}`
      : promql`${measure.expr} > ${value} and ${guard.expr} > ${guard.least}`,
  );
  return {
    ...common,
    ...words,
    keepFiringFor,
    panel: dashboardOf(made.expr.text),
    ...made,
    equivalent: { ...chances(made.expr.text, measure, guard), ...sums(made.expr.text, limit, guard), ...equivalent },
    proofs: beyondProofs(measure, words, keepFiringFor, spec),
  };
}

/** What is never negative exceeds 0 as a sum exactly when its maximum does. */
function sums(text: string, limit: number, guard: Guard | undefined): Readonly<Record<string, string>> {
  const of = (index: number) => ({
    [`${index} max -> sum`]: "A sum of what is never below 0 is above it exactly when its maximum is.",
  });
  return {
    ...(limit === 0 ? of(text.indexOf("max")) : {}),
    ...(guard?.least === 0 ? of(text.lastIndexOf("max by")) : {}),
  };
}

function chances(text: string, measure: Measure, guard: Guard | undefined): Readonly<Record<string, string>> {
  const [first = [], second = []] = Object.entries(metByChance(text)).map((each) => [each]);
  return Object.fromEntries([...(measure.byChance ? first : []), ...(guard?.range ? second : [])]);
}

const exact = (level: number): number => Number(level.toPrecision(12));

function beyondProofs(
  measure: Measure,
  words: Words,
  keepFiringFor: Duration,
  { limit, shown, guard }: Pick<Beyond, "limit" | "shown" | "guard">,
): Alert["proofs"] {
  const { by = {}, range } = measure;
  const least = guard?.least ?? 0;
  const above = limit === 0 ? 1 : exact(1.5 * limit);
  const of = (
    phases: readonly Phase[],
    { ordinal = 0, database = "clinic", guard = least === 0 ? 1 : 4 * least, size = 1 } = {},
  ) => measure.given({ database, ...by, ...seenBy(ordinal) }, phases, { guard: always(phases, guard), size });
  // The range holds one step less than its samples; at one and a half times the limit it takes two thirds of them to cross it.
  const steps = range === undefined ? 1 : seconds(range) / step - 1;
  const needed = Math.floor(steps / 1.5) + 1;
  // A guard of rates looks back, too.
  const lead = Math.max(steps, seconds(guard?.range ?? "0s") / step);
  const high = steps + seconds(words.for) / step + 4;
  const tail = steps + seconds(keepFiringFor) / step + 2;
  const whole = lead + high + tail;
  const proofs: readonly [Proof, ...Proof[]] = [
    {
      says: "fires when the limit has been crossed for its time, and resolves when it has not for a while",
      given: [
        ...of([
          [lead, 0],
          [high, above],
          [tail, 0],
        ]),
        ...of([[whole, 0]], { ordinal: 1 }),
        ...of([[whole, exact(0.9 * limit)]], { database: "billing" }),
      ],
      ...seen({
        words,
        keepFiringFor,
        from: lead + needed,
        last: lead + high + steps - needed,
        by,
        text: { sample: lead + high, value: shown },
      }),
    },
    {
      says: "is silent at the limit, and where two exporters see more than half of it each",
      given: [
        ...of([[whole, exact(limit * (measure.byChance ? 0.98 : 1))]]),
        ...of([[whole, exact(0.8 * limit)]], { database: "billing" }),
        ...of([[whole, exact(0.8 * limit)]], { ordinal: 1, database: "billing", size: 0.5 }),
      ],
      firing: { "2m": [], [at(whole * step)]: [] },
    },
    {
      says: "is silent where it is not measured",
      given: of([[1, 0]]).map(({ series, labels }) => ({ series, labels, values: "_x40" })),
      firing: { "1m": [], "10m": [] },
    },
  ];
  if (guard === undefined) return proofs;
  const long: readonly Phase[] = [[whole, above]];
  const firing = [{ ...clinic, ...by }];
  const enough: Proof = {
    says: "is silent where there is too little to tell, and fires where there is just enough",
    given: [
      ...of(long, { guard: least === 0 ? 1 : least * 1.2 }),
      ...of(long, { ordinal: 1, guard: least * 0.6 }),
      ...of(long, { database: "billing", guard: least * (guard.range ? 0.98 : 1) }),
      ...of(long, { database: "billing", ordinal: 1, guard: least * 0.6 }),
    ],
    firing: { [at(whole * step)]: firing },
  };
  if (guard.range === undefined) return [...proofs, enough];
  // Four times as much crosses it after a quarter of the range.
  const begins = (lead + Math.floor((seconds(guard.range) / step - 1) / 4) + 1) * step + seconds(words.for);
  const risen: Proof = {
    says: "begins when there has been enough for long enough",
    given: measure.given({ ...clinic, ...by, ...seenBy(0) }, long, {
      guard: [
        [lead, 0],
        [whole - lead, 4 * least],
      ],
      size: 1,
    }),
    firing: { [at(begins - step)]: [], [at(begins)]: firing },
  };
  return [...proofs, enough, risen];
}

interface Seen {
  readonly words: Words;
  readonly keepFiringFor: Duration;
  /** The first and the last sample at which the expression is true. */
  readonly from: number;
  readonly last: number;
  readonly by?: Labels;
  /** A sample at which it fires, and its value there. */
  readonly text?: { readonly sample: number; readonly value: string };
}

/** The instants either side of an alert's beginning and of its end, and its words while it fires. */
function seen({ words, keepFiringFor, from, last, by = {}, text }: Seen): Pick<Proof, "firing" | "text"> {
  const begins = from * step + seconds(words.for);
  const ends = last * step + seconds(keepFiringFor);
  const firing = [{ ...clinic, ...by }];
  const summary = fillLabels(words.summary, { ...clinic, ...by });
  return {
    firing: {
      [at(begins - step)]: [],
      [at(begins)]: firing,
      [at((text?.sample ?? last) * step)]: firing,
      [at(ends)]: firing,
      [at(ends + step)]: [],
    },
    ...(text === undefined ? {} : { text: { at: at(text.sample * step), summary, value: text.value } }),
  };
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
