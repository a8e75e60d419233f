// What our own HTTP services and the demo's programs show of themselves. Queries over any service's requests go by vitals.ts, which knows more status labels.
import type { Rows } from "./row.ts";

/** Anything else that a client sends as a method is `other`. */
export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"] as const;

// A path that no route knows has the route `unmatched`.
const request = { method: httpMethods, route: "configured", status_code: "configured" } as const;
const demoService = ["clinical-service", "business-service", "medication-service"] as const;

export const http = {
  http_requests_total: { kind: "counter", help: "HTTP requests answered, by route template.", labels: request },
  http_request_duration_seconds: {
    kind: "histogram",
    help: "Time from receiving an HTTP request to having sent its answer, in seconds.",
    labels: request,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  active_connections: { kind: "gauge", help: "Open connections of HTTP clients.", labels: {} },
  database_pool_connections: {
    kind: "gauge",
    help: "Connections of the database pool, by what they do.",
    labels: { state: ["busy", "idle"] },
  },
  database_pool_waiting_requests: {
    kind: "gauge",
    help: "Requests that wait for a connection of the database pool.",
    labels: {},
  },
  demo_traffic_requests_total: {
    kind: "counter",
    help: "Requests that the demo's traffic has sent and seen the end of.",
    labels: { service: demoService },
  },
  demo_traffic_failures_total: {
    kind: "counter",
    help: "Requests of the demo's traffic without an answer in time or with a 5xx.",
    labels: { service: demoService },
  },
  demo_traffic_skipped_total: {
    kind: "counter",
    help: "Requests of the demo's traffic left out because too many were open.",
    labels: {},
  },
  demo_traffic_requests_in_flight: { kind: "gauge", help: "Open requests of the demo's traffic.", labels: {} },
  slack_inbox_messages_total: {
    kind: "counter",
    help: "Messages that the demo's Slack inbox has accepted.",
    labels: {},
  },
  slack_inbox_viewers: { kind: "gauge", help: "Browser pages that follow the demo's Slack inbox.", labels: {} },
} as const satisfies Rows;
