// What the catalogue knows of a metric. Rows are data; the types of promql.ts and metrics.ts follow from them.

export interface Row {
  readonly kind: "counter" | "gauge" | "histogram";
  /** One sentence with the unit; it is the metric's HELP text. */
  readonly help: string;
  /** The program that exposes it, when it is not ours. */
  readonly from?: string;
  /** What it is about where not everybody has one, such as "standby": without it the metric is absent, and nothing is wrong. */
  readonly needs?: string;
  /** Each label's values: a closed list, or `configured` when they come from a validated config (ids, names) or from the platform. */
  readonly labels: Readonly<Record<string, readonly string[] | "configured">>;
  /** Upper bounds in the base unit; required for a histogram of ours. */
  readonly buckets?: readonly number[];
}

export type Rows = Readonly<Record<string, Row>>;
