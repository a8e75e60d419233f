// Alerts on a measure of a database beyond its limit, with the same proofs for all of them, made from the alert's own figures.
import { type Duration, seconds } from "../components/units.ts";
import { type Expr, promql } from "../telemetry/promql.ts";
import { always, type Measure, type Phase, step } from "./database-measures.ts";
import { at, clinic, common, dashboardOf, seen, seenBy, type Words } from "./database-rule.ts";
import { type Alert, limited, metByChance, type Proof, type Unit } from "./rule.ts";

export interface Guard {
  readonly expr: Expr;
  /** Below or at this the measure says nothing yet. */
  readonly least: number;
  /** The range that its rates look back over. */
  readonly range?: Duration;
}

export interface Beyond extends Words {
  readonly limit: number;
  readonly unit?: Unit;
  /** What nothing exceeds; default: 1 of a ratio. */
  readonly most?: number;
  /** One and a half times the limit, or half of the way to the most, or 1 for a limit of 0, as the message writes it. */
  readonly shown: string;
  readonly guard?: Guard;
  readonly equivalent?: Alert["equivalent"];
}

/** A measure above its limit, where the guard is above its least. */
export function beyond(measure: Measure, spec: Beyond): Alert {
  const { limit, unit = "number", shown, most, guard, equivalent, keepFiringFor = "2m", ...words } = spec;
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
  { limit, unit, most = unit === "ratio" ? 1 : Number.POSITIVE_INFINITY, shown, guard }: Omit<Beyond, keyof Words>,
): Alert["proofs"] {
  const { by = {}, range } = measure;
  const least = guard?.least ?? 0;
  const times = Math.min(1.5, (1 + most / limit) / 2);
  const above = limit === 0 ? 1 : exact(times * limit);
  const of = (
    phases: readonly Phase[],
    { ordinal = 0, database = "clinic", guard = least === 0 ? 1 : 4 * least, size = 1 } = {},
  ) => measure.given({ database, ...by, ...seenBy(ordinal) }, phases, { guard: always(phases, guard), size });
  // The range holds one step less than its samples; at one and a half times the limit it takes two thirds of them to cross it.
  const steps = range === undefined ? 1 : seconds(range) / step - 1;
  const needed = Math.floor(steps / times) + 1;
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
