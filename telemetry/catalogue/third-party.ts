// What we use of other programs' metrics, and nothing else: a test compares these rows with the programs' own /metrics.
import type { Row, Rows } from "./row.ts";

const prometheus = (kind: Row["kind"], help: string) => ({ kind, help, from: "prometheus", labels: {} }) as const;
const alertmanager = { from: "alertmanager" } as const;

/** Those of our own rules. */
export const alertLabels = {
  alertname: "configured",
  severity: ["page", "ticket", "info"],
  owner: "configured",
  service: "configured",
  job: "configured",
  instance: "configured",
  window: "configured",
} as const;

export const thirdParty = {
  // Prometheus makes these for every target and every alert.
  up: { kind: "gauge", help: "1 while the last scrape of the target succeeded, else 0.", from: "scrape", labels: {} },
  scrape_duration_seconds: {
    kind: "gauge",
    help: "Duration of the last scrape in seconds.",
    from: "scrape",
    labels: {},
  },
  scrape_samples_scraped: {
    kind: "gauge",
    help: "Samples that the target exposed at the last scrape.",
    from: "scrape",
    labels: {},
  },
  scrape_samples_post_metric_relabeling: {
    kind: "gauge",
    help: "Samples that remained after relabelling at the last scrape.",
    from: "scrape",
    labels: {},
  },
  scrape_series_added: {
    kind: "gauge",
    help: "Roughly how many series the last scrape added.",
    from: "scrape",
    labels: {},
  },
  ALERTS: {
    kind: "gauge",
    help: "1 for each alert that is pending or firing.",
    from: "rules",
    labels: { ...alertLabels, alertstate: ["pending", "firing"] },
  },
  ALERTS_FOR_STATE: {
    kind: "gauge",
    help: "When the condition of each pending or firing alert became true, in seconds since 1970.",
    from: "rules",
    labels: alertLabels,
  },

  prometheus_build_info: {
    kind: "gauge",
    help: "1, with the version that runs.",
    from: "prometheus",
    labels: { version: "configured" },
  },
  prometheus_config_last_reload_successful: prometheus(
    "gauge",
    "1 when the last reload of the configuration succeeded, else 0.",
  ),
  prometheus_notifications_dropped_total: {
    kind: "counter",
    help: "Alerts dropped because they could not be sent.",
    from: "prometheus",
    labels: { alertmanager: "configured" },
  },
  prometheus_notifications_errors_total: {
    kind: "counter",
    help: "Alerts that could not be sent to an Alertmanager.",
    from: "prometheus",
    labels: { alertmanager: "configured" },
  },
  prometheus_notifications_sent_total: {
    kind: "counter",
    help: "Alerts sent to an Alertmanager.",
    from: "prometheus",
    labels: { alertmanager: "configured" },
  },
  prometheus_notifications_alertmanagers_discovered: prometheus("gauge", "Alertmanagers that Prometheus knows of."),
  prometheus_rule_evaluation_failures_total: {
    kind: "counter",
    help: "Evaluations of a rule that failed.",
    from: "prometheus",
    labels: { rule_group: "configured" },
  },
  prometheus_rule_group_iterations_missed_total: {
    kind: "counter",
    help: "Evaluations of a rule group that were skipped because the one before was slow.",
    from: "prometheus",
    labels: { rule_group: "configured" },
  },
  prometheus_target_scrapes_exceeded_sample_limit_total: prometheus(
    "counter",
    "Scrapes that failed because of the sample limit.",
  ),
  prometheus_tsdb_head_series: prometheus("gauge", "Series in the head block."),
  prometheus_tsdb_head_samples_appended_total: {
    kind: "counter",
    help: "Samples appended to the head block.",
    from: "prometheus",
    labels: { type: ["float", "histogram"] },
  },
  prometheus_tsdb_compactions_failed_total: prometheus("counter", "Compactions that failed."),
  prometheus_tsdb_head_truncations_failed_total: prometheus("counter", "Truncations of the head block that failed."),
  prometheus_tsdb_wal_corruptions_total: prometheus("counter", "Corruptions found in the write-ahead log."),
  prometheus_tsdb_wal_writes_failed_total: prometheus("counter", "Writes to the write-ahead log that failed."),
  prometheus_tsdb_lowest_timestamp_seconds: prometheus("gauge", "Time of the oldest sample in seconds since 1970."),
  prometheus_tsdb_storage_blocks_bytes: prometheus("gauge", "Size of the blocks on disk in bytes."),

  alertmanager_alerts: {
    kind: "gauge",
    help: "Alerts that Alertmanager holds, by state.",
    ...alertmanager,
    labels: { state: ["active", "suppressed", "unprocessed"] },
  },
  alertmanager_config_last_reload_successful: {
    kind: "gauge",
    help: "1 when the last reload of the configuration succeeded, else 0.",
    ...alertmanager,
    labels: {},
  },
  alertmanager_notifications_total: {
    kind: "counter",
    help: "Attempts to send a notification.",
    ...alertmanager,
    labels: { integration: "configured" },
  },
  alertmanager_notifications_failed_total: {
    kind: "counter",
    help: "Attempts to send a notification that failed.",
    ...alertmanager,
    labels: { integration: "configured", reason: "configured" },
  },
  alertmanager_cluster_members: {
    needs: "cluster of Alertmanagers",
    kind: "gauge",
    help: "Members of the cluster that this one sees.",
    ...alertmanager,
    labels: {},
  },
} as const satisfies Rows;
