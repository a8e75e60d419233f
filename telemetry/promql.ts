// PromQL whose metric names, labels and label values are checked by the compiler against the catalogue.

import type { Duration } from "../components/units.ts";
import { findSeries, type rows } from "./catalogue/index.ts";
import type { RecordedRate } from "./catalogue/recorded.ts";

type Catalogue = typeof rows;
type Metric = keyof Catalogue & string;
type HistogramPart = "bucket" | "sum" | "count";

/** Each series that can be selected, with the metric it belongs to: a histogram is selected by its parts. */
type SeriesTable = {
  [M in Metric as Catalogue[M]["kind"] extends "histogram" ? `${M}_${HistogramPart}` : M]: M;
};
export type Series = keyof SeriesTable;
export type CounterSeries = {
  [S in Series]: Catalogue[SeriesTable[S]]["kind"] extends "gauge" ? never : S;
}[Series];

type ValueOf<Listed> = Listed extends readonly (infer V extends string)[] ? V : string;
type RowLabels<M extends Metric> = { [L in keyof Catalogue[M]["labels"]]: ValueOf<Catalogue[M]["labels"][L]> };
type TargetLabels<M extends Metric> = Catalogue[M] extends { readonly from: "rules" }
  ? unknown
  : { job: string; instance: string };
type PartLabels<S> = S extends `${Metric}_bucket` ? { le: string } : unknown;
type AllLabels<S extends Series> = RowLabels<SeriesTable[S]> & TargetLabels<SeriesTable[S]> & PartLabels<S>;

/** A series' labels and their values. */
export type LabelValues<S extends Series> = { [L in keyof AllLabels<S>]: AllLabels<S>[L] };
export type LabelOf<S extends Series> = keyof LabelValues<S> & string;

export type Matcher<V extends string = string> =
  | V
  | readonly V[]
  | { readonly not: V | readonly V[] }
  /** A regular expression, anchored at both ends. */
  | { readonly matches: string }
  | { readonly differs: string };
export type Where<S extends Series> = { readonly [L in keyof LabelValues<S>]?: Matcher<LabelValues<S>[L] & string> };

/** Part of a query: its text, and the labels that its result can have. Plain data. */
export interface Expr<L extends string = string> {
  readonly text: string;
  readonly labels: readonly L[];
  /** Needs parentheses when it stands inside another expression. */
  readonly compound?: true;
}

/** A range; dashboards let Grafana choose it. */
export type Range = Duration | "$__rate_interval" | "$__interval" | "$__range";
export type Aggregation = "sum" | "avg" | "min" | "max" | "count" | "group";

/** A selector: `redis_up{instance="a"}`. */
export function sel<S extends Series>(series: S, where?: Where<S>): Expr<LabelOf<S>> {
  return { text: `${series}${matchers(where)}`, labels: labelsOf(series) };
}

/** The per-second rate of a counter. */
export function rate<S extends CounterSeries>(series: S, range: Range, where?: Where<S>): Expr<LabelOf<S>> {
  return { text: `rate(${series}${matchers(where)}[${range}])`, labels: labelsOf(series) };
}

/** The mean within the range of a rate that a rule records; it reads few samples, however long the range. */
export function mean<S extends RecordedRate | "job:http_requests_failed:rate5m">(
  series: S,
  range: Range,
  where?: Where<S>,
): Expr<LabelOf<S>> {
  return { text: `avg_over_time(${series}${matchers(where)}[${range}])`, labels: labelsOf(series) };
}

/** An aggregation that keeps the labels of `by`, or none. */
export function agg<L extends string, const B extends readonly NoInfer<L>[]>(
  op: Aggregation,
  expr: Expr<L>,
  ...by: B
): Expr<B[number]> {
  return { text: `${op}${by.length === 0 ? "" : ` by (${by.join(", ")})`} (${expr.text})`, labels: by };
}

/** Everything else. What stands in the template's own text is checked by checkExpression, not by the compiler. */
export function promql<const P extends readonly (Expr | number)[]>(
  texts: TemplateStringsArray,
  ...parts: P
): Expr<LabelsIn<P[number]>> {
  const text = texts.reduce((sum, after, index) => {
    const part = parts[index - 1];
    return `${sum}${typeof part === "object" ? embed(part, sum, after) : (part ?? "")}${after}`;
  });
  const labels = parts.flatMap((part) => (typeof part === "object" ? part.labels : []));
  return { text, labels: [...new Set(labels)] as LabelsIn<P[number]>[], compound: true };
}

type LabelsIn<P> = P extends Expr<infer L> ? L : never;

const embed = ({ text, compound }: Expr, before: string, after: string): string =>
  compound !== true || (/[(,]\s*$/.test(before) && /^\s*[),]/.test(after)) ? text : `(${text})`;

const labelsOf = <S extends Series>(series: S): readonly LabelOf<S>[] =>
  Object.keys(findSeries(series)?.labels ?? {}) as LabelOf<S>[];

function matchers(where: object | undefined): string {
  const texts = Object.entries<Matcher>({ ...where }).map(([label, matcher]) => {
    if (typeof matcher === "string") return `${label}=${quote(matcher)}`;
    if ("matches" in matcher) return `${label}=~${quote(matcher.matches)}`;
    if ("differs" in matcher) return `${label}!~${quote(matcher.differs)}`;
    if ("not" in matcher)
      return typeof matcher.not === "string" ? `${label}!=${quote(matcher.not)}` : `${label}!~${oneOf(matcher.not)}`;
    return `${label}=~${oneOf(matcher)}`;
  });
  return texts.length === 0 ? "" : `{${texts.join(", ")}}`;
}

const quote = (text: string): string => JSON.stringify(text);
const oneOf = (values: readonly string[]): string =>
  quote(values.map((value) => value.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"));
