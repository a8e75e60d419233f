// The watchers watched: configurations that were taken, rules and collectors that work, alerts on their way, a database that can be written.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { type Query, query, type RowSpec, stateTimeline, timeSeries } from "./panels.ts";
import { chosenInstance } from "./variables.ts";

const window = "$__rate_interval";
const tookOrRefused = { 1: ["Taken", "green"], 0: ["Refused", "red"] } as const;

export const watchers: RowSpec = {
  title: "The watchers themselves",
  panels: [
    stateTimeline("configurations", {
      title: "Configurations",
      description:
        "Whether each program took the last configuration that it was given. One that refused it runs on the one before.",
      unit: "none",
      states: tookOrRefused,
      width: 8,
      queries: [
        query(sel("prometheus_config_last_reload_successful", chosenInstance), "{{instance}}"),
        query(sel("alertmanager_config_last_reload_successful", chosenInstance), "{{instance}}"),
        query(sel("exporter_config_reload_success", chosenInstance), "{{instance}}"),
      ],
    }),
    timeSeries("rules", {
      title: "Rules that failed or were skipped",
      description: "Evaluations a second that failed, and rounds that were skipped. Anything but zero blinds an alert.",
      unit: "ops",
      width: 8,
      queries: [
        query(
          agg("sum", rate("prometheus_rule_evaluation_failures_total", window, chosenInstance), "instance"),
          "{{instance}} failed",
        ),
        query(
          agg("sum", rate("prometheus_rule_group_iterations_missed_total", window, chosenInstance), "instance"),
          "{{instance}} skipped",
        ),
      ],
    }),
    timeSeries("collectors", {
      title: "Collectors that fail",
      description:
        "How many of each target's collectors failed at the last scrape. Its error is in the exporter's log.",
      unit: "none",
      width: 8,
      emptyWhenHealthy: "No collector",
      queries: [query(agg("sum", promql`${sel("collector_success")} == bool 0`, "target"), "{{target}}")],
    }),
    timeSeries("handed-over", {
      title: "Alerts that Prometheus could not hand over",
      description: "Alerts a second that no Alertmanager took: in error, or dropped. Anything but zero reaches nobody.",
      unit: "ops",
      width: 8,
      queries: [
        query(
          agg("sum", rate("prometheus_notifications_errors_total", window, chosenInstance), "instance"),
          "{{instance}} in error",
        ),
        query(
          agg("sum", rate("prometheus_notifications_dropped_total", window, chosenInstance), "instance"),
          "{{instance}} dropped",
        ),
      ],
    }),
    timeSeries("alertmanagers", {
      title: "Alertmanagers known",
      description: "How many Alertmanagers each Prometheus sends to, and how many each of them sees, itself included.",
      unit: "none",
      // One alone is no cluster, and sees nobody.
      emptyWhenHealthy: "No Alertmanager",
      width: 8,
      queries: [
        query(sel("prometheus_notifications_alertmanagers_discovered", chosenInstance), "{{instance}} sends to"),
        query(sel("alertmanager_cluster_members", chosenInstance), "{{instance}} sees"),
      ],
    }),
    timeSeries("storage-failures", {
      title: "Failures of Prometheus' database",
      description:
        "How often a second writing, compacting or truncating failed, the log was damaged, or a target was refused for its size.",
      unit: "ops",
      width: 8,
      queries: [
        failing("prometheus_tsdb_wal_writes_failed_total", "writes"),
        failing("prometheus_tsdb_wal_corruptions_total", "damages"),
        failing("prometheus_tsdb_compactions_failed_total", "compactions"),
        failing("prometheus_tsdb_head_truncations_failed_total", "truncations"),
        failing("prometheus_target_scrapes_exceeded_sample_limit_total", "targets too large"),
      ],
    }),
  ],
};

function failing(
  series:
    | "prometheus_tsdb_wal_writes_failed_total"
    | "prometheus_tsdb_wal_corruptions_total"
    | "prometheus_tsdb_compactions_failed_total"
    | "prometheus_tsdb_head_truncations_failed_total"
    | "prometheus_target_scrapes_exceeded_sample_limit_total",
  word: string,
): Query {
  return query(agg("sum", rate(series, window, chosenInstance)), word);
}
