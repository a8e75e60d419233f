// Traces: what services do by the spans that they send, the slowest of it with a way to its traces, and what of them arrives.
import { agg, type Expr, mean, promql, rate, sel } from "../telemetry/promql.ts";
import { noneWhile } from "./expressions.ts";
import { tracesPath } from "./link.ts";
import {
  type DashboardLeaf,
  exemplars,
  noneIsGood,
  type PanelSpec,
  query,
  type RowSpec,
  stat,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";

export const tracing: DashboardLeaf = {
  name: "tracing",
  title: "Tracing",
  description: "What services do by the spans that they send, the slowest of it, and what of the spans arrives.",
  rows: () => [headline, requests, operations, way],
};

const window = "$__rate_interval";
type Kind = "SPAN_KIND_SERVER" | "SPAN_KIND_CLIENT";
const answered = { span_kind: "SPAN_KIND_SERVER" } as const;
const failed = { status_code: "STATUS_CODE_ERROR" } as const;
const calls = "traces_span_metrics_calls_total";
const spans = "service_name_span_kind_status_code:traces_span_metrics_calls_total:rate5m";
const durations = "traces_span_metrics_duration_seconds_bucket";
const sent = agg("sum", rate("otelcol_exporter_sent_spans_total", window));
const received = agg("sum", rate("otelcol_receiver_accepted_spans_total", window));
/** How many there were within the time shown; none while who counts them is there and has had none yet. */
const within = (
  series:
    | "otelcol_receiver_refused_spans_total"
    | "otelcol_exporter_send_failed_spans_total"
    | "trace_spans_dropped_total",
  alive: Expr,
): Expr => noneWhile(alive, agg("sum", promql`increase(${sel(series)}[$__range])`));
const jaegerCounts = sel("otelcol_process_memory_rss_bytes");

const headline: RowSpec = {
  panels: [
    stat("received", {
      title: "Spans received",
      description: "Spans a second that reach Jaeger.",
      unit: "cps",
      decimals: 1,
      history: true,
      queries: [query(received, "received")],
    }),
    stat("kept", {
      title: "Spans kept",
      description:
        "Share of the received spans that is stored. Errors and slow traces are always kept; vitals:tracesKept says how much of the rest.",
      unit: "percentunit",
      decimals: 0,
      queries: [query(promql`${sent} / (${received} > 0)`, "kept")],
    }),
    stat("failed", {
      title: "Requests that fail",
      description: "Share of the requests that ended with an error, by their spans, over all services.",
      unit: "percentunit",
      decimals: 2,
      history: true,
      queries: [
        query(
          promql`(${agg("sum", mean(spans, window, { ...answered, ...failed }))} or vector(0)) / (${agg("sum", mean(spans, window, answered))} > 0)`,
          "failed",
        ),
      ],
    }),
    stat("refused", {
      title: "Refused",
      description: "Spans that Jaeger refused within the time shown, because it had no memory for them.",
      unit: "short",
      decimals: 0,
      thresholds: noneIsGood,
      queries: [query(within("otelcol_receiver_refused_spans_total", jaegerCounts), "refused")],
    }),
    stat("unstored", {
      title: "Not stored",
      description: "Spans that could not be written to Jaeger's storage within the time shown.",
      unit: "short",
      decimals: 0,
      thresholds: noneIsGood,
      queries: [query(within("otelcol_exporter_send_failed_spans_total", jaegerCounts), "not stored")],
    }),
    stat("dropped", {
      title: "Given up",
      description:
        "Spans that services gave up within the time shown: Jaeger was away or full, or there were too many.",
      unit: "short",
      decimals: 0,
      thresholds: noneIsGood,
      queries: [query(within("trace_spans_dropped_total", sel("trace_spans_queued")), "given up")],
    }),
  ],
};

const requests: RowSpec = {
  title: "Requests by their spans",
  panels: [
    timeSeries("requests", {
      title: "Requests",
      description: "Requests a second that each service answers.",
      unit: "reqps",
      width: 8,
      queries: [query(agg("sum", mean(spans, window, answered), "service_name"), "{{service_name}}")],
    }),
    timeSeries("errors", {
      title: "Errors",
      description: "Share of each service's requests that ended with an error. Their traces are all kept.",
      unit: "percentunit",
      width: 8,
      queries: [
        query(
          promql`(${agg("sum", mean(spans, window, { ...answered, ...failed }), "service_name")} or 0 * ${agg("sum", mean(spans, window, answered), "service_name")}) / (${agg("sum", mean(spans, window, answered), "service_name")} > 0)`,
          "{{service_name}}",
        ),
      ],
    }),
    timeSeries("duration", {
      title: "95 % of requests are faster than",
      description: "The 95th percentile of each service's requests. Each point is a request that leads to its trace.",
      unit: "s",
      width: 8,
      queries: [
        query(
          promql`histogram_quantile(0.95, ${agg("sum", mean(`service_name_span_kind:${durations}:rate5m`, window, answered), "le", "service_name")})`,
          "{{service_name}}",
        ),
        exemplars(sel(durations, answered)),
      ],
    }),
  ],
};

const operations: RowSpec = {
  title: "Where the time goes",
  panels: [
    slowest(
      "SPAN_KIND_SERVER",
      "slowest-requests",
      "Slowest requests",
      "The requests that take the longest, by route.",
    ),
    slowest(
      "SPAN_KIND_CLIENT",
      "slowest-calls",
      "Slowest calls",
      "What services wait for the longest: other services, databases, caches, third parties.",
    ),
  ],
};

const way: RowSpec = {
  title: "On the way",
  panels: [
    timeSeries("senders", {
      title: "Spans by service",
      description:
        "Spans a second of each service, of every kind. One that grew without more requests makes spans in a loop.",
      unit: "cps",
      queries: [query(agg("sum", mean(spans, window), "service_name"), "{{service_name}}")],
    }),
    timeSeries("queued", {
      title: "Waiting in services",
      description:
        "Spans that wait in each service to be sent. A queue that stays full is one whose spans are given up.",
      unit: "short",
      queries: [query(agg("max", sel("trace_spans_queued"), "job"), "{{job}}")],
    }),
  ],
};

/** The ten slowest of one kind, each with how often it happens, how often it fails, and a way to its traces. */
function slowest(kind: Kind, key: string, title: string, description: string): PanelSpec {
  const by = ["service_name", "span_name"] as const;
  const quantile = promql`histogram_quantile(0.95, ${agg("sum", rate(durations, window, { span_kind: kind }), "le", ...by)})`;
  const slow = promql`topk(10, ${quantile} > ${0})`;
  const all = agg("sum", rate(calls, window, { span_kind: kind }), ...by);
  const bad = agg("sum", rate(calls, window, { span_kind: kind, ...failed }), ...by);
  return table(key, {
    title,
    description: `${description} The name leads to its traces of the last hour.`,
    unit: "s",
    width: 24,
    columns: [
      { label: "service_name", title: "Service" },
      { label: "span_name", title: "Name" },
    ],
    values: [
      { title: "95 % faster than", unit: "s" },
      { title: "A second", unit: "cps", decimals: 2 },
      { title: "Fail", unit: "percentunit", decimals: 1 },
    ],
    queries: [
      query(slow, "slow"),
      query(promql`${all} and on (service_name, span_name) ${slow}`, "rate"),
      query(promql`(${bad} or ${all} * ${0}) / (${all} > ${0}) and on (service_name, span_name) ${slow}`, "fail"),
    ],
    sortBy: { column: "95 % faster than", descending: true },
    links: { Name: { title: "Traces", url: tracesPath("service_name", "span_name") } },
  });
}
