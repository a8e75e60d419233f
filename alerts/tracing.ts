// Traces on their way: spans that services give up, that Jaeger refuses, and that it cannot keep.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { recurring } from "./recurring.ts";
import { type Alert, given, missing } from "./rule.ts";

const panel = { dashboard: "vitals-tracing" } as const;
const jaeger = { job: "jaeger", instance: "jaeger-0" } as const;
const sender = { job: "gateway" } as const;
const dropped = (values: string, instance = "gateway-0", cause: "full" | "away" = "full") =>
  given("trace_spans_dropped_total", { ...sender, instance, cause }, values);
const answers = (values: string) => given("up", jaeger, values);

const spansDropped: Alert = {
  name: "SpansDropped",
  measures: "Spans in five minutes",
  // A Jaeger that is down is told by its own alert; what nobody can send meanwhile says nothing new.
  expr: promql`${agg("sum", promql`increase(${sel("trace_spans_dropped_total")}[5m])`, "job")} > ${0} unless on () ${sel("up", { job: "jaeger" })} == ${0}`,
  unit: "count",
  for: "10m",
  keepFiringFor: "5m",
  severity: "ticket",
  owner: "platform",
  service: "{{ $labels.job }}",
  summary: "{{ $labels.job }} gives up spans, so its traces have holes.",
  action:
    "Look at the cause: away is the way to Jaeger, refused is Jaeger's memory, full is more spans than leave in time.",
  panel,
  proofs: [
    {
      says: "fires after ten minutes, counting all replicas, and resolves ten minutes after the last one",
      given: [
        dropped("0x3 1+1x47 48x80"),
        dropped("0x3 1+1x47 48x80", "gateway-1", "away"),
        answers("1x130"),
        given("up", { job: "redis", instance: "redis-0" }, "0x130"),
      ],
      // The first is seen at 1m, the last at 12m45s; at 17m45s that one has left the window.
      firing: { "10m45s": [], "11m": [sender], "17m30s": [sender], "22m15s": [sender], "22m30s": [] },
      text: {
        at: "11m",
        summary: "gateway gives up spans, so its traces have holes.",
        value: "40",
      },
    },
    {
      says: "is silent while Jaeger is down",
      given: [dropped("0+5x80", "gateway-0", "away"), answers("0x80")],
      firing: { "11m": [], "19m": [] },
    },
    {
      says: "fires all the same where Jaeger is not watched",
      given: [dropped("0+5x80"), missing("up", jaeger)],
      firing: { "10m": [], "10m15s": [sender] },
    },
    {
      says: "is silent where none is given up and for one time",
      given: [dropped("3x80"), dropped("0x3 500x80", "gateway-1", "away"), answers("1x80")],
      firing: { "5m": [], "11m": [] },
    },
    {
      says: "is silent where nothing makes spans",
      given: [missing("trace_spans_dropped_total", { ...sender, cause: "full" }), answers("1x80")],
      firing: { "11m": [] },
    },
  ],
};

export const tracingAlerts: readonly Alert[] = [
  spansDropped,
  recurring(
    "otelcol_receiver_refused_spans_total",
    { ...jaeger, receiver: "otlp", transport: "http" },
    {
      name: "JaegerRefusesSpans",
      measures: "Refused in five minutes",
      summary: "{{ $labels.instance }} refuses spans: it has no memory left for them.",
      filled: "jaeger-0 refuses spans: it has no memory left for them.",
      action: "Give Jaeger more memory, or have a service send fewer spans: its rate of spans is on the dashboard.",
      panel,
    },
  ),
  recurring(
    "otelcol_exporter_send_failed_spans_total",
    { ...jaeger, exporter: "jaeger_storage_exporter" },
    {
      name: "JaegerCannotStoreSpans",
      measures: "Lost in five minutes",
      summary: "{{ $labels.instance }} cannot write spans to its storage, so traces are lost.",
      filled: "jaeger-0 cannot write spans to its storage, so traces are lost.",
      action: "See whether its volume is full, or its OpenSearch answers: the reason is in Jaeger's log.",
      panel,
    },
  ),
];
