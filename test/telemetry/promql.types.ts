// What the compiler refuses in a query. Compiled by `tsc`: an error that no longer happens is an unused directive, which is an error.
import { agg, type Expr, promql, rate, sel } from "../../telemetry/promql.ts";

// Right: names, labels and values from the catalogue; the labels of the result follow.
export const byService: Expr<"service"> = agg("sum", rate("supervisor_service_restarts_total", "5m"), "service");
export const total: Expr<never> = agg("max", sel("up", { job: "redis", instance: ["redis-0", "redis-1"] }));
export const active: Expr<"state" | "job" | "instance"> = sel("alertmanager_alerts", { state: { not: "active" } });
export const firing = sel("ALERTS", {
  alertstate: "firing",
  severity: ["page", "ticket"],
  alertname: { matches: "Redis.*" },
});
export const buckets: Expr<"le"> = agg(
  "sum",
  rate("http_request_duration_seconds_bucket", "$__rate_interval", { le: "0.5" }),
  "le",
);
export const mean: Expr<"job"> = agg(
  "sum",
  promql`${rate("http_request_duration_seconds_sum", "5m")} / ${rate("http_request_duration_seconds_count", "5m")}`,
  "job",
);

// @ts-expect-error unknown metric
sel("redis_upp");
// @ts-expect-error a histogram has no series of its own name
sel("http_request_duration_seconds");
// @ts-expect-error a counter has no buckets
sel("http_requests_total_bucket");
// @ts-expect-error unknown label
sel("up", { servce: "redis" });
// @ts-expect-error the label belongs to another metric
sel("up", { state: "active" });
// @ts-expect-error not a value of the enumerated label
sel("alertmanager_alerts", { state: "sleeping" });
// @ts-expect-error not a value of the enumerated label, in a list
sel("alertmanager_alerts", { state: ["active", "sleeping"] });
// @ts-expect-error not a value of the enumerated label, negated
sel("alertmanager_alerts", { state: { not: "sleeping" } });
// @ts-expect-error `le` is a label of the buckets only
sel("http_request_duration_seconds_count", { le: "0.5" });
// @ts-expect-error rate of a gauge
rate("up", "5m");
// @ts-expect-error rate of a histogram's own name
rate("http_request_duration_seconds", "5m");
// @ts-expect-error not a duration
rate("http_requests_total", "5 minutes");
// @ts-expect-error unknown label in rate
rate("http_requests_total", "5m", { handler: "/" });
// @ts-expect-error `by` a label that is not there
agg("sum", sel("up"), "service");
// @ts-expect-error `by` a label that an inner aggregation dropped
agg("sum", agg("sum", sel("up"), "job"), "instance");
// @ts-expect-error unknown aggregation
agg("median", sel("up"));
// @ts-expect-error text without types in a template
promql`${"up"} == 0`;
// @ts-expect-error the labels of a template are those of its parts
agg("sum", promql`${sel("up")} == ${0}`, "service");
