// What a service's cache says of itself. `cache` is the name of a policy and `namespace` that of the cache: never a key or part of one.
import type { Rows } from "./row.ts";

const policy = { cache: "configured" } as const;
const namespace = { namespace: "configured" } as const;

export const cache = {
  cache_requests_total: { kind: "counter", help: "Values asked for.", labels: policy },
  cache_hits_total: {
    kind: "counter",
    help: "Values served without a load: from the process's own (l1) or from Redis (l2).",
    labels: { ...policy, layer: ["l1", "l2"] },
  },
  cache_misses_total: { kind: "counter", help: "Values asked for that were in neither layer.", labels: policy },
  cache_loads_total: { kind: "counter", help: "Loads from the source, refreshes included.", labels: policy },
  cache_load_failures_total: { kind: "counter", help: "Loads from the source that failed.", labels: policy },
  cache_load_duration_seconds: {
    kind: "histogram",
    help: "Time of a load from the source in seconds.",
    labels: policy,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  cache_redis_read_duration_seconds: {
    kind: "histogram",
    help: "Time in which Redis answered a read in seconds, whether the value was there or not.",
    labels: policy,
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25],
  },
  cache_coalesced_total: { kind: "counter", help: "Requests that shared the load of another.", labels: policy },
  cache_stale_served_total: {
    kind: "counter",
    help: "Values served after their time, while they were loaded anew or because their load failed.",
    labels: policy,
  },
  cache_refused_stores_total: {
    kind: "counter",
    help: "Loaded values that were not stored: invalidated meanwhile, not to be serialized, or Redis did not take them.",
    labels: policy,
  },
  cache_bypassed_total: {
    kind: "counter",
    help: "Requests that went to the source past the cache: Redis away, caching off, or another load took too long.",
    labels: policy,
  },
  cache_evictions_total: {
    kind: "counter",
    help: "Values that left the process's own because it was full.",
    labels: policy,
  },
  cache_invalidations_total: {
    kind: "counter",
    help: "Invalidations made by this process.",
    labels: { ...namespace, kind: ["key", "tag", "pattern", "related", "flush", "switch"] },
  },
  cache_unfinished_invalidations_total: {
    kind: "counter",
    help: "Invalidations that could not reach Redis at once and were made up for later.",
    labels: namespace,
  },
  cache_invalidations_pending: {
    kind: "gauge",
    help: "1 while this process has invalidations to make up for, else 0.",
    labels: namespace,
  },
  cache_circuit_open: { kind: "gauge", help: "1 while this process goes past Redis, else 0.", labels: namespace },
  cache_disabled: { kind: "gauge", help: "1 while caching is switched off, else 0.", labels: namespace },
  cache_l1_entries: { kind: "gauge", help: "Values that the process keeps itself.", labels: namespace },
  cache_l1_bytes: {
    kind: "gauge",
    help: "Size of the values that the process keeps itself, as they are stored, in bytes.",
    labels: namespace,
  },
} as const satisfies Rows;
