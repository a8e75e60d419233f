// What we use of Jaeger's metrics: of the collector in it, and those that it makes of the spans that it receives.
import type { Rows } from "./row.ts";

const from = "jaeger" as const;
const span = {
  service_name: "configured",
  span_name: "configured",
  span_kind: [
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
    "SPAN_KIND_UNSPECIFIED",
  ],
  status_code: ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"],
} as const;
const received = { receiver: "configured", transport: "configured" } as const;
const sent = { exporter: "configured" } as const;

export const jaeger = {
  otelcol_receiver_accepted_spans_total: {
    kind: "counter",
    help: "Spans received and passed on.",
    from,
    labels: received,
  },
  otelcol_receiver_refused_spans_total: {
    kind: "counter",
    help: "Spans received and refused, such as for want of memory.",
    from,
    labels: received,
  },
  otelcol_exporter_sent_spans_total: { kind: "counter", help: "Spans written to the storage.", from, labels: sent },
  otelcol_exporter_send_failed_spans_total: {
    kind: "counter",
    help: "Spans that could not be written to the storage.",
    from,
    labels: sent,
  },
  otelcol_process_cpu_seconds_total: { kind: "counter", help: "CPU time of Jaeger in seconds.", from, labels: {} },
  otelcol_process_memory_rss_bytes: { kind: "gauge", help: "Resident memory of Jaeger in bytes.", from, labels: {} },
  otelcol_process_uptime_seconds_total: {
    kind: "counter",
    help: "Time since Jaeger was started in seconds.",
    from,
    labels: {},
  },
  traces_span_metrics_calls_total: { kind: "counter", help: "Spans that have ended, kept or not.", from, labels: span },
  traces_span_metrics_duration_seconds: {
    kind: "histogram",
    help: "Duration of spans in seconds, kept or not.",
    from,
    labels: span,
  },
} as const satisfies Rows;
