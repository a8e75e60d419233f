// How each metric that an alert looks at goes on a day on which nothing is wrong: noise, single failures and trifles included.
import type { Series } from "../../../telemetry/promql.ts";
import { always, around, type Course, counts, type Labels, type Level, mostly, rarely } from "./courses.ts";
import { databases } from "./databases.ts";
import { busy, type Day, stepSeconds } from "./day.ts";

const [prometheus, alertmanager, dbStats, health] = [
  ["prometheus"],
  ["alertmanager"],
  ["db-stats"],
  ["integration-health"],
] as const;
const integrations = ["eligibility", "pharmacy", "clinical-service"] as const;
const each = (labels: Labels = {}) => integrations.map((integration) => ({ integration, ...labels }));
const causes = ["timeout", "dns", "http_5xx", "auth", "rate_limited"] as const;
const clinic = { jobs: ["clinical-service"], labels: [{ cache: "patients" }] } as const;
const front = { jobs: ["gateway"] } as const;
const upstream = { upstream: "clinical-service" } as const;
const timed = { method: "GET", route: "/api/v2/patients", status_code: "200" } as const;
/** A part of the answers, without draws: what is counted twice is the same both times. */
const answers =
  (part: number): Course =>
  ({ hour }, _, before) =>
    before + part * 40 * stepSeconds * busy(hour);
const gibibyte = 2 ** 30;

export const levels = {
  up: { jobs: [], course: always(1) },
  ...databases,
  supervisor_service_ready: {
    jobs: ["supervisor"],
    labels: ["redis", "demo-postgres", "viewer"].map((service) => ({ service })),
    course: mostly(1, 0, 0.002),
  },
  supervisor_service_restarts_total: {
    jobs: ["supervisor"],
    labels: ["redis", "demo-postgres", "db-stats"].map((service) => ({ service })),
    course: rarely(0.000_02),
  },
  cache_circuit_open: {
    jobs: ["clinical-service"],
    labels: [{ namespace: "clinic" }],
    course: mostly(0, 1, 0.000_5),
  },
  cache_invalidations_pending: {
    jobs: ["clinical-service"],
    labels: [{ namespace: "clinic" }],
    course: mostly(0, 1, 0.000_5),
  },
  cache_disabled: {
    jobs: ["clinical-service"],
    labels: [{ namespace: "clinic" }],
    course: mostly(0, 1, 0.000_5),
  },
  cache_requests_total: { ...clinic, course: counts(20) },
  cache_misses_total: { ...clinic, course: counts(4) },
  cache_loads_total: { ...clinic, course: counts(4) },
  cache_load_failures_total: { ...clinic, course: rarely(0.002) },
  http_request_duration_seconds_count: { ...front, labels: [timed], course: answers(1) },
  // One slow answer in a hundred, by night as by day.
  http_request_duration_seconds_bucket: { ...front, labels: [{ ...timed, le: "0.5" }], course: answers(0.99) },
  upstream_request_failures_total: { ...front, labels: [upstream], course: rarely(0.002) },
  upstream_requests_total: {
    ...front,
    labels: ["200", "503"].map((status_code) => ({ ...upstream, method: "GET", status_code })),
    course: (moment, draws, before, { status_code }) =>
      status_code === "503" ? rarely(0.005)(moment, draws, before, {}) : counts(30)(moment, draws, before, {}),
  },
  upstream_pool_waiting_requests: { ...front, labels: [upstream], course: mostly(0, 3, 0.01) },
  nodejs_eventloop_delay_p99_seconds: { jobs: ["gateway", "clinical-service"], course: mostly(0.01, 0.4, 0.02) },
  nodejs_eventloop_utilization_ratio: { jobs: ["gateway", "clinical-service"], course: mostly(0.3, 0.97, 0.05) },
  integration_up: { jobs: health, labels: each(), course: always(1) },
  integration_status: {
    jobs: health,
    labels: [
      ...each({ status: "healthy" }),
      ...each({ status: "unhealthy" }),
      ...each({ status: "degraded" }),
      ...each({ status: "maintenance" }),
    ],
    course: (_, __, ___, { status }) => (status === "healthy" ? 1 : 0),
  },
  integration_probe_failures_total: {
    jobs: health,
    labels: causes.flatMap((cause) => each({ cause })),
    course: rarely(0.001),
  },
  integration_feed_failures_total: { jobs: health, labels: each({ cause: "timeout" }), course: rarely(0.001) },
  integration_own_failure: {
    jobs: health,
    labels: (["auth", "rate_limited"] as const).flatMap((cause) => each({ cause })),
    course: mostly(0, 1, 0.000_5),
  },
  integration_feed_failing: { jobs: health, labels: each(), course: mostly(0, 1, 0.000_5) },
  integration_probe_interval_seconds: { jobs: health, labels: each(), course: always(30) },
  // Promtool's clock begins at 1970.
  integration_last_probe_timestamp_seconds: {
    jobs: health,
    labels: each(),
    course: ({ tick }, draws) => tick * stepSeconds - 30 * draws.fraction(),
  },
  integration_response_duration_seconds_count: {
    jobs: health,
    labels: each(),
    course: (_, __, before) => before + 0.5,
  },
  integration_response_duration_seconds_sum: {
    jobs: health,
    labels: each(),
    course: (_, draws, before) => before + 0.5 * (draws.fraction() < 0.01 ? 3 : 0.1 + 0.2 * draws.fraction()),
  },
  integration_certificate_expiry_timestamp_seconds: { jobs: health, labels: each(), course: always(90 * 86_400) },
  integration_prober_online: { jobs: health, course: mostly(1, 0, 0.001) },
  integration_failure_source: {
    jobs: health,
    labels: each({ source: "vendor_unannounced" }),
    course: mostly(0, 1, 0.000_5),
  },
  collector_success: {
    jobs: dbStats,
    labels: ["activity", "bgwriter", "statements"].map((collector) => ({ collector, target: "demo-postgres" })),
    course: mostly(1, 0, 0.005),
  },
  exporter_config_reload_success: { jobs: [...dbStats, ...health], course: always(1) },
  prometheus_rule_evaluation_failures_total: {
    jobs: prometheus,
    labels: [{ rule_group: "databases" }],
    course: always(0),
  },
  prometheus_config_last_reload_successful: { jobs: prometheus, course: always(1) },
  alertmanager_config_last_reload_successful: { jobs: alertmanager, course: always(1) },
  prometheus_notifications_sent_total: {
    jobs: prometheus,
    labels: [{ alertmanager: "a" }],
    course: (_, __, before) => before + 0.25,
  },
  prometheus_notifications_errors_total: {
    jobs: prometheus,
    labels: [{ alertmanager: "a" }],
    course: always(0),
  },
  prometheus_notifications_dropped_total: { jobs: prometheus, labels: [{ alertmanager: "a" }], course: always(0) },
  prometheus_notifications_alertmanagers_discovered: { jobs: prometheus, course: always(1) },
  prometheus_rule_group_iterations_missed_total: {
    jobs: prometheus,
    labels: [{ rule_group: "databases" }],
    course: rarely(0.000_1),
  },
  prometheus_target_scrapes_exceeded_sample_limit_total: { jobs: prometheus, course: always(0) },
  prometheus_tsdb_wal_writes_failed_total: { jobs: prometheus, course: always(0) },
  prometheus_tsdb_wal_corruptions_total: { jobs: prometheus, course: always(0) },
  prometheus_tsdb_compactions_failed_total: { jobs: prometheus, course: always(0) },
  prometheus_tsdb_head_truncations_failed_total: { jobs: prometheus, course: always(0) },
  alertmanager_cluster_members: { jobs: alertmanager, course: always(1) },
  // A batch now and then, as when Jaeger is brought up anew.
  trace_spans_dropped_total: {
    jobs: ["clinical-service"],
    labels: [{ cause: "away" }],
    course: rarely(0.000_2),
  },
  otelcol_receiver_refused_spans_total: {
    jobs: ["jaeger"],
    labels: [{ receiver: "otlp", transport: "http" }],
    course: rarely(0.000_2),
  },
  otelcol_exporter_send_failed_spans_total: {
    jobs: ["jaeger"],
    labels: [{ exporter: "jaeger_storage_exporter" }],
    course: rarely(0.000_2),
  },
  alertmanager_notifications_failed_total: {
    jobs: alertmanager,
    labels: [{ integration: "slack", reason: "other" }],
    course: rarely(0.000_2),
  },
  supervisor_disk_free_bytes: { jobs: ["supervisor"], course: around(40 * gibibyte, 0.05) },
  supervisor_disk_size_bytes: { jobs: ["supervisor"], course: always(100 * gibibyte) },
  slack_relay_oldest_message_age_seconds: { jobs: ["slack-relay"], course: mostly(0, 3, 0.01) },
  slack_relay_messages_dropped_total: { jobs: ["slack-relay"], course: always(0) },
  http_requests_total: {
    jobs: ["clinical-service", "gateway"],
    labels: ["200", "404", "500"].map((code) => ({ code, method: "GET" })),
    course: (moment, draws, before, { code }) =>
      code === "500" ? rarely(0.02)(moment, draws, before, {}) : counts(50)(moment, draws, before, {}),
  },
} as const satisfies { readonly [S in Series]?: Level };

/** A series' values over a day; undefined where nothing was scraped. */
export function valuesOf(
  name: string,
  { course }: Level,
  job: string,
  labels: Labels,
  given: Day,
): readonly (number | undefined)[] {
  const draws = given.draws(`${name} of ${job} ${Object.values(labels).join()}`);
  let [starts, before] = [0, 0];
  return given.of(job).map((moment) => {
    if (moment.starts !== starts) before = 0;
    starts = moment.starts;
    before = course(moment, draws, before, labels);
    return moment.answered ? before : undefined;
  });
}
