// Something that may happen once, as at a restart, but not again and again: a ticket after six minutes of it.
import { promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing } from "./rule.ts";

type Counter =
  | "prometheus_notifications_dropped_total"
  | "prometheus_rule_group_iterations_missed_total"
  | "prometheus_target_scrapes_exceeded_sample_limit_total"
  | "otelcol_receiver_refused_spans_total"
  | "otelcol_exporter_send_failed_spans_total";

/** `labels` are those of one series; `filled` is the summary with them. */
export function recurring(
  series: Counter,
  labels: Readonly<Record<"job" | "instance", string>> & Readonly<Record<string, string>>,
  { filled, ...words }: Pick<Alert, "name" | "summary" | "measures" | "action" | "panel"> & { readonly filled: string },
): Alert {
  return {
    ...words,
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.job }}",
    expr: promql`increase(${sel(series)}[5m]) > ${0}`,
    unit: "count",
    // Longer than the window: one time alone has left it by then.
    for: "6m",
    keepFiringFor: "1m",
    proofs: [
      {
        says: "fires after six minutes, and resolves six minutes after the last time",
        given: [
          given(series, labels, "0x3 1+1x24 25x60"),
          given(series, { ...labels, instance: `${labels.job}-1` }, "3x90"),
        ],
        // The first is seen at 1m, the last at 7m; at 11m45s that one has left the window of increase().
        firing: { "6m45s": [], "7m": [labels], "11m30s": [labels], "12m30s": [labels], "12m45s": [] },
        text: { at: "7m", summary: filled, value: "20" },
      },
      {
        says: "is silent for one time, however many it was",
        given: [given(series, labels, "0x3 70x60")],
        firing: { "5m30s": [], "7m": [], "14m": [] },
      },
      {
        says: "is silent where nobody watches",
        given: [missing(series, labels)],
        firing: { "7m": [], "9m": [] },
      },
    ],
  };
}
