// How the platform performs, answered from Prometheus: databases, API, cache, external services and what it all costs.
import { type Duration, isDuration, milliseconds } from "../../components/units.ts";
import { agg, promql, rate, sel } from "../../telemetry/promql.ts";
import { json, problem, type Route } from "../exporter.ts";
import { type Backend, firing, type Known, query, type Row } from "./backend.ts";
import { by, type Fields, group, known, one, unmeasured } from "./fields.ts";

/** Ranges that Prometheus answers from what it keeps by default. */
const [shortest, longest] = ["5m", "15d"] as const;

export const performanceRoute =
  (backends: () => { readonly prometheus?: Backend | undefined; readonly alertmanager?: Backend | undefined }): Route =>
  async ({ query: given }) => {
    const range = given.get("range") ?? "24h";
    if (
      !isDuration(range) ||
      milliseconds(range) < milliseconds(shortest) ||
      milliseconds(range) > milliseconds(longest)
    )
      return problem(400, `range must be a duration from ${shortest} to ${longest}, such as 24h.`);
    const { prometheus, alertmanager } = backends();
    const [alerts, trends, ...groups] = await Promise.all([
      firing(alertmanager),
      trendsOf(prometheus, range),
      ...Object.entries(groupsOf(range)).map(
        async ([name, fields]) => [name, await group(prometheus, fields)] as const,
      ),
    ]);
    return json({
      timestamp: new Date().toISOString(),
      performance_summary: {
        overall_health: "value" in alerts ? healthOf(alerts.value.map(({ severity }) => severity)) : null,
        alerts: "value" in alerts ? alerts.value : null,
        ...("reason" in alerts ? { reasons: { overall_health: alerts.reason, alerts: alerts.reason } } : {}),
        trends,
      },
      metrics: Object.fromEntries(groups),
    });
  };

const healthOf = (severities: readonly string[]): "healthy" | "degraded" | "unhealthy" =>
  severities.includes("page") ? "unhealthy" : severities.includes("ticket") ? "degraded" : "healthy";

const responseTime = (range: Duration) =>
  promql`${agg("sum", rate("http_request_duration_seconds_sum", range))} / ${agg("sum", rate("http_request_duration_seconds_count", range))}`;
const requests = (range: Duration) => agg("sum", rate("http_requests_total", range));
// Clients differ in the name of the status label; a series has one of the three.
const failed = (range: Duration) =>
  promql`${rate("http_requests_total", range, { code: { matches: "5.." } })} or ${rate("http_requests_total", range, { status: { matches: "5.." } })} or ${rate("http_requests_total", range, { status_code: { matches: "5.." } })}`;
const errorRate = (range: Duration) => promql`(${agg("sum", failed(range))} or vector(0)) / ${requests(range)}`;

/** Times in milliseconds, rates per second unless the name says otherwise, ratios from 0 to 1, sizes in bytes. */
const groupsOf = (range: Duration): Readonly<Record<string, Fields>> => ({
  database: {
    connection_count: { expr: agg("sum", sel("pg_connections")) },
    slow_queries: { expr: agg("sum", sel("pg_statements_slow")) },
    cache_hit_ratio: {
      expr: promql`${agg("sum", rate("pg_blocks_hit_total", range))} / (${agg("sum", rate("pg_blocks_hit_total", range))} + ${agg("sum", rate("pg_blocks_read_total", range))})`,
    },
    transaction_rate: {
      expr: promql`${agg("sum", rate("pg_transactions_committed_total", range))} + ${agg("sum", rate("pg_transactions_rolled_back_total", range))}`,
    },
    deadlocks: { expr: promql`${agg("sum", rate("pg_deadlocks_total", range))} * ${milliseconds(range) / 1_000}` },
  },
  api: {
    requests_per_minute: { expr: promql`60 * ${requests(range)}` },
    average_response_time: { expr: promql`1000 * ${responseTime(range)}` },
    error_rate: { expr: errorRate(range) },
    slowest_endpoints: {
      expr: promql`topk(5, 1000 * ${agg("sum", rate("http_request_duration_seconds_sum", range), "job", "route")} / ${agg("sum", rate("http_request_duration_seconds_count", range), "job", "route")})`,
      shown: by("job", "route"),
    },
  },
  cache: {
    hit_ratio: {
      expr: promql`${agg("sum", rate("redis_keyspace_hits_total", range))} / (${agg("sum", rate("redis_keyspace_hits_total", range))} + ${agg("sum", rate("redis_keyspace_misses_total", range))})`,
    },
    memory_used: { expr: agg("sum", sel("redis_memory_used_bytes")) },
    commands_per_second: { expr: agg("sum", rate("redis_commands_processed_total", range)) },
  },
  external_services: {
    average_response_time: {
      expr: promql`1000 * ${agg("sum", rate("integration_response_duration_seconds_sum", range), "integration")} / ${agg("sum", rate("integration_response_duration_seconds_count", range), "integration")}`,
      shown: by("integration"),
    },
    error_rate: {
      expr: promql`${agg("sum", rate("integration_probe_failures_total", range), "integration")} / ${agg("sum", rate("integration_probes_total", range), "integration")}`,
      shown: by("integration"),
    },
  },
  resource_usage: {
    cpu_cores: { expr: agg("sum", rate("process_cpu_seconds_total", range), "job"), shown: by("job") },
    memory: { expr: agg("sum", sel("process_resident_memory_bytes"), "job"), shown: by("job") },
  },
});

/** Now against one range ago; where there is nothing to compare, null with a reason. */
async function trendsOf(prometheus: Backend | undefined, range: Duration) {
  const exprs = { average_response_time: responseTime(range), error_rate: errorRate(range), requests: requests(range) };
  return known(
    Object.entries(exprs).map(async ([name, expr]) => {
      const [now, before] = await Promise.all([query(prometheus, expr), query(prometheus, expr, range)]);
      return [name, compared(now, before)] as const;
    }),
  );
}

function compared(now: Known<readonly Row[]>, before: Known<readonly Row[]>): Known<Trend> {
  for (const answer of [now, before]) if ("reason" in answer) return answer;
  const [is, was] = [now, before].map((answer) => ("value" in answer ? one(answer.value) : undefined));
  if (is === undefined) return { reason: unmeasured };
  if (was === undefined) return { reason: "Nothing measured it one range ago." };
  return { value: directionOf(is, was) };
}

type Trend = "rising" | "falling" | "steady";

/** A tenth more or less is a change. */
const directionOf = (now: number, before: number): Trend =>
  now > 1.1 * before ? "rising" : now < 0.9 * before ? "falling" : "steady";
