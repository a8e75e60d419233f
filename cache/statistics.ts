// What the cache counts: plain numbers on the way, made into samples of the metrics catalogue when somebody looks.

export interface Counts {
  requests: number;
  l1Hits: number;
  l2Hits: number;
  misses: number;
  loads: number;
  loadFailures: number;
  coalesced: number;
  staleServed: number;
  refused: number;
  bypassed: number;
  evictions: number;
}

const none = (): Counts => ({
  requests: 0,
  l1Hits: 0,
  l2Hits: 0,
  misses: 0,
  loads: 0,
  loadFailures: 0,
  coalesced: 0,
  staleServed: 0,
  refused: 0,
  bypassed: 0,
  evictions: 0,
});

export type InvalidationKind = "key" | "tag" | "pattern" | "related" | "flush" | "switch";

export interface Statistics {
  of(policy: string): Counts;
  readonly invalidations: Record<InvalidationKind, number>;
  readonly unfinished: { count: number };
}

export function createStatistics(policies: Iterable<string>): Statistics {
  const counts = new Map([...policies].map((name) => [name, none()]));
  return {
    of: (policy) => {
      const found = counts.get(policy);
      if (found === undefined) throw new TypeError(`no policy ${policy}`);
      return found;
    },
    invalidations: { key: 0, tag: 0, pattern: 0, related: 0, flush: 0, switch: 0 },
    unfinished: { count: 0 },
  };
}

export interface Sample {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is true of the whole cache now. */
export interface Now {
  readonly up: boolean;
  readonly off: boolean;
  readonly entries: number;
  readonly bytes: number;
  readonly pending: boolean;
}

/** Samples for `metrics.source`; the label `cache` is a policy's name or the namespace, never a key. */
export function samplesOf(
  namespace: string,
  policies: Iterable<string>,
  { of, invalidations, unfinished }: Statistics,
  now: Now,
): readonly Sample[] {
  const perPolicy = [...policies].flatMap((cache) => {
    const each = of(cache);
    const sample = (metric: string, value: number, more: Readonly<Record<string, string>> = {}): Sample => ({
      metric,
      labels: { cache, ...more },
      value,
    });
    return [
      sample("cache_requests_total", each.requests),
      sample("cache_hits_total", each.l1Hits, { layer: "l1" }),
      sample("cache_hits_total", each.l2Hits, { layer: "l2" }),
      sample("cache_misses_total", each.misses),
      sample("cache_loads_total", each.loads),
      sample("cache_load_failures_total", each.loadFailures),
      sample("cache_coalesced_total", each.coalesced),
      sample("cache_stale_served_total", each.staleServed),
      sample("cache_refused_stores_total", each.refused),
      sample("cache_bypassed_total", each.bypassed),
      sample("cache_evictions_total", each.evictions),
    ];
  });
  const whole = (metric: string, value: number): Sample => ({ metric, labels: { namespace }, value });
  return [
    ...perPolicy,
    ...Object.entries(invalidations).map(([kind, value]) => ({
      metric: "cache_invalidations_total",
      labels: { namespace, kind },
      value,
    })),
    whole("cache_unfinished_invalidations_total", unfinished.count),
    whole("cache_circuit_open", now.up ? 0 : 1),
    whole("cache_disabled", now.off ? 1 : 0),
    whole("cache_l1_entries", now.entries),
    whole("cache_l1_bytes", now.bytes),
    whole("cache_invalidations_pending", now.pending ? 1 : 0),
  ];
}
