// What integration-health says of the third-party integrations. `integration` is the configured name, never an address.
import type { Rows } from "./row.ts";

/** Why a probe failed. `rate_limited`, `auth` and `refused` (an address that is not allowed) are ours to mend and never make an integration count as down. */
export const probeCauses = [
  "dns",
  "connect",
  "tls",
  "timeout",
  "http_5xx",
  "rate_limited",
  "auth",
  "refused",
  "assertion",
  "other",
] as const;
export type ProbeCause = (typeof probeCauses)[number];

/** The causes that are ours to mend. */
export const ownCauses = ["rate_limited", "auth", "refused"] as const satisfies readonly ProbeCause[];
export type OwnCause = (typeof ownCauses)[number];

/** The parts of a probe in their order; their sum is the whole. */
export const probePhases = ["resolve", "connect", "tls", "request", "first_byte", "transfer"] as const;
export type ProbePhase = (typeof probePhases)[number];

/** What an integration is called on the pages. */
export const statuses = ["healthy", "degraded", "unhealthy", "maintenance", "unknown", "error"] as const;
export type Status = (typeof statuses)[number];

/** Whose side a failure is on, by our probes and by what the vendor says. */
export const failureSources = ["ours", "vendor_confirmed", "vendor_unannounced", "status_page_only"] as const;
export type FailureSource = (typeof failureSources)[number];

/** What a vendor says of itself, from all kinds of status pages. */
export const vendorStatuses = [
  "operational",
  "maintenance",
  "degraded",
  "partial_outage",
  "major_outage",
  "unknown",
] as const;
export type VendorStatus = (typeof vendorStatuses)[number];

/** Why a status feed could not be read: in the network, or because it is not what its kind is published as. */
export const feedCauses = [
  "dns",
  "connect",
  "tls",
  "timeout",
  "status",
  "refused",
  "too_large",
  "format",
  "other",
] as const;
export type FeedCause = (typeof feedCauses)[number];

const integration = { integration: "configured" } as const;
const latency = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export const integrations = {
  integration_up: {
    kind: "gauge",
    help: "1 when the integration works, 0 when it does not, as confirmed by several attempts; absent until the first verdict and while we are offline ourselves or may not ask.",
    labels: integration,
  },
  integration_probe_success: {
    kind: "gauge",
    help: "1 when the last attempt succeeded, 0 when it failed, unconfirmed.",
    labels: integration,
  },
  integration_probes_total: {
    kind: "counter",
    help: "Attempts made, confirmations included.",
    labels: integration,
  },
  integration_probe_failures_total: {
    kind: "counter",
    help: "Attempts that failed, by cause.",
    labels: { ...integration, cause: probeCauses },
  },
  integration_own_failure: {
    kind: "gauge",
    help: "1 while two or more of the last four attempts failed by this cause, which is ours to mend, 0 otherwise.",
    labels: { ...integration, cause: ownCauses },
  },
  integration_probes_skipped_total: {
    kind: "counter",
    help: "Probes that were left out because the one before was still under way, or the budget was spent.",
    labels: integration,
  },
  integration_probe_bytes_total: {
    kind: "counter",
    help: "Bytes that probes sent and received, TLS included; none for questions to name servers.",
    labels: integration,
  },
  integration_prober_online: {
    needs: "look at the anchors yet",
    kind: "gauge",
    help: "1 when we were online at the last look, 0 when no anchor could be reached; absent until something failed.",
    labels: {},
  },
  integration_probe_duration_seconds: {
    kind: "histogram",
    help: "Time of each part of an attempt in seconds; the sum over all phases is the time of the whole.",
    labels: { ...integration, phase: probePhases },
    buckets: latency,
  },
  integration_response_duration_seconds: {
    kind: "histogram",
    help: "Time of a whole successful attempt in seconds.",
    labels: integration,
    buckets: latency,
  },
  integration_probe_interval_seconds: {
    kind: "gauge",
    help: "Configured time between scheduled probes in seconds; probes run in the background, not at the scrape.",
    labels: integration,
  },
  integration_budget_calls_per_second: {
    kind: "gauge",
    help: "Attempts per second that the configured budget allows, confirmations included.",
    labels: integration,
  },
  integration_budget_bytes_per_second: {
    kind: "gauge",
    help: "Bytes per second that the configured budget allows.",
    labels: integration,
  },
  integration_last_probe_timestamp_seconds: {
    kind: "gauge",
    help: "When the last attempt ended, in seconds since 1970.",
    labels: integration,
  },
  integration_last_success_timestamp_seconds: {
    kind: "gauge",
    help: "When the last successful attempt ended, in seconds since 1970.",
    labels: integration,
  },
  integration_certificate_expiry_timestamp_seconds: {
    needs: "integration over TLS",
    kind: "gauge",
    help: "When the certificate seen last expires, in seconds since 1970; kept when later handshakes fail.",
    labels: integration,
  },
  integration_certificate_last_seen_timestamp_seconds: {
    kind: "gauge",
    help: "When a certificate was seen last, in seconds since 1970.",
    labels: integration,
  },
  integration_certificate_last_valid_timestamp_seconds: {
    kind: "gauge",
    help: "When a certificate was accepted last, in seconds since 1970.",
    labels: integration,
  },
  integration_status: {
    kind: "gauge",
    help: "1 for the status that the integration has, 0 for the others.",
    labels: { ...integration, status: statuses },
  },
  integration_failure_source: {
    kind: "gauge",
    help: "1 for the side that the failure is on, 0 for the others; all are 0 while nothing is wrong.",
    labels: { ...integration, source: failureSources },
  },
  integration_announcement_delay_seconds: {
    needs: "announced outage yet",
    kind: "gauge",
    help: "Seconds from our detection of the last announced outage to the vendor's announcement; negative when they were first.",
    labels: integration,
  },
  integration_vendor_status: {
    kind: "gauge",
    help: "1 for what the vendor's status feed says of the components in use, 0 for the others.",
    labels: { ...integration, status: vendorStatuses },
  },
  integration_vendor_incidents: {
    kind: "gauge",
    help: "Incidents that the vendor's status feed has open for the components in use.",
    labels: integration,
  },
  integration_feed_reads_total: {
    kind: "counter",
    help: "Requests for the vendor's status feed, unchanged ones included.",
    labels: integration,
  },
  integration_feed_failures_total: {
    kind: "counter",
    help: "Requests for the vendor's status feed that failed, by cause.",
    labels: { ...integration, cause: feedCauses },
  },
  integration_feed_failing: {
    kind: "gauge",
    help: "1 while two or more of the last four requests for the vendor's status feed failed, 0 otherwise.",
    labels: integration,
  },
  integration_feed_unknown_values_total: {
    kind: "counter",
    help: "Values in the vendor's status feed that are not of its published format; they count as unknown.",
    labels: integration,
  },
  integration_feed_last_success_timestamp_seconds: {
    kind: "gauge",
    help: "When the vendor's status feed was read last, in seconds since 1970.",
    labels: integration,
  },
} as const satisfies Rows;
