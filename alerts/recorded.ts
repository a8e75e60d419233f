// Ratios that Prometheus records, because more than one alert or panel asks for them; each with the values that prove it.
import type { Tree } from "../components/spec.ts";
import type { Duration } from "../components/units.ts";
import { agg, type Expr, promql, rate, type Series } from "../telemetry/promql.ts";
import { selector, toSeries } from "./proofs.ts";
import { counter, type Given, given, type Labels } from "./rule.ts";

export interface Recording {
  readonly record: Series;
  readonly expr: Expr;
  readonly proofs: readonly RecordedProof[];
}

export interface RecordedProof {
  /** A sentence: "is the share of all exporters' largest counts". */
  readonly says: string;
  readonly given: readonly Given[];
  /** What is recorded at each instant. */
  readonly values: { readonly [at in Duration]?: readonly (readonly [labels: Labels, value: number])[] };
}

const hits = agg("max", rate("pg_blocks_hit_total", "5m"), "database");
const reads = agg("max", rate("pg_blocks_read_total", "5m"), "database");
const clinic = { database: "clinic" } as const;
const at = (ordinal: number) => ({ job: "db-stats", instance: `db-stats-${ordinal}` });
const blocks = (database: string, ordinal: number, hit: number, read: number): readonly Given[] => [
  given("pg_blocks_hit_total", { database, ...at(ordinal) }, counter([[40, hit]], 1_000)),
  given("pg_blocks_read_total", { database, ...at(ordinal) }, counter([[40, read]], 1_000)),
];

export const recordings: readonly Recording[] = [
  {
    record: "database:pg_blocks_hit:ratio_rate5m",
    // A share of nothing is not a number, and no share.
    expr: promql`${hits} / (${promql`${hits} + ${reads}`} > 0)`,
    proofs: [
      {
        says: "is the share that was found, once for each database however many exporters watch it",
        given: [...blocks("clinic", 0, 300, 100), ...blocks("clinic", 1, 300, 100), ...blocks("billing", 0, 10, 0)],
        values: {
          "8m": [
            [clinic, 0.75],
            [{ database: "billing" }, 1],
          ],
        },
      },
      {
        says: "is absent while no block is asked for, and where nothing is watched",
        given: blocks("clinic", 0, 0, 0),
        values: { "8m": [] },
      },
    ],
  },
];

export const recordingRules = (): readonly Tree[] =>
  recordings.map(({ record, expr }) => ({ record, expr: expr.text }));

/** The promtool tests of the file that has them. */
export const recordingTests = (rulesFile: string): Tree => ({
  rule_files: [rulesFile],
  evaluation_interval: "15s",
  fuzzy_compare: true,
  tests: recordings.flatMap(({ record, proofs }) =>
    proofs.map(({ says, given: series, values }) => ({
      name: `${record}: ${says}`,
      interval: "15s",
      input_series: series.map(toSeries),
      promql_expr_test: Object.entries(values).map(([time, samples = []]) => ({
        expr: record,
        eval_time: time,
        exp_samples: samples.map(([labels, value]) => ({ labels: `${record}${selector(labels)}`, value })),
      })),
    })),
  ),
});
