// What our recording rules make of other series. The names say the level, the metric and what was done to it.
import type { Duration } from "../../components/units.ts";
import type { Row, Rows } from "./row.ts";
import { alertLabels } from "./third-party.ts";

/** How often the rates below are recorded: panels mean them over at least a minute. */
export const recordedEvery: Duration = "30s";

/**
 * Rates over five minutes that panels read where a long time range would have them read every sample of many series, and the labels
 * that are kept. The part between the colons is the counter.
 */
export const recordedRates = {
  "job:http_requests_total:rate5m": ["job"],
  "job_instance:http_requests_total:rate5m": ["job", "instance"],
  "job_status_code:http_requests_total:rate5m": ["job", "status_code"],
  "job:http_request_duration_seconds_bucket:rate5m": ["job", "le"],
  "job:http_request_duration_seconds_sum:rate5m": ["job"],
  "job:http_request_duration_seconds_count:rate5m": ["job"],
  "job_upstream:upstream_request_duration_seconds_bucket:rate5m": ["job", "upstream", "le"],
  "job:cache_requests_total:rate5m": ["job"],
  "job_layer:cache_hits_total:rate5m": ["job", "layer"],
  "job:cache_misses_total:rate5m": ["job"],
  "job:cache_loads_total:rate5m": ["job"],
  "job:cache_load_failures_total:rate5m": ["job"],
  "job:cache_coalesced_total:rate5m": ["job"],
  "job:cache_bypassed_total:rate5m": ["job"],
  "job:cache_stale_served_total:rate5m": ["job"],
  "job:cache_refused_stores_total:rate5m": ["job"],
  "job:cache_load_duration_seconds_bucket:rate5m": ["job", "le"],
  "job:cache_redis_read_duration_seconds_bucket:rate5m": ["job", "le"],
  "job_cache:cache_requests_total:rate5m": ["job", "cache"],
  "job_cache:cache_hits_total:rate5m": ["job", "cache"],
  "job_cache:cache_loads_total:rate5m": ["job", "cache"],
  "job_cache:cache_load_failures_total:rate5m": ["job", "cache"],
  "job_cache:cache_load_duration_seconds_sum:rate5m": ["job", "cache"],
  "integration:integration_probes_total:rate5m": ["integration"],
  "integration_phase:integration_probe_duration_seconds_sum:rate5m": ["integration", "phase"],
  "integration:integration_response_duration_seconds_bucket:rate5m": ["integration", "le"],
  "integration_cause:integration_probe_failures_total:rate5m": ["integration", "cause"],
  "service_name_span_kind:traces_span_metrics_duration_seconds_bucket:rate5m": ["service_name", "span_kind", "le"],
  "service_name_span_kind_status_code:traces_span_metrics_calls_total:rate5m": [
    "service_name",
    "span_kind",
    "status_code",
  ],
} as const satisfies Readonly<Record<`${string}:${string}:rate5m`, readonly string[]>>;

type Rates = typeof recordedRates;
export type RecordedRate = keyof Rates;
type RateRows = {
  readonly [R in RecordedRate]: {
    readonly kind: "gauge";
    readonly help: string;
    readonly from: "rules";
    readonly labels: { readonly [L in Rates[R][number]]: "configured" };
  };
};

const rateRows = Object.fromEntries(
  Object.entries(recordedRates).map(([name, labels]): [string, Row] => {
    const [, metric] = name.split(":");
    return [
      name,
      {
        kind: "gauge",
        help: `${metric} per second over five minutes, summed by ${labels.join(", ")}.`,
        from: "rules",
        labels: Object.fromEntries(labels.map((label) => [label, "configured"])),
      },
    ];
  }),
) as unknown as RateRows;

export const recorded = {
  "database:pg_blocks_hit:ratio_rate5m": {
    needs: "block that was asked for",
    kind: "gauge",
    help: "Share of the blocks found in the server's buffers over five minutes, 0 to 1; absent while none is asked for.",
    from: "rules",
    labels: { database: "configured" },
  },
  "job:http_requests_failed:rate5m": {
    needs: "request that failed",
    kind: "gauge",
    help: "Requests per second over five minutes that ended with a server error, by job.",
    from: "rules",
    labels: { job: "configured" },
  },
  "alert:ALERTS:started": {
    needs: "alert that began to fire",
    kind: "gauge",
    help: "1 at the moment at which an alert begins to fire, each half minute; absent at all others.",
    from: "rules",
    labels: { ...alertLabels, alertstate: ["firing"] },
  },
  ...rateRows,
} as const satisfies Rows;
