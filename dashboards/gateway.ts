// The API front: its requests by version and route, GraphQL, its upstreams, its cache, whom it refuses, and how much room it has left.
import { agg, type CounterSeries, type Expr, mean, promql, rate, sel } from "../telemetry/promql.ts";
import { failedRequests } from "../telemetry/requests.ts";
import { orNone } from "./expressions.ts";
import { processes } from "./gateway-processes.ts";
import {
  type DashboardLeaf,
  exemplars,
  has,
  type PanelSpec,
  query,
  type RowSpec,
  stat,
  type Thresholds,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";
import { instanceVariable } from "./variables.ts";

export const gateway: DashboardLeaf = {
  name: "gateway",
  title: "Gateway",
  description:
    "The API front: its requests by version and route, its upstreams, its cache, and how much room it has left.",
  variables: () => [
    instanceVariable("http_requests_in_flight", "The processes that the panels of each process show.", own),
  ],
  toldBy: () => promql`${sel("up", { job: "gateway" })} == 1`,
  rows: (input) => (has(input).gateway ? [headline, requests, routes, graphql, upstreams, cache, processes] : []),
};

const window = "$__rate_interval";
const own = { job: "gateway" } as const;
type Counted = Extract<CounterSeries, `${"cache" | "gateway" | "graphql"}_${string}_total`>;
/** Per second, of all its processes. */
const total = (series: Counted): Expr<never> => agg("sum", rate(series, window, own));
const share = <L extends string>(part: Expr<L>, whole: Expr<L>): Expr<L> => promql`${part} / (${whole} > 0)` as Expr<L>;

const requested = agg("sum", mean("job:http_requests_total:rate5m", window, own));
const answered = rate("http_requests_total", window, own);
const failed = failedRequests(window, own.job);
const timed = rate("http_request_duration_seconds_bucket", window, own);
const fasterThan = (part: number): Expr<never> =>
  promql`histogram_quantile(${part}, ${agg("sum", mean("job:http_request_duration_seconds_bucket:rate5m", window, own), "le")})` as Expr<never>;
const upstreamTimed = mean("job_upstream:upstream_request_duration_seconds_bucket:rate5m", window, own);
const found = mean("job_layer:cache_hits_total:rate5m", window, own);
const failing: Thresholds = ["green", [0.01, "orange"], [0.05, "red"]];
const late: Thresholds = ["green", [0.25, "orange"], [0.5, "red"]];

const headline: RowSpec = {
  panels: [
    stat("requests", {
      title: "Requests",
      description: "Requests that the gateway answers per second, of any kind.",
      unit: "reqps",
      decimals: 1,
      thresholds: ["blue"],
      history: true,
      queries: [query(requested, "requests")],
    }),
    stat("failed", {
      title: "Failed",
      description: "Share of its answers that were a server error (5xx), its upstreams' errors included.",
      unit: "percentunit",
      decimals: 2,
      thresholds: failing,
      history: true,
      queries: [
        query(
          promql`(${agg("sum", mean("job:http_requests_failed:rate5m", window, own))} or vector(0)) / ${requested}`,
          "failed",
        ),
      ],
    }),
    stat("p95", {
      title: "95 % are faster than",
      description:
        "The 95th percentile of its answer time, from the first byte of a request to the last of its answer.",
      unit: "s",
      thresholds: late,
      history: true,
      queries: [query(fasterThan(0.95), "p95")],
    }),
    stat("hits", {
      title: "From the cache",
      description: "Share of what was asked of its cache that was there, in the process or in Redis.",
      unit: "percentunit",
      decimals: 0,
      thresholds: ["blue"],
      history: true,
      queries: [
        query(share(agg("sum", found), agg("sum", mean("job:cache_requests_total:rate5m", window, own))), "found"),
      ],
    }),
    stat("refused", {
      title: "Refused",
      description: "Requests per second that were refused for their caller: no valid token, not the role, too many.",
      unit: "reqps",
      decimals: 2,
      thresholds: ["blue"],
      history: true,
      queries: [query(total("gateway_refusals_total"), "refused")],
    }),
    stat("busy", {
      title: "Event loop busy",
      description: "Share of the time in which the event loop of the busiest process works; near 100 % requests wait.",
      unit: "percentunit",
      decimals: 0,
      thresholds: ["green", [0.7, "orange"], [0.9, "red"]],
      history: true,
      queries: [query(agg("max", sel("nodejs_eventloop_utilization_ratio", own)), "busy")],
    }),
  ],
};

const lines = (key: string, spec: Parameters<typeof timeSeries>[1]): PanelSpec =>
  timeSeries(key, { width: 8, ...spec });

const requests: RowSpec = {
  title: "Traffic",
  panels: [
    lines("by-version", {
      title: "By version",
      description:
        "Requests to the REST API per second by the version that they mean; unknown ones are answered with 400.",
      unit: "reqps",
      stacked: true,
      queries: [query(agg("sum", rate("gateway_requests_total", window, own), "version"), "version {{version}}")],
    }),
    lines("by-status", {
      title: "By status",
      description: "Answers per second by their status; 499 is a client that left before its answer.",
      unit: "reqps",
      stacked: true,
      queries: [
        query(
          agg("sum", mean("job_status_code:http_requests_total:rate5m", window, own), "status_code"),
          "{{status_code}}",
        ),
      ],
    }),
    lines("duration", {
      title: "Answer time",
      description: "How fast half, 95 % and 99 % of the answers are. Each point is a request that leads to its trace.",
      unit: "s",
      thresholds: ["text", [0.5, "orange"]],
      showThresholds: true,
      queries: [
        query(fasterThan(0.5), "p50"),
        query(fasterThan(0.95), "p95"),
        query(fasterThan(0.99), "p99"),
        exemplars(sel("http_request_duration_seconds_bucket", own)),
      ],
    }),
  ],
};

const byRoute = agg("sum", answered, "method", "route");
const failedByRoute = promql`${agg("sum", failed, "method", "route")} or 0 * ${byRoute}`;

const routes: RowSpec = {
  title: "Routes",
  panels: [
    table("routes", {
      title: "Slowest routes",
      description:
        "Each route of each version that has been asked lately; its 95th percentile, its traffic, its failures.",
      unit: "none",
      width: 14,
      height: 11,
      columns: [
        { label: "method", title: "Method" },
        { label: "route", title: "Route" },
      ],
      queries: [
        query(
          promql`histogram_quantile(0.95, ${agg("sum", timed, "method", "route", "le")}) >= 0` as Expr<
            "method" | "route"
          >,
          "p95",
        ),
        query(promql`${byRoute} > 0`, "requests"),
        query(promql`${promql`${failedByRoute}`} / (${byRoute} > 0)`, "failed"),
      ],
      values: [
        { title: "95 % under", unit: "s", thresholds: late },
        { title: "Requests", unit: "reqps", decimals: 2 },
        { title: "Failed", unit: "percentunit", decimals: 1, thresholds: failing },
      ],
      sortBy: { column: "95 % under", descending: true },
    }),
    timeSeries("failing-routes", {
      title: "Failing routes",
      description: "Server errors (5xx) per second of the eight routes that have the most of them.",
      unit: "reqps",
      width: 10,
      height: 11,
      queries: [
        query(
          orNone(requested, promql`topk(8, ${agg("sum", failed, "method", "route")} > 0)`, "route"),
          "{{method}} {{route}}",
        ),
      ],
    }),
  ],
};

const graphqlTimed = rate("http_request_duration_seconds_bucket", window, { ...own, route: "/graphql" });

const graphql: RowSpec = {
  title: "GraphQL",
  panels: [
    timeSeries("graphql", {
      title: "Operations",
      description:
        "GraphQL operations per second, and errors in their answers. A field that fails is an error, the answer still 200.",
      unit: "ops",
      queries: [query(total("graphql_operations_total"), "operations"), query(total("graphql_errors_total"), "errors")],
    }),
    timeSeries("graphql-duration", {
      title: "Operation time",
      description: "How fast half and 95 % of the GraphQL answers are.",
      unit: "s",
      emptyWhenHealthy: "Nobody asks by GraphQL",
      queries: ([0.5, 0.95] as const).map((part) =>
        query(promql`histogram_quantile(${part}, ${agg("sum", graphqlTimed, "le")}) >= 0`, `p${part * 100}`),
      ),
    }),
  ],
};

const calls = agg("sum", rate("upstream_requests_total", window, own), "upstream");
const unanswered = rate("upstream_request_failures_total", window, own);
const refusedCalls = rate("upstream_requests_total", window, { ...own, status_code: { matches: "5.." } });
const allCalls = agg("sum", promql`${unanswered} or ${rate("upstream_requests_total", window, own)}`, "upstream");
const failedCalls = promql`${agg("sum", promql`${unanswered} or ${refusedCalls}`, "upstream")} or 0 * ${allCalls}`;

const upstreams: RowSpec = {
  title: "Upstreams",
  panels: [
    lines("upstream-requests", {
      title: "Asked",
      description: "Requests per second that each upstream answers; what the cache has is not among them.",
      unit: "reqps",
      queries: [query(calls, "{{upstream}}")],
    }),
    lines("upstream-failures", {
      title: "Failed by upstream",
      description: "Share of the requests to each upstream that ended with a server error or without an answer.",
      unit: "percentunit",
      min: 0,
      thresholds: ["text", [0.05, "red"]],
      showThresholds: true,
      queries: [query(promql`${promql`${failedCalls}`} / (${allCalls} > 0)` as Expr<"upstream">, "{{upstream}}")],
    }),
    lines("upstream-duration", {
      title: "95 % of upstreams' answers",
      description: "The 95th percentile of the time until each upstream's answer begins.",
      unit: "s",
      queries: [
        query(
          promql`histogram_quantile(0.95, ${agg("sum", upstreamTimed, "upstream", "le")}) >= 0` as Expr<"upstream">,
          "{{upstream}}",
        ),
      ],
    }),
  ],
};

const cache: RowSpec = {
  title: "Cache and limits",
  panels: [
    lines("cache", {
      title: "Cache",
      description: "What is asked of the cache per second: found in the process (l1), in Redis (l2), or missed.",
      unit: "ops",
      stacked: true,
      queries: [
        query(agg("sum", found, "layer"), "{{layer}}"),
        query(agg("sum", mean("job:cache_misses_total:rate5m", window, own)), "missed"),
      ],
    }),
    lines("invalidations", {
      title: "Made invalid",
      description: "Invalidations per second by kind, and answers with 304 because the client has the same already.",
      unit: "ops",
      queries: [
        query(agg("sum", rate("cache_invalidations_total", window, own), "kind"), "{{kind}}"),
        query(total("gateway_not_modified_total"), "not modified"),
      ],
    }),
    lines("refusals", {
      title: "Refused callers",
      description: "Requests per second that are refused, by reason; limited callers ask too often.",
      unit: "reqps",
      queries: [query(agg("sum", rate("gateway_refusals_total", window, own), "reason"), "{{reason}}")],
    }),
  ],
};
