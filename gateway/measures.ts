// The gateway's own metrics, as the parts of it record them.
import { cache as cacheRows } from "../telemetry/catalogue/cache.ts";
import { apiVersions, gateway, type refusals } from "../telemetry/catalogue/gateway.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Upstreams } from "./upstreams.ts";

export const gatewayRows = { ...gateway, ...cacheRows } as const;

export interface Measures {
  requested(version: (typeof apiVersions)[number]): void;
  refused(reason: (typeof refusals)[number]): void;
  notModified(): void;
  /** A GraphQL operation has ended, with so many errors. */
  queried(errors: number): void;
  observeLoad(cache: string, seconds: number): void;
  observeRead(cache: string, seconds: number): void;
}

export function createMeasures(metrics: Metrics<typeof gatewayRows>): Measures {
  const requests = metrics.counter("gateway_requests_total");
  const refusals = metrics.counter("gateway_refusals_total");
  const notModified = metrics.counter("gateway_not_modified_total");
  const loads = metrics.histogram("cache_load_duration_seconds");
  const reads = metrics.histogram("cache_redis_read_duration_seconds");
  const queries = metrics.counter("graphql_operations_total");
  const errors = metrics.counter("graphql_errors_total");
  metrics.start({});
  const byVersion = new Map(apiVersions.map((version) => [version, requests.with({ version })]));
  return {
    requested: (version) => byVersion.get(version)?.inc(),
    refused: (reason) => refusals.inc({ reason }),
    notModified: () => notModified.inc({}),
    queried: (failed) => {
      queries.inc({});
      if (failed > 0) errors.inc({}, failed);
    },
    observeLoad: (cache, seconds) => loads.observe({ cache }, seconds),
    observeRead: (cache, seconds) => reads.observe({ cache }, seconds),
  };
}

/** Connections as they are at each scrape. */
export const watchPools = (metrics: Metrics<typeof gatewayRows>, upstreams: Upstreams): void =>
  metrics.source(() =>
    upstreams.state().flatMap(({ upstream, busy, idle, waiting }) => [
      { metric: "upstream_pool_connections", labels: { upstream, state: "busy" }, value: busy },
      { metric: "upstream_pool_connections", labels: { upstream, state: "idle" }, value: idle },
      { metric: "upstream_pool_waiting_requests", labels: { upstream }, value: waiting },
    ]),
  );
