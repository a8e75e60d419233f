// The metrics that a service shows when it answers HTTP: what RED and SLO alerts of any watched service are built on.
import type { Rows } from "./row.ts";

/** Clients differ in the name of the status label; a service has one of the three. `route` is a template, never a path. */
const request = {
  method: "configured",
  route: "configured",
  code: "configured",
  status: "configured",
  status_code: "configured",
} as const;

export const vitals = {
  http_requests_total: {
    kind: "counter",
    help: "Requests that the service answered.",
    labels: request,
  },
  http_request_duration_seconds: {
    kind: "histogram",
    help: "Time to answer a request in seconds.",
    labels: request,
  },
} as const satisfies Rows;
