// What every exporter says of itself: its collectors and its configuration, and of its process what every program of ours says.
import type { Rows } from "./row.ts";
import { processRows } from "./runtime.ts";

/** Why a collector failed, as a class; the message of the other side stays out of telemetry. */
export const collectorCauses = [
  "timeout",
  "busy",
  "dns",
  "connect",
  "tls",
  "auth",
  "full",
  "permission",
  "query",
  "other",
] as const;
export type CollectorCause = (typeof collectorCauses)[number];

/** `collector` is a name from our code, `target` a configured id. */
const collector = { collector: "configured", target: "configured" } as const;

export const exporter = {
  collector_success: {
    kind: "gauge",
    help: "1 when the collector's last run succeeded, 0 when it failed or ran out of time.",
    labels: collector,
  },
  collector_duration_seconds: {
    kind: "gauge",
    help: "Time of the collector's last run in seconds.",
    labels: collector,
  },
  collector_last_success_timestamp_seconds: {
    kind: "gauge",
    help: "When the collector succeeded last, in seconds since 1970; absent when never.",
    labels: collector,
  },
  collector_runs_total: {
    kind: "counter",
    help: "Runs of the collector; answers from its cache do not count.",
    labels: collector,
  },
  collector_failures_total: {
    kind: "counter",
    help: "Runs of the collector that failed, those that ran out of time included.",
    labels: collector,
  },
  target_failures_total: {
    kind: "counter",
    help: "Runs of any collector of the target that failed, by cause.",
    labels: { target: "configured", cause: collectorCauses },
  },
  collector_timeouts_total: { kind: "counter", help: "Runs of the collector that ran out of time.", labels: collector },
  collector_series_dropped: {
    kind: "gauge",
    help: "Series that the collector's last run left out because a limit bit.",
    labels: collector,
  },
  exporter_scrapes_total: { kind: "counter", help: "Requests for the metrics page.", labels: {} },
  exporter_scrapes_shared_total: {
    kind: "counter",
    help: "Requests for the metrics page that were answered from a collection already under way.",
    labels: {},
  },
  exporter_scrape_duration_seconds: {
    kind: "gauge",
    help: "Time of the last finished collection in seconds, all collectors together.",
    labels: {},
  },
  exporter_samples_refused_total: {
    kind: "counter",
    help: "Samples left out because a collector gave a metric or a label that it may not give.",
    labels: {},
  },
  exporter_targets: {
    kind: "gauge",
    help: "Integrations or databases in the configuration that is in use.",
    labels: {},
  },
  exporter_config_reload_success: {
    kind: "gauge",
    help: "1 when the configuration file as it is now is in use, 0 when it was refused and the one before is still in use.",
    labels: {},
  },
  exporter_config_last_reload_success_timestamp_seconds: {
    kind: "gauge",
    help: "When a configuration was put in use last, in seconds since 1970.",
    labels: {},
  },
  ...processRows,
} as const satisfies Rows;
