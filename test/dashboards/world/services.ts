// What services show of themselves: their process, their caches, the API front, and their spans as Jaeger counts them.
import { clock, counter, type Series, wave } from "./series.ts";

/** What every program of ours shows of its process. */
export const runtime = (index: number): readonly Series[] => [
  ["nodejs_eventloop_utilization_ratio", {}, (at) => 0.1 + 0.2 * wave(at, 900, index)],
  ["nodejs_eventloop_delay_p99_seconds", {}, (at) => 0.002 + 0.004 * wave(at, 700, index)],
  ["process_resident_memory_bytes", {}, (at) => (90 + 20 * wave(at, 1_900, index)) * 1_048_576],
  ["nodejs_heap_used_bytes", {}, (at) => (30 + 10 * wave(at, 300, index)) * 1_048_576],
  ["nodejs_gc_pause_seconds_total", { kind: "minor" }, counter(0.004)],
  ["process_cpu_seconds_total", {}, counter(0.03, index)],
  ["process_start_time_seconds", {}, () => clock.epoch],
];

/** The caches of a service that has two. */
export const caches: readonly Series[] = [
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

/** The API front, which asks one service. */
export const gateway = (): readonly Series[] => {
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
export const spans = (): readonly Series[] => [
  ["otelcol_process_cpu_seconds_total", {}, counter(0.05)],
  ["otelcol_process_memory_rss_bytes", {}, (at) => (160 + 20 * wave(at, 1_900)) * 1_048_576],
  ["otelcol_process_uptime_seconds_total", {}, (at) => at - clock.epoch],
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
