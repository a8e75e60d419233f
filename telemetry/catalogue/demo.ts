// What the programs of the demo show of themselves beside their requests.
import type { Rows } from "./row.ts";

/** `gateway`: GraphQL, which it answers itself. */
const demoService = ["clinical-service", "business-service", "medication-service", "gateway"] as const;

export const demo = {
  demo_traffic_requests_total: {
    kind: "counter",
    help: "Requests that the demo's traffic has sent and seen the end of.",
    labels: { service: demoService },
  },
  demo_traffic_failures_total: {
    kind: "counter",
    help: "Requests of the demo's traffic without an answer in time, with a 5xx, or of GraphQL with an error.",
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
