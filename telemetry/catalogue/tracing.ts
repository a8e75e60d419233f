// What telemetry says of itself: spans, log lines and error reports that it has made, sent and given up.
import type { Rows } from "./row.ts";

/** `full`: there was no room in the queue. `refused`: the collector said no. `away`: it could not be reached in time. */
export const dropCauses = ["full", "refused", "away"] as const;
export type DropCause = (typeof dropCauses)[number];

export const tracing = {
  trace_spans_ended_total: { kind: "counter", help: "Spans that were to be exported.", labels: {} },
  trace_spans_exported_total: { kind: "counter", help: "Spans that the collector has accepted.", labels: {} },
  trace_spans_dropped_total: {
    kind: "counter",
    help: "Spans given up, by cause.",
    labels: { cause: dropCauses },
  },
  trace_spans_queued: { kind: "gauge", help: "Spans that wait for their export.", labels: {} },
  trace_exports_total: { kind: "counter", help: "Exports of spans that have ended.", labels: {} },
  trace_export_failures_total: { kind: "counter", help: "Exports of spans that failed.", labels: {} },
  error_reports_total: { kind: "counter", help: "Errors that were to be reported.", labels: {} },
  error_reports_sent_total: { kind: "counter", help: "Errors that the ingest has accepted.", labels: {} },
  error_reports_dropped_total: {
    kind: "counter",
    help: "Errors that were not reported, by cause.",
    labels: { cause: dropCauses },
  },
  log_lines_total: {
    kind: "counter",
    help: "Log lines written, by level.",
    labels: { level: ["debug", "info", "warn", "error"] },
  },
} as const satisfies Rows;
