// What the gateway shows of itself beside requests, upstreams and its cache.
import type { Rows } from "./row.ts";

const upstream = { upstream: "configured" } as const;
export const refusals = ["unauthorized", "forbidden", "limited", "issuer_away"] as const;
export const apiVersions = ["1", "2", "unknown"] as const;

export const gateway = {
  gateway_requests_total: {
    kind: "counter",
    help: "Requests to the REST API, by the version that they mean.",
    labels: { version: apiVersions },
  },
  gateway_refusals_total: {
    kind: "counter",
    help: "Requests that were refused for their caller, by reason.",
    labels: { reason: refusals },
  },
  gateway_not_modified_total: {
    kind: "counter",
    help: "Reads that were answered with 304, because the client had the same already.",
    labels: {},
  },
  graphql_operations_total: { kind: "counter", help: "GraphQL operations answered.", labels: {} },
  graphql_errors_total: { kind: "counter", help: "Errors in the answers to GraphQL operations.", labels: {} },
  upstream_pool_connections: {
    kind: "gauge",
    help: "Connections to upstreams, by what they do.",
    labels: { ...upstream, state: ["busy", "idle"] },
  },
  upstream_pool_waiting_requests: {
    kind: "gauge",
    help: "Requests that wait for a connection to an upstream.",
    labels: upstream,
  },
} as const satisfies Rows;
