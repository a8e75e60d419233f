// The metrics of integration-health, written where an attempt ends.
import { milliseconds } from "../../components/units.ts";
import type { exporter } from "../../telemetry/catalogue/exporter.ts";
import type { integrations, ProbePhase } from "../../telemetry/catalogue/integrations.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { IntegrationTarget } from "./config.ts";
import type { Attempt } from "./probe.ts";
import type { Verdict } from "./verdict.ts";
import type { Known } from "./watch.ts";

export type HealthMetrics = ReturnType<typeof instruments>;

/** Made once, so that every series of a new integration can start at 0. */
export const instruments = (metrics: Metrics<typeof integrations & typeof exporter>) => ({
  up: metrics.gauge("integration_up"),
  success: metrics.gauge("integration_probe_success"),
  probes: metrics.counter("integration_probes_total"),
  failures: metrics.counter("integration_probe_failures_total"),
  own: metrics.gauge("integration_own_failure"),
  skipped: metrics.counter("integration_probes_skipped_total"),
  bytes: metrics.counter("integration_probe_bytes_total"),
  phases: metrics.histogram("integration_probe_duration_seconds"),
  response: metrics.histogram("integration_response_duration_seconds"),
  interval: metrics.gauge("integration_probe_interval_seconds"),
  budgetCalls: metrics.gauge("integration_budget_calls_per_second"),
  budgetBytes: metrics.gauge("integration_budget_bytes_per_second"),
  lastProbe: metrics.gauge("integration_last_probe_timestamp_seconds"),
  lastSuccess: metrics.gauge("integration_last_success_timestamp_seconds"),
  expiry: metrics.gauge("integration_certificate_expiry_timestamp_seconds"),
  certificateSeen: metrics.gauge("integration_certificate_last_seen_timestamp_seconds"),
  certificateValid: metrics.gauge("integration_certificate_last_valid_timestamp_seconds"),
  status: metrics.gauge("integration_status"),
  source: metrics.gauge("integration_failure_source"),
  delay: metrics.gauge("integration_announcement_delay_seconds"),
  vendor: metrics.gauge("integration_vendor_status"),
  incidents: metrics.gauge("integration_vendor_incidents"),
  feedReads: metrics.counter("integration_feed_reads_total"),
  feedFailures: metrics.counter("integration_feed_failures_total"),
  feedUnknown: metrics.counter("integration_feed_unknown_values_total"),
  feedFailing: metrics.gauge("integration_feed_failing"),
  feedSuccess: metrics.gauge("integration_feed_last_success_timestamp_seconds"),
});

export const secondsOf = ({ phases }: Attempt): number =>
  Object.values(phases).reduce((sum, seconds) => sum + seconds, 0);

export function announce(metrics: HealthMetrics, { name, interval, budget }: IntegrationTarget): void {
  const labels = { integration: name };
  metrics.interval.set(labels, milliseconds(interval) / 1_000);
  metrics.budgetCalls.set(labels, budget.callsPerMinute / 60);
  metrics.budgetBytes.set(labels, budget.bytesPerMinute / 60);
}

export function showCertificate(metrics: HealthMetrics, { name }: IntegrationTarget, { certificate }: Known): void {
  const labels = { integration: name };
  if (certificate === undefined) return;
  metrics.expiry.set(labels, certificate.expiry);
  metrics.certificateSeen.set(labels, certificate.seenAt);
  if (certificate.acceptedAt !== undefined) metrics.certificateValid.set(labels, certificate.acceptedAt);
}

export function record(metrics: HealthMetrics, { name }: IntegrationTarget, attempt: Attempt, verdict: Verdict): void {
  const labels = { integration: name };
  const now = Date.now() / 1_000;
  metrics.probes.inc(labels);
  metrics.success.set(labels, attempt.cause === undefined ? 1 : 0);
  metrics.lastProbe.set(labels, now);
  metrics.bytes.inc(labels, attempt.bytes ?? 0);
  for (const [phase, seconds] of Object.entries(attempt.phases) as [ProbePhase, number][])
    metrics.phases.observe({ ...labels, phase }, seconds, attempt.traceId);
  if (attempt.cause !== undefined) metrics.failures.inc({ ...labels, cause: attempt.cause });
  else {
    metrics.response.observe(labels, secondsOf(attempt), attempt.traceId);
    metrics.lastSuccess.set(labels, now);
  }
  // While nobody knows, no value is better than the last one.
  if (verdict.up === undefined) metrics.up.remove(labels);
  else metrics.up.set(labels, verdict.up ? 1 : 0);
}
