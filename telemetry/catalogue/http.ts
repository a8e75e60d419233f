// What an observed HTTP service shows of its requests. Queries over any service's requests go by vitals.ts, which knows more status labels.
import type { Rows } from "./row.ts";

/** Anything else that a client sends as a method is `other`. */
export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"] as const;

// A path that no route knows has the route `unmatched`; so has what Fastify refuses before it is a request, whose method is `other`.
const request = { method: httpMethods, route: "configured", status_code: "configured" } as const;

export const http = {
  http_requests_total: { kind: "counter", help: "HTTP requests answered, by route template.", labels: request },
  http_request_duration_seconds: {
    kind: "histogram",
    help: "Time from receiving an HTTP request to having sent its answer, in seconds.",
    labels: request,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  http_requests_in_flight: { kind: "gauge", help: "HTTP requests received and not yet answered.", labels: {} },
  http_requests_aborted_total: {
    kind: "counter",
    help: "HTTP requests whose client left before the whole answer was sent; their status_code is 499.",
    labels: {},
  },
  http_request_body_bytes_total: {
    kind: "counter",
    help: "Bytes that clients declared as the length of their requests' bodies.",
    labels: {},
  },
  http_response_body_bytes_total: {
    kind: "counter",
    help: "Bytes that the service declared as the length of its answers' bodies.",
    labels: {},
  },
  active_connections: {
    kind: "gauge",
    help: "Open connections of HTTP clients, whether they have sent a request or not.",
    labels: {},
  },
} as const satisfies Rows;
