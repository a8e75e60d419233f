// What an alert is, and what proves it: plain data that becomes a Prometheus rule and a promtool unit test.
import type { Duration } from "../components/units.ts";
import type { Expr, LabelValues, Series } from "../telemetry/promql.ts";

export type Severity = "page" | "ticket" | "info";
export type Labels = Readonly<Record<string, string>>;

export interface Alert {
  /** CamelCase; the members of a family share it. Its runbook is docs/runbooks/NAME.md. */
  readonly name: string;
  readonly expr: Expr;
  /** The number in `expr` that an environment may move; made together with it by `limited`. */
  readonly limit?: Limit;
  /** What the value counts, for the message; default: a plain number. */
  readonly unit?: Unit;
  /** What the value counts, as the message calls it: `Dead rows to live ones`. Of a flag it says the metric, and `absent()` has none. */
  readonly measures?: string;
  readonly for: Duration;
  /** Stays firing this long after the expression has become silent: no flapping, no false resolve from a lost scrape. */
  readonly keepFiringFor?: Duration;
  /** `page`: someone gets up. `ticket`: in working hours. `info`: for other alerts and machines. */
  readonly severity: Severity;
  readonly owner: string;
  /** What is ill: a name, or `{{ $labels.LABEL }}`. Alerts are grouped and inhibited by it. */
  readonly service: string;
  /** Labels that tell the members of a family apart. */
  readonly labels?: Labels;
  /** One sentence for the message; may use `{{ $labels.LABEL }}`. */
  readonly summary: string;
  /** The first thing to do, in one sentence. */
  readonly action: string;
  /** The dashboard that shows it; the panel is found by its metrics, unless it is one of several that draw them. */
  readonly panel: { readonly dashboard: string; readonly id?: number };
  /** The name under which its traces are found in Jaeger, of a service: letters, digits and `-`; may be `{{ $labels.LABEL }}`. */
  readonly traces?: string;
  readonly proofs: readonly [Proof, ...Proof[]];
  /** Why the alert need not prove one of the things that every alert proves. */
  readonly exempt?: Readonly<Partial<Record<Duty, string>>>;
  /** Mutants that no proof can tell from the alert, with the reason. */
  readonly equivalent?: Readonly<Record<string, string>>;
}

/** `count`: of things, which `increase()` gives nearly; shown as a whole number. `ratio`: 1 is all of it; shown as per cent. */
export type Unit = "number" | "count" | "ratio" | "seconds" | "bytes";

export interface Limit {
  readonly value: number;
  /** The expression with another number in its place. */
  readonly at: (value: number) => Expr;
}

/** An expression with a number that `vitals:alertOverrides` may move: spread into the alert. */
export const limited = (
  value: number,
  unit: Unit,
  at: (value: number) => Expr,
): Required<Pick<Alert, "expr" | "limit" | "unit">> => ({ expr: at(value), limit: { value, at }, unit });

/**
 * `firing` and `silent`: both states. `resolve`: its end. `missing`: a series that is not there. `boundary`: the instants either side
 * of `for`. `reset`: counters that start anew, which is proven for all in restarts.ts.
 */
export type Duty = "firing" | "silent" | "resolve" | "missing" | "boundary" | "reset";

export interface Proof {
  /** A sentence: "fires thirty seconds after Redis stops". */
  readonly says: string;
  /** Time between two values of a series; default 15s. */
  readonly step?: Duration;
  readonly given: readonly Given[];
  /** At each instant, the labels that set the firing alerts apart from the alert's own; [] = silent. */
  readonly firing: { readonly [at in Duration]?: readonly Labels[] };
  /** What the message says at an instant when exactly one is firing. */
  readonly text?: { readonly at: Duration; readonly summary: string; readonly value?: string };
}

/** A series and its values in promtool's notation: `1x3 0x20` is four ones and 21 zeros, `_` is a missing one. */
export interface Given {
  readonly series: Series;
  readonly labels: Labels;
  readonly values: string;
}

/** A series that exists, with labels and label values that it can have. */
export const given = <S extends Series>(
  series: S,
  labels: Readonly<Partial<LabelValues<S>>>,
  values: string,
): Given => ({
  series,
  labels: labels as Labels,
  values,
});

/** The same series, never there. */
export const missing = <S extends Series>(series: S, labels: Readonly<Partial<LabelValues<S>>>): Given =>
  given(series, labels, "_x40");

/** A counter from `start` on, in promtool's notation: so many samples, each larger by so much than the one before. */
export function counter(parts: readonly (readonly [samples: number, by: number])[], start = 0): string {
  let value = start;
  const texts = parts.map(([samples, by]) => {
    const text = `${value + by}+${by}x${samples - 1}`;
    value += by * samples;
    return text;
  });
  return `${start} ${texts.join(" ")}`;
}

/** Why `max` and `sum` of values that are 0 or 1 cannot be told apart by `== 0`. */
export const sumOfFlags = "A sum of values that are 0 or 1 is 0 exactly when their maximum is.";

/** Equivalents of an expression of rates alone: they and their ratios are a limit itself only by a chance of rounding. */
export const metByChance = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/>/g)].map(({ index }) => [`${index} > -> >=`, "No measured value meets the limit exactly."]),
  );

/** The labels of every alert of a rule, templates not yet filled. */
export const staticLabels = ({ severity, owner, service, labels }: Alert): Labels => ({
  severity,
  owner,
  service,
  ...labels,
});

/** Fills `{{ $value }}` and what formats it. */
export const fillValue = (template: string, value: string): string =>
  template.replaceAll(/\{\{ \$value [^}]*\}\}/g, () => value);

/** Fills `{{ $labels.LABEL }}`, the only template that a label or a summary of ours uses. */
export const fillLabels = (template: string, labels: Labels): string =>
  template.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_whole, label: string) => labels[label] ?? "");
