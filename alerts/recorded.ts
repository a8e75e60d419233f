// What Prometheus records: ratios that more than one alert or panel asks for, and rates that panels would read too many samples for;
// each with the values that prove it.
import type { Tree } from "../components/spec.ts";
import { type Duration, seconds } from "../components/units.ts";
import { findSeries } from "../telemetry/catalogue/index.ts";
import { type RecordedRate, recordedEvery, recordedRates } from "../telemetry/catalogue/recorded.ts";
import { agg, type CounterSeries, type Expr, promql, rate, type Series, sel } from "../telemetry/promql.ts";
import { failedRequests } from "../telemetry/requests.ts";
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

const ratios: readonly Recording[] = [
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

const rates: readonly Recording[] = Object.entries(recordedRates).map(([record, labels]) => {
  const series = record.split(":")[1] as CounterSeries;
  const all = Object.keys(findSeries(series)?.labels ?? {});
  const kept = Object.fromEntries(labels.map((label) => [label, label === "le" ? "0.5" : `a-${label}`]));
  const apart = ["instance", ...all].find((label) => !(labels as readonly string[]).includes(label)) ?? "instance";
  const counted = (value: string, perSecond: number): Given => ({
    series,
    labels: { ...Object.fromEntries(all.map((label) => [label, `a-${label}`])), ...kept, [apart]: value },
    values: counter([[40, 15 * perSecond]], 1_000),
  });
  return {
    record: record as RecordedRate,
    expr: agg("sum", rate(series, "5m") as Expr, ...labels),
    proofs: [
      {
        says: "is the sum over what else sets the series apart, per second",
        given: [counted("a", 2), counted("b", 3)],
        values: { "8m": [[kept, 5]] },
      },
    ],
  };
});

const failedOf = (job: string, label: "status" | "status_code", code: string, perSecond: number): Given => ({
  series: "http_requests_total",
  labels: { job, instance: `${job}-0`, method: "GET", route: "/", [label]: code },
  values: counter([[40, 15 * perSecond]]),
});

const failures: Recording = {
  record: "job:http_requests_failed:rate5m",
  expr: agg("sum", failedRequests("5m"), "job"),
  proofs: [
    {
      says: "counts server errors by whatever label names the status, and nothing else",
      given: [
        failedOf("gateway", "status_code", "503", 2),
        failedOf("gateway", "status_code", "404", 7),
        failedOf("billing", "status", "500", 1),
        failedOf("search", "status", "200", 5),
      ],
      values: {
        "8m": [
          [{ job: "gateway" }, 2],
          [{ job: "billing" }, 1],
        ],
      },
    },
  ],
};

const firing = sel("ALERTS", { alertstate: "firing" });
const alert = { alertname: "RedisDown", severity: "page", service: "redis", owner: "platform" } as const;
const stateOf = (alertstate: "pending" | "firing", values: string): Given =>
  given("ALERTS", { ...alert, alertstate }, values);
const began = [[{ ...alert, alertstate: "firing" }, 1]] as const;

/** Prometheus counts no beginnings: for how long an alert is pending or fires says nothing of how often it began to fire. */
const starts: Recording = {
  record: "alert:ALERTS:started",
  // The group is evaluated that often.
  expr: promql`${firing} unless ${firing} offset ${seconds(recordedEvery)}s`,
  proofs: [
    {
      says: "is there once for each time that an alert begins to fire, however long it then does, and not while it is pending",
      given: [
        stateOf("pending", "_x1 1x2 stale _x6 1x2 stale _x6"),
        stateOf("firing", "_x4 1x4 stale _x5 1x4 stale _x3"),
      ],
      values: {
        "30s": [],
        "1m": began,
        "1m30s": [],
        "2m": [],
        "2m30s": [],
        "3m": [],
        "4m": began,
        "4m30s": [],
        "5m30s": [],
      },
    },
  ],
};

/** Group -> what it records, and how often. */
export const recordings: Readonly<Record<string, { readonly every?: Duration; readonly all: readonly Recording[] }>> = {
  recorded: { all: ratios },
  rates: { every: recordedEvery, all: [...rates, failures, starts] },
};

export const recordingRules = (all: readonly Recording[]): readonly Tree[] =>
  all.map(({ record, expr }) => ({ record, expr: expr.text }));

/** The promtool tests of the file that has them. */
export const recordingTests = (rulesFile: string, all: readonly Recording[]): Tree => ({
  rule_files: [rulesFile],
  evaluation_interval: "15s",
  fuzzy_compare: true,
  tests: all.flatMap(({ record, proofs }) =>
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
