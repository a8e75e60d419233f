// A real Prometheus with three hours of a small platform behind it: backfilled by promtool, then scraped live.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { recordingRules, recordings } from "../../alerts/recorded.ts";
import { recordedRates } from "../../telemetry/catalogue/recorded.ts";
import { findTool } from "../../tools/resolve.ts";

export interface World {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

export const missingTools = (): string | undefined =>
  ["prometheus", "promtool"].find((name) => findTool(name) === undefined);

type Series = readonly [name: string, labels: Readonly<Record<string, string>>, value: (at: number) => number];

const wave = (at: number, period: number, phase = 0): number =>
  0.5 + 0.5 * Math.sin((at / period) * 2 * Math.PI + phase);
/** The integral of a rate that swings between its half and one and a half times: a counter that only rises. */
const counter =
  (perSecond: number, phase = 0, period = 2_400) =>
  (at: number): number =>
    perSecond * (at - epoch) +
    ((perSecond * period * 0.5) / (2 * Math.PI)) * (1 - Math.cos(((at - epoch) / period) * 2 * Math.PI + phase));
let epoch = 0;

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
const jobs = [
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

/** A cache that stands alone, and a node of a cluster with a replica. */
const redis: readonly Series[] = [
  ...["cache", "sessions"].flatMap((database, index) =>
    (
      [
        ["redis_up", () => 1],
        ["redis_rdb_last_save_success", () => 1],
        ["redis_aof_last_write_success", () => 1],
        ["redis_replica_link_up", () => 1],
        ["redis_commands_processed_total", counter(310 / (index + 1))],
        ["redis_error_replies_total", counter(0.2)],
        ["redis_keyspace_hits_total", counter(200)],
        ["redis_keyspace_misses_total", counter(30, 1)],
        ["redis_keys", (at) => 40_000 + 9_000 * wave(at, 2_000, index)],
        ["redis_expired_keys_total", counter(12)],
        ["redis_evicted_keys_total", counter(3, 2)],
        ["redis_memory_used_bytes", (at) => (150 + 60 * wave(at, 2_000, index)) * 1_048_576],
        ["redis_memory_resident_bytes", (at) => (180 + 66 * wave(at, 2_000, index)) * 1_048_576],
        ["redis_memory_max_bytes", () => 268_435_456],
        ["redis_memory_fragmentation_ratio", (at) => 1.1 + 0.2 * wave(at, 3_000)],
        ["redis_connected_clients", (at) => Math.round(20 + 6 * wave(at, 900))],
        ["redis_blocked_clients", (at) => Math.round(wave(at, 900))],
        ["redis_clients_limit", () => 100],
        ["redis_connections_rejected_total", () => 0],
        ["redis_slowlog_entries", () => 2],
        ["redis_rdb_changes_since_save", (at) => at % 1_300],
        ["redis_aof_size_bytes", (at) => 3e6 + (at % 5_000) * 900],
        ["redis_replica_lag_bytes", (at) => 3_000 * wave(at, 500)],
        ["redis_cluster_slots_ok", () => 16_384],
        ["redis_cluster_slots_suspected", () => 0],
        ["redis_cluster_slots_failed", () => 0],
      ] as const satisfies readonly (readonly [string, Series[2]])[]
    )
      .filter(([name]) => database === "sessions" || !/cluster|replica|aof/.test(name))
      .map(([name, value]): Series => [name, { database }, value]),
  ),
  ...["get", "set", "mget"].flatMap((command, index): readonly Series[] => {
    const labels = { database: "cache", command };
    return [
      ["redis_command_calls_total", labels, counter(90 / (index + 1), index)],
      ["redis_command_seconds_total", labels, counter(0.002 / (index + 1), index)],
    ];
  }),
  ...["primary", "replica"].map(
    (role): Series => ["redis_cluster_nodes", { database: "sessions", role, state: "ok" }, () => 3],
  ),
];

/** A primary with one standby, and two tables. */
const postgres: readonly Series[] = [
  ...(
    [
      ["pg_longest_transaction_seconds", (at) => at % 700],
      ["pg_longest_idle_in_transaction_seconds", (at) => at % 90],
      ["pg_longest_blocked_seconds", (at) => (at % 900 < 120 ? at % 120 : 0)],
      ["pg_sessions_blocked", (at) => (at % 900 < 120 ? 3 : 0)],
      ["pg_sessions_blocking", (at) => (at % 900 < 120 ? 1 : 0)],
      ["pg_deadlocks_total", (at) => Math.floor((at - epoch) / 4_000)],
      ["pg_transactions_committed_total", counter(130)],
      ["pg_transactions_rolled_back_total", counter(0.4)],
      ["pg_blocks_hit_total", counter(9_000)],
      ["pg_blocks_read_total", counter(70, 2)],
      // As the recording rule has it.
      ["database:pg_blocks_hit:ratio_rate5m", (at) => 0.985 + 0.01 * wave(at, 2_000)],
      ["pg_temp_written_bytes_total", counter(40_000)],
      ["pg_size_bytes", (at) => 41e9 + (at - epoch) * 2_000],
      ["pg_wal_files_size_bytes", () => 1_073_741_824],
      ["pg_dead_rows", (at) => 4e5 * wave(at, 3_600)],
      ["pg_live_rows", () => 9e6],
      ["pg_replica_lag_seconds", (at) => 0.2 * wave(at, 500)],
      ["pg_replica_lag_bytes", (at) => 4e6 * wave(at, 500)],
    ] as const satisfies readonly (readonly [string, Series[2]])[]
  ).map(([name, value]): Series => [name, { database: "clinic" }, value]),
  ...["-4711", "815", "other"].map(
    (queryid, index): Series => [
      "pg_statement_seconds_total",
      { database: "clinic", queryid },
      counter(0.4 / (index + 1), index),
    ],
  ),
  ["pg_replicas", { database: "clinic", state: "streaming" }, () => 1],
  ["pg_replication_slot_retained_bytes", { database: "clinic", slot: "standby" }, () => 33_554_432],
  ...["patients", "appointments"].flatMap((table, index): readonly Series[] => {
    const labels = { database: "clinic", schema: "public", table };
    return [
      ["pg_table_size_bytes", labels, () => 12e9 / (index + 1)],
      ["pg_table_indexes_size_bytes", labels, () => 4e9 / (index + 1)],
      ["pg_table_live_rows", labels, () => 6e6 / (index + 1)],
      ["pg_table_dead_rows", labels, (at) => (2e5 * wave(at, 3_600)) / (index + 1)],
    ];
  }),
];

/** The caches of a service that has two. */
const caches: readonly Series[] = [
  ...["patients", "medications"].flatMap((cache, index): readonly Series[] => {
    const each = 20 / (index + 1);
    const buckets = (
      metric: string,
      perSecond: number,
      shares: Readonly<Record<string, number>>,
    ): readonly Series[] => [
      ...Object.entries(shares).map(
        ([le, share]): Series => [`${metric}_bucket`, { cache, le }, counter(perSecond * share)],
      ),
      [`${metric}_sum`, { cache }, counter(perSecond * 0.02)],
      [`${metric}_count`, { cache }, counter(perSecond)],
    ];
    const counts = {
      requests: each,
      misses: each * 0.15,
      loads: each * 0.16,
      load_failures: 0.01,
      coalesced: 0.4,
      stale_served: 0.05,
      refused_stores: 0.02,
      bypassed: 0.01,
      evictions: 0.3,
    };
    return [
      ...Object.entries(counts).map(
        ([name, perSecond]): Series => [`cache_${name}_total`, { cache }, counter(perSecond)],
      ),
      ["cache_hits_total", { cache, layer: "l1" }, counter(each * 0.6)],
      ["cache_hits_total", { cache, layer: "l2" }, counter(each * 0.25)],
      ...buckets("cache_load_duration_seconds", each * 0.16, { "0.01": 0.5, "0.05": 0.95, "+Inf": 1 }),
      ...buckets("cache_redis_read_duration_seconds", each * 0.4, { "0.0005": 0.7, "0.001": 0.97, "+Inf": 1 }),
    ];
  }),
  ...["key", "tag", "related"].map(
    (kind, index): Series => ["cache_invalidations_total", { namespace: "clinic", kind }, counter(0.4 / (index + 1))],
  ),
  ...Object.entries({
    cache_unfinished_invalidations_total: counter(0.01),
    cache_invalidations_pending: () => 0,
    cache_circuit_open: (at: number) => (at % 3_600 < 120 ? 1 : 0),
    cache_disabled: () => 0,
    cache_l1_entries: (at: number) => 4_000 + 900 * wave(at, 2_000),
    cache_l1_bytes: (at: number) => 3e6 + 7e5 * wave(at, 2_000),
  }).map(([name, value]): Series => [name, { namespace: "clinic" }, value]),
];

/** Of each third party; the last one is down, its vendor says so, and its feed and its key fail. */
function integration(name: string, index: number): readonly Series[] {
  const labels = { integration: name };
  const ill = name === "fax";
  const downNow = (at: number) => ill && at > now - 1_500;
  const attempts = 0.1;
  const flags = (series: string, label: string, chosen: (at: number) => string, values: readonly string[]) =>
    values.map((value): Series => [series, { ...labels, [label]: value }, (at) => (chosen(at) === value ? 1 : 0)]);
  const perAttempt = (series: string, own: Series[1], seconds: number): readonly Series[] => [
    [`${series}_sum`, { ...labels, ...own }, counter(attempts * seconds, index)],
    [`${series}_count`, { ...labels, ...own }, counter(attempts, 0, 1e9)],
  ];
  const seconds = 0.11 * (index + 1);
  return [
    ["integration_up", labels, (at) => (downNow(at) ? 0 : 1)],
    ["integration_probe_interval_seconds", labels, () => 30],
    ["integration_budget_calls_per_second", labels, () => 2],
    ["integration_probes_total", labels, counter(attempts, 0, 1e9)],
    ["integration_probes_skipped_total", labels, () => index],
    ["integration_probe_bytes_total", labels, counter(420 * (index + 1), index)],
    ["integration_probe_failures_total", { ...labels, cause: "timeout" }, counter(ill ? 0.02 : 0)],
    ["integration_last_success_timestamp_seconds", labels, (at) => (downNow(at) ? now - 1_500 : at)],
    ["integration_certificate_expiry_timestamp_seconds", labels, () => now + 86_400 * 20 * (index + 1)],
    ["integration_announcement_delay_seconds", labels, () => 240 * (index + 1)],
    ...flags("integration_status", "status", (at) => (downNow(at) ? "unhealthy" : "healthy"), [
      "healthy",
      "degraded",
      "unhealthy",
      "maintenance",
      "unknown",
    ]),
    ...flags("integration_failure_source", "source", (at) => (downNow(at) ? "vendor_confirmed" : ""), [
      "ours",
      "vendor_confirmed",
      "vendor_unannounced",
      "status_page_only",
    ]),
    ...flags("integration_vendor_status", "status", (at) => (downNow(at - 300) ? "major_outage" : "operational"), [
      "operational",
      "maintenance",
      "degraded",
      "partial_outage",
      "major_outage",
      "unknown",
    ]),
    ["integration_own_failure", { ...labels, cause: "rate_limited" }, (at) => (downNow(at - 3_000) ? 1 : 0)],
    ["integration_feed_failing", labels, () => (ill ? 1 : 0)],
    ["integration_vendor_incidents", labels, (at) => (downNow(at - 300) ? 1 : 0)],
    ["integration_feed_last_success_timestamp_seconds", labels, (at) => at - 40],
    ["integration_feed_failures_total", { ...labels, cause: "format" }, counter(ill ? 0.01 : 0)],
    ["integration_feed_unknown_values_total", labels, counter(ill ? 0.01 : 0)],
    ...perAttempt("integration_response_duration_seconds", {}, seconds),
    ...["0.25", "0.5", "1", "+Inf"].map(
      (le, place): Series => [
        "integration_response_duration_seconds_bucket",
        { ...labels, le },
        counter(attempts * Math.min(1, (place + 1) / (index + 1)), 0, 1e9),
      ],
    ),
    ...["resolve", "connect", "tls", "request", "first_byte", "transfer"].flatMap((phase) =>
      perAttempt("integration_probe_duration_seconds", { phase }, seconds / 6),
    ),
  ];
}

/** What every program of ours shows of its process. */
const runtime = (index: number): readonly Series[] => [
  ["nodejs_eventloop_utilization_ratio", {}, (at) => 0.1 + 0.2 * wave(at, 900, index)],
  ["nodejs_eventloop_delay_p99_seconds", {}, (at) => 0.002 + 0.004 * wave(at, 700, index)],
  ["process_resident_memory_bytes", {}, (at) => (90 + 20 * wave(at, 1_900, index)) * 1_048_576],
  ["nodejs_heap_used_bytes", {}, (at) => (30 + 10 * wave(at, 300, index)) * 1_048_576],
  ["nodejs_gc_pause_seconds_total", { kind: "minor" }, counter(0.004)],
  ["process_cpu_seconds_total", {}, counter(0.03, index)],
];

/** The API front, which asks one service. */
const gateway = (): readonly Series[] => {
  const upstream = { upstream: "clinical-service" };
  const request = { method: "GET", route: "/api/patients/:id" };
  const timed = (metric: string, labels: Series[1]): readonly Series[] => [
    ...(
      [
        ["0.025", 0.7],
        ["0.1", 0.97],
        ["+Inf", 1],
      ] as const
    ).map(([le, part]): Series => [`${metric}_bucket`, { ...labels, le }, counter(20 * part)]),
    [`${metric}_sum`, labels, counter(0.6)],
    [`${metric}_count`, labels, counter(20)],
  ];
  return [
    ["http_requests_total", { ...request, status_code: "200" }, counter(19.8)],
    ["http_requests_total", { ...request, status_code: "503" }, counter(0.2, 1)],
    ...timed("http_request_duration_seconds", { ...request, status_code: "200" }),
    ...timed("http_request_duration_seconds", { method: "POST", route: "/graphql", status_code: "200" }),
    ["gateway_requests_total", { version: "1" }, counter(14)],
    ["gateway_requests_total", { version: "2" }, counter(6)],
    ["gateway_refusals_total", { reason: "unauthorized" }, counter(0.1)],
    ["gateway_not_modified_total", {}, counter(2)],
    ["graphql_operations_total", {}, counter(1)],
    ["graphql_errors_total", {}, counter(0.01)],
    ["upstream_requests_total", { ...upstream, method: "GET", status_code: "200" }, counter(8)],
    ["upstream_requests_total", { ...upstream, method: "GET", status_code: "503" }, counter(0.1)],
    ["upstream_request_failures_total", upstream, counter(0.02)],
    ...timed("upstream_request_duration_seconds", { ...upstream, method: "GET" }),
    ["upstream_pool_connections", { ...upstream, state: "busy" }, (at) => Math.round(3 + 2 * wave(at, 500))],
    ["upstream_pool_waiting_requests", upstream, () => 0],
    ["active_connections", {}, () => 12],
    ["http_requests_in_flight", {}, () => 2],
    ["trace_spans_dropped_total", { cause: "away" }, () => 0],
    ...caches,
  ];
};

/** What Jaeger counts of spans, and of itself. */
const spans = (): readonly Series[] => [
  ["otelcol_receiver_accepted_spans_total", { receiver: "otlp", transport: "http" }, counter(90)],
  ["otelcol_receiver_refused_spans_total", { receiver: "otlp", transport: "http" }, () => 0],
  ["otelcol_exporter_sent_spans_total", { exporter: "jaeger_storage_exporter" }, counter(18)],
  ["otelcol_exporter_send_failed_spans_total", { exporter: "jaeger_storage_exporter" }, () => 0],
  ...(
    [
      ["gateway", "GET /api/patients/:id", "SPAN_KIND_SERVER", 0.9],
      ["gateway", "GET", "SPAN_KIND_CLIENT", 0.97],
      ["clinical-service", "GET /patients/:id", "SPAN_KIND_SERVER", 0.98],
      ["clinical-service", "SELECT clinic.patients", "SPAN_KIND_CLIENT", 1],
    ] as const
  ).flatMap(([service_name, span_name, span_kind, fast]) => {
    const labels = { service_name, span_name, span_kind };
    const good = { ...labels, status_code: "STATUS_CODE_UNSET" };
    return [
      ["traces_span_metrics_calls_total", good, counter(22)],
      ["traces_span_metrics_calls_total", { ...labels, status_code: "STATUS_CODE_ERROR" }, counter(0.2, 1)],
      ...(
        [
          ["0.025", 0.8],
          ["0.1", fast],
          ["0.5", 1],
          ["+Inf", 1],
        ] as const
      ).map(
        ([le, part]): Series => ["traces_span_metrics_duration_seconds_bucket", { ...good, le }, counter(22 * part)],
      ),
    ] satisfies readonly Series[];
  }),
];

/** What each job of the platform would expose. */
function model(job: string): readonly Series[] {
  return [...exposed(job), ...runtime(jobs.indexOf(job))].filter(([name]) => !leftOut.includes(name));
}

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
        ["supervisor_disk_free_bytes", {}, (at) => 61e9 - (at - epoch) * 9_000],
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
        ["pg_checksum_last_failure_timestamp_seconds", { database: "clinic" }, () => now - 200_000],
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
let now = 0;
let leftOut: readonly string[] = [];

const text = (labels: Readonly<Record<string, string>>): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}}`;

/** Starts it; about two seconds. Nothing measures what is in `without`. */
export async function startWorld(
  options: { readonly hours?: number; readonly without?: readonly string[] } = {},
): Promise<World> {
  leftOut = options.without ?? [];
  const folder = await mkdtemp(join(tmpdir(), "vitals-world-"));
  now = Date.now() / 1_000;
  epoch = now - 7 * 86_400;
  const exporter = await startExporter();
  const { port } = exporter.address() as AddressInfo;
  let child: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await Promise.race([once(child, "exit"), sleep(5_000).then(() => child?.kill("SIGKILL"))]);
    }
    exporter.close();
    exporter.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await backfill(folder, options.hours ?? 3);
    await writeFile(join(folder, "prometheus.yml"), JSON.stringify(configFor(port)));
    await writeFile(join(folder, "rules.yml"), JSON.stringify(rules));
    child = spawn(
      findTool("prometheus")?.path ?? "",
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
        "--enable-feature=exemplar-storage",
        "--log.level=info",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const url = `http://${await listening(child)}`;
    await untilSeries(url);
    return { url, pid: child.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

async function startExporter(): Promise<Server> {
  const server = createServer((request, response) => {
    const job = (request.url ?? "/").slice(1);
    const at = Date.now() / 1_000;
    response.setHeader("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const lines = model(job).map(([name, labels, value]) => {
      // Every bucket has one request whose trace is known.
      const le = Number(labels.le ?? Number.NaN);
      const traced = name.endsWith("_bucket") && Number.isFinite(le);
      return `${name}${text(labels)} ${value(at)}${traced ? ` # {trace_id="${traceId}"} ${0.7 * le} ${at}` : ""}\n`;
    });
    response.end(`${lines.join("")}# EOF\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const configFor = (port: number) => ({
  global: { scrape_interval: "1s", evaluation_interval: "1s" },
  rule_files: ["rules.yml"],
  scrape_configs: [
    ...jobs.map((job) => ({
      job_name: job,
      metrics_path: `/${job}`,
      static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { instance: `${job}-0` } }],
    })),
    // Nothing listens there: a target that is down.
    { job_name: "jaeger", static_configs: [{ targets: ["127.0.0.1:1"], labels: { instance: "jaeger-0" } }] },
  ],
});

const rules = {
  groups: [
    { name: "rates", rules: recordingRules(recordings.rates?.all ?? []) },
    {
      name: "world",
      rules: [
        { alert: "IntegrationDown", expr: "integration_up == 0", labels: { severity: "page", owner: "platform" } },
        { alert: "TargetDown", expr: "up == 0", for: "1h", labels: { severity: "ticket", owner: "platform" } },
        // Nobody has this metric: the alert can never fire.
        { alert: "Orphan", expr: "metric_that_nobody_has > 0", labels: { severity: "info", owner: "platform" } },
        // Not everybody has a standby: the alert is silent, and that is right.
        { alert: "CutOff", expr: "pg_standby_receiving == 0", labels: { severity: "info", owner: "platform" } },
        { record: "job:up:min", expr: "min by (job) (up)" },
      ],
    },
  ],
};

/** What the rules would have recorded of these counters until now. */
function pastRates(all: readonly Series[]): readonly Series[] {
  const summed = (record: string, metric: string, labels: readonly string[], only = /^/): readonly Series[] => {
    const counters = all.filter(([name, { status_code: code = "" }]) => name === metric && only.test(code));
    const keyOf = ([, own]: Series) => JSON.stringify(labels.map((label) => own[label]));
    return [...Map.groupBy(counters, keyOf).values()].map(
      (group): Series => [
        record,
        Object.fromEntries(labels.map((label) => [label, group[0]?.[1][label] ?? ""])),
        (at) => group.reduce((sum, [, , value]) => sum + (value(at) - value(at - 300)) / 300, 0),
      ],
    );
  };
  return [
    ...Object.entries(recordedRates).flatMap(([record, labels]) => summed(record, record.split(":")[1] ?? "", labels)),
    ...summed("job:http_requests_failed:rate5m", "http_requests_total", ["job"], /^5/),
  ];
}

/** An alert that fired until some minutes ago; NaN is no sample. */
const pastLabels = { alertname: "TargetDown", severity: "ticket", owner: "platform", service: "jaeger" };
const whileItFired = (at: number, value: number): number => (at < now - 900 ? value : Number.NaN);
const pastAlert: readonly Series[] = [
  ["ALERTS", { ...pastLabels, alertstate: "firing" }, (at) => whileItFired(at, 1)],
  // It began anew every half hour.
  ["ALERTS_FOR_STATE", pastLabels, (at) => whileItFired(at, at - (at % 1_800))],
];

async function backfill(folder: string, hours: number): Promise<void> {
  const own: readonly Series[] = [
    ["prometheus_tsdb_head_series", {}, (at) => 4_200 + 350 * wave(at, 3_100)],
    ["prometheus_tsdb_head_samples_appended_total", { sample_type: "float" }, counter(290)],
    ["prometheus_config_last_reload_successful", {}, () => 1],
    ["prometheus_rule_evaluation_failures_total", { rule_group: "world" }, () => 0],
    ["prometheus_rule_group_iterations_missed_total", { rule_group: "world" }, () => 0],
    ["prometheus_notifications_errors_total", { alertmanager: "a" }, () => 0],
    ["prometheus_notifications_dropped_total", { alertmanager: "a" }, () => 0],
    ["prometheus_notifications_alertmanagers_discovered", {}, () => 1],
    ...["wal_writes_failed", "wal_corruptions", "compactions_failed", "head_truncations_failed"].map(
      (name): Series => [`prometheus_tsdb_${name}_total`, {}, () => 0],
    ),
    ["prometheus_target_scrapes_exceeded_sample_limit_total", {}, () => 0],
    ["prometheus_tsdb_storage_blocks_bytes", {}, (at) => 21e6 + Math.floor((at - epoch) / 7_200) * 2e6],
  ];
  const all = [
    ...jobs.flatMap((job, index) =>
      [
        ...model(job),
        ["up", {}, () => 1] as Series,
        ["scrape_duration_seconds", {}, (at: number) => 0.004 + 0.003 * (index + wave(at, 600, index))] as Series,
        ["scrape_samples_post_metric_relabeling", {}, () => 60 * (index + 1)] as Series,
      ].map(([name, labels, value]): Series => [name, { ...labels, job, instance: `${job}-0` }, value]),
    ),
    ...pastAlert,
    ...own.map(
      ([name, labels, value]): Series => [name, { ...labels, job: "prometheus", instance: "prometheus-0" }, value],
    ),
  ];
  const byName = Map.groupBy([...all, ...pastRates(all)], ([name]) => name);
  const lines: string[] = [];
  for (const series of byName.values())
    for (const [name, labels, value] of series)
      for (let at = now - hours * 3_600; at < now; at += 15)
        if (!Number.isNaN(value(at))) lines.push(`${name}${text(labels)} ${value(at)} ${at.toFixed(3)}`);
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "history.txt"), `${lines.join("\n")}\n# EOF\n`);
  await promisify(execFile)(findTool("promtool")?.path ?? "", [
    "tsdb",
    "create-blocks-from",
    "openmetrics",
    join(folder, "history.txt"),
    join(folder, "data"),
  ]);
}

/** Prometheus logs the address that it was given by the system. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = "";
    child.stderr?.on("data", (part: Buffer) => {
      log = (log + part.toString()).slice(-8_000);
      const address = /Listening on.*?address=(127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`prometheus ended with ${code}: ${log}`)));
  });
}

/** Ready, scraped at least twice, and with the firing alert. */
async function untilSeries(url: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const answer = await fetch(
      `${url}/api/v1/query?query=${encodeURIComponent('ALERTS{alertstate="firing"} and on () (count(count_over_time(up[20s]) >= 3) > 5)')}`,
    ).catch(() => undefined);
    const body = answer?.ok === true ? ((await answer.json()) as { data: { result: unknown[] } }) : undefined;
    if ((body?.data.result.length ?? 0) > 0) return;
    await sleep(200);
  }
  throw new Error(`prometheus at ${url} has no series after 30 s`);
}
