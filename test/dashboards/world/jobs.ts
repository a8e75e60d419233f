// What each job of the world exposes.
import { integration } from "./integrations.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { clock, counter, type Series, wave } from "./series.ts";
import { caches, gateway, runtime, spans } from "./services.ts";

const services = [
  "prometheus",
  "alertmanager",
  "redis",
  "jaeger",
  "viewer",
  "db-stats",
  "integration-health",
  "clinical-service",
];
export const jobs = [
  "alertmanager",
  "db-stats",
  "integration-health",
  "clinical-service",
  "business-service",
  "supervisor",
  "jaeger-spans",
  "gateway",
];
const vendors = ["eligibility", "lab-orders", "e-prescribing", "fax"];

/** What each job of the platform would expose. */
export const model = (job: string): readonly Series[] => [...exposed(job), ...runtime(jobs.indexOf(job))];

function exposed(job: string): readonly Series[] {
  switch (job) {
    case "gateway":
      return gateway();
    case "supervisor":
      return [
        ...services.flatMap((service, index): readonly Series[] => [
          ["supervisor_service_up", { service }, () => 1],
          ["supervisor_service_ready", { service }, (at) => (service === "jaeger" && at % 5_400 < 240 ? 0 : 1)],
          ["supervisor_service_restarts_total", { service }, () => (service === "jaeger" ? 2 : 0)],
          ["supervisor_service_cpu_seconds_total", { service }, counter(0.004 * (index + 1), index)],
          [
            "supervisor_service_resident_memory_bytes",
            { service },
            (at) => (40 + 22 * index + 9 * wave(at, 1_700, index)) * 1_048_576,
          ],
        ]),
        ["supervisor_disk_free_bytes", {}, (at) => 61e9 - (at - clock.epoch) * 9_000],
        ["supervisor_disk_size_bytes", {}, () => 107e9],
      ];
    case "db-stats":
      return [
        ...redis,
        ["pg_up", { database: "clinic" }, () => 1],
        ["pg_connections", { database: "clinic", state: "active" }, (at) => Math.round(4 + 7 * wave(at, 900))],
        ["pg_connections", { database: "clinic", state: "idle" }, (at) => Math.round(14 + 9 * wave(at, 2_900, 1))],
        ["pg_connections_limit", { database: "clinic" }, () => 97],
        ["pg_statements_slow", { database: "clinic" }, () => 2],
        ["pg_server_frozen_age_xids", { database: "clinic" }, (at) => 2e8 + 1e8 * wave(at, 5_400)],
        ["pg_server_frozen_age_multixacts", { database: "clinic" }, () => 4e6],
        ["pg_sequence_used_ratio", { database: "clinic", schema: "public", sequence: "visits_id_seq" }, () => 0.31],
        ["pg_replication_slot_lost", { database: "clinic", slot: "standby" }, () => 0],
        ["pg_checksum_last_failure_timestamp_seconds", { database: "clinic" }, () => clock.now - 200_000],
        ["pg_archived_files_total", { database: "clinic" }, counter(0.01)],
        ["pg_archive_failures_total", { database: "clinic" }, () => 1],
        ["collector_success", { collector: "activity", target: "clinic" }, (at) => (wave(at, 2_000) > 0.9 ? 0 : 1)],
        ["exporter_config_reload_success", {}, () => 1],
        ...postgres,
      ];
    case "integration-health":
      return [["integration_prober_online", {}, () => 1], ...vendors.flatMap(integration)];
    case "jaeger-spans":
      return spans();
    case "alertmanager":
      return [
        ["alertmanager_config_last_reload_successful", {}, () => 1],
        ["alertmanager_cluster_members", {}, () => 1],
        ["alertmanager_alerts", { state: "active" }, () => 2],
        ["alertmanager_alerts", { state: "suppressed" }, () => 1],
        ["alertmanager_notifications_total", { integration: "slack" }, counter(0.02)],
        ["alertmanager_notifications_failed_total", { integration: "slack", reason: "other" }, () => 3],
      ];
    case "clinical-service":
    case "business-service": {
      const share = job === "clinical-service" ? 1 : 0.4;
      const request = { method: "GET", route: "/patients/:id" };
      return [
        ["trace_spans_queued", {}, (at) => Math.round(40 * wave(at, 600))],
        ["trace_spans_dropped_total", { cause: "away" }, () => 0],
        ...(job === "clinical-service" ? caches : []),
        ["http_requests_total", { ...request, status_code: "200" }, counter(24 * share)],
        ["http_request_duration_seconds_sum", request, counter(1.1 * share)],
        ["http_request_duration_seconds_count", request, counter(24 * share)],
        ["http_requests_total", { ...request, status_code: "503" }, counter(0.11 * share, 2, 1_300)],
        ...(
          [
            ["0.05", 0.71],
            ["0.1", 0.93],
            ["0.25", 0.985],
            ["1", 0.999],
            ["+Inf", 1],
          ] as const
        ).map(
          ([le, part]): Series => [
            "http_request_duration_seconds_bucket",
            { ...request, le },
            counter(24 * share * part),
          ],
        ),
      ];
    }
    default:
      return [];
  }
}
