// Third parties as the prober shows them.
import { clock, counter, type Series } from "./series.ts";

/** Of each third party; the last one is down, its vendor says so, and its feed and its key fail. */
export function integration(name: string, index: number): readonly Series[] {
  const labels = { integration: name };
  const ill = name === "fax";
  const downNow = (at: number) => ill && at > clock.now - 1_500;
  const attempts = 0.1;
  const flags = (series: string, label: string, chosen: (at: number) => string, values: readonly string[]) =>
    values.map((value): Series => [series, { ...labels, [label]: value }, (at) => (chosen(at) === value ? 1 : 0)]);
  const perAttempt = (series: string, own: Series[1], seconds: number): readonly Series[] => [
    [`${series}_sum`, { ...labels, ...own }, counter(attempts * seconds, index)],
    [`${series}_count`, { ...labels, ...own }, counter(attempts, 0, 1e9)],
  ];
  const seconds = 0.11 * (index + 1);
  return [
    ["integration_up", labels, (at) => (downNow(at) ? 0 : 1)],
    ["integration_probe_interval_seconds", labels, () => 30],
    ["integration_budget_calls_per_second", labels, () => 2],
    ["integration_probes_total", labels, counter(attempts, 0, 1e9)],
    ["integration_probes_skipped_total", labels, () => index],
    ["integration_probe_bytes_total", labels, counter(420 * (index + 1), index)],
    ["integration_probe_failures_total", { ...labels, cause: "timeout" }, counter(ill ? 0.02 : 0)],
    ["integration_last_success_timestamp_seconds", labels, (at) => (downNow(at) ? clock.now - 1_500 : at)],
    ["integration_certificate_expiry_timestamp_seconds", labels, () => clock.now + 86_400 * 20 * (index + 1)],
    ["integration_announcement_delay_seconds", labels, () => 240 * (index + 1)],
    ...flags("integration_status", "status", (at) => (downNow(at) ? "unhealthy" : "healthy"), [
      "healthy",
      "degraded",
      "unhealthy",
      "maintenance",
      "unknown",
    ]),
    ...flags("integration_failure_source", "source", (at) => (downNow(at) ? "vendor_confirmed" : ""), [
      "ours",
      "vendor_confirmed",
      "vendor_unannounced",
      "status_page_only",
    ]),
    ...flags("integration_vendor_status", "status", (at) => (downNow(at - 300) ? "major_outage" : "operational"), [
      "operational",
      "maintenance",
      "degraded",
      "partial_outage",
      "major_outage",
      "unknown",
    ]),
    ["integration_own_failure", { ...labels, cause: "rate_limited" }, (at) => (downNow(at - 3_000) ? 1 : 0)],
    ["integration_feed_failing", labels, () => (ill ? 1 : 0)],
    ["integration_vendor_incidents", labels, (at) => (downNow(at - 300) ? 1 : 0)],
    ["integration_feed_last_success_timestamp_seconds", labels, (at) => at - 40],
    ["integration_feed_failures_total", { ...labels, cause: "format" }, counter(ill ? 0.01 : 0)],
    ["integration_feed_unknown_values_total", labels, counter(ill ? 0.01 : 0)],
    ...perAttempt("integration_response_duration_seconds", {}, seconds),
    ...["0.25", "0.5", "1", "+Inf"].map(
      (le, place): Series => [
        "integration_response_duration_seconds_bucket",
        { ...labels, le },
        counter(attempts * Math.min(1, (place + 1) / (index + 1)), 0, 1e9),
      ],
    ),
    ...["resolve", "connect", "tls", "request", "first_byte", "transfer"].flatMap((phase) =>
      perAttempt("integration_probe_duration_seconds", { phase }, seconds / 6),
    ),
  ];
}
