// A day at a glance, as whoever plans capacity looks at it: databases, API, caches, third parties, and what all of it takes.
import { agg, type Expr, mean, promql, rate, sel } from "../telemetry/promql.ts";
import { coresUsed, residentMemory } from "./expressions.ts";
import { type DashboardLeaf, has, query, type RowSpec, timeSeries } from "./panels.ts";

export const performance: DashboardLeaf = {
  name: "performance",
  title: "Performance",
  description:
    "The last day of databases, API, caches, third parties and what all of it takes: what grows, what slows down.",
  opensAt: "now-24h",
  rows: (input) => rowsOf(has(input)),
};

const window = "$__rate_interval";
/** Two exporters of the same database say the same. */
const perDatabase = (series: "pg_transactions_committed_total" | "pg_transactions_rolled_back_total"): Expr =>
  agg("sum", agg("max", rate(series, window), "database"));
const requests = agg("sum", mean("job:http_requests_total:rate5m", window));

const rowsOf = ({ postgres, requests, caches, integrations }: ReturnType<typeof has>): readonly RowSpec[] => [
  ...(requests ? [api] : []),
  ...(postgres ? [database] : []),
  ...(caches ? [cache] : []),
  ...(integrations ? [external] : []),
  resources,
];

const api: RowSpec = {
  title: "API",
  panels: [
    timeSeries("requests", {
      title: "Requests a minute",
      description: "Requests that all services answer a minute. Compare its peak with the day's before.",
      unit: "short",
      width: 8,
      queries: [query(promql`60 * ${requests}`, "requests")],
    }),
    timeSeries("response-time", {
      title: "Response time",
      description: "Mean time of an answer, and what 95 % of the answers are faster than, over all services.",
      unit: "s",
      width: 8,
      queries: [
        query(
          promql`${agg("sum", mean("job:http_request_duration_seconds_sum:rate5m", window))} / (${agg("sum", mean("job:http_request_duration_seconds_count:rate5m", window))} > 0)`,
          "mean",
        ),
        query(
          promql`histogram_quantile(0.95, ${agg("sum", mean("job:http_request_duration_seconds_bucket:rate5m", window), "le")})`,
          "95 %",
        ),
      ],
    }),
    timeSeries("error-rate", {
      title: "Requests failed, share",
      description: "Share of the requests that ended with a server error, over all services.",
      unit: "percentunit",
      width: 8,
      queries: [
        query(
          promql`(${agg("sum", mean("job:http_requests_failed:rate5m", window))} or vector(0)) / ${requests}`,
          "failed",
        ),
      ],
    }),
  ],
};

const database: RowSpec = {
  title: "Databases",
  panels: [
    timeSeries("transactions", {
      title: "Transactions",
      description: "Transactions a second that all databases end, and those among them that were rolled back.",
      unit: "ops",
      width: 8,
      queries: [
        query(perDatabase("pg_transactions_committed_total"), "committed"),
        query(perDatabase("pg_transactions_rolled_back_total"), "rolled back"),
      ],
    }),
    timeSeries("connections", {
      title: "Connections",
      description: "Connections to each database. What grows from day to day meets the limit one day.",
      unit: "none",
      width: 8,
      queries: [query(agg("sum", agg("max", sel("pg_connections"), "database", "state"), "database"), "{{database}}")],
    }),
    timeSeries("from-memory", {
      title: "Blocks found in memory",
      description:
        "Share of the blocks that each database finds in its own memory. A slow fall is data that outgrows it.",
      unit: "percentunit",
      max: 1,
      width: 8,
      queries: [query(agg("max", sel("database:pg_blocks_hit:ratio_rate5m"), "database"), "{{database}}")],
    }),
  ],
};

const cache: RowSpec = {
  title: "Caches",
  panels: [
    timeSeries("found", {
      title: "Found in a cache",
      description: "Share of the values asked for that a cache of a service had, in its process or in Redis.",
      unit: "percentunit",
      max: 1,
      queries: [
        query(
          promql`${agg("sum", mean("job_layer:cache_hits_total:rate5m", window), "job")} / (${agg("sum", mean("job:cache_requests_total:rate5m", window), "job")} > 0)`,
          "{{job}}",
        ),
      ],
    }),
    timeSeries("loads", {
      title: "Loads from the source",
      description: "Values a second that caches had to load. Each is a query or a call that somebody waits for.",
      unit: "ops",
      queries: [query(agg("sum", mean("job:cache_loads_total:rate5m", window), "job"), "{{job}}")],
    }),
  ],
};

const external: RowSpec = {
  title: "Third parties",
  panels: [
    timeSeries("vendors", {
      title: "Time of an attempt",
      description: "Mean time of a successful attempt to reach each third party.",
      unit: "s",
      queries: [
        query(
          promql`${agg("sum", rate("integration_response_duration_seconds_sum", window), "integration")} / (${agg("sum", rate("integration_response_duration_seconds_count", window), "integration")} > 0)`,
          "{{integration}}",
        ),
      ],
    }),
    timeSeries("vendors-failing", {
      title: "Attempts failed, share",
      description: "Share of the attempts to reach each third party that failed, for whatever cause.",
      unit: "percentunit",
      queries: [
        query(
          promql`${agg("sum", rate("integration_probe_failures_total", window), "integration")} / (${agg("sum", rate("integration_probes_total", window), "integration")} > 0)`,
          "{{integration}}",
        ),
      ],
    }),
  ],
};

const resources: RowSpec = {
  title: "What it takes",
  panels: [
    timeSeries("processor", {
      title: "Cores used",
      description: "Processor time a second of every process that tells of it, stacked: 1 is one core.",
      unit: "none",
      stacked: true,
      queries: [query(agg("sum", coresUsed(), "job"), "{{job}}")],
    }),
    timeSeries("memory", {
      title: "Resident memory",
      description: "Memory of every process that tells of it, stacked. What only grows is a leak.",
      unit: "bytes",
      stacked: true,
      queries: [query(agg("sum", residentMemory(), "job"), "{{job}}")],
    }),
  ],
};
