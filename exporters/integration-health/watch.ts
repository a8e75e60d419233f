// Watches one integration: attempts on schedule, a spaced confirmation of every change, and the metrics of it all.
import { milliseconds } from "../../components/units.ts";
import type { exporter } from "../../telemetry/catalogue/exporter.ts";
import type { integrations, ProbePhase } from "../../telemetry/catalogue/integrations.ts";
import type { Log } from "../../telemetry/log.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { IntegrationTarget } from "./config.ts";
import { httpProbe } from "./http.ts";
import { type Attempt, attempt } from "./probe.ts";
import { pause, repeat } from "./schedule.ts";
import { tcpProbe } from "./tcp.ts";
import { judge, undecided, type Verdict } from "./verdict.ts";

export interface Watched {
  readonly target: IntegrationTarget;
  readonly state: () => State;
  stop(): Promise<void>;
}

export interface State {
  readonly verdict: Verdict;
  readonly lastChecked?: Date;
  readonly responseSeconds?: number;
}

export type HealthMetrics = ReturnType<typeof instruments>;

/** Made once, so that every series of a new integration can start at 0. */
export const instruments = (metrics: Metrics<typeof integrations & typeof exporter>) => ({
  up: metrics.gauge("integration_up"),
  success: metrics.gauge("integration_probe_success"),
  probes: metrics.counter("integration_probes_total"),
  failures: metrics.counter("integration_probe_failures_total"),
  skipped: metrics.counter("integration_probes_skipped_total"),
  phases: metrics.histogram("integration_probe_duration_seconds"),
  response: metrics.histogram("integration_response_duration_seconds"),
  interval: metrics.gauge("integration_probe_interval_seconds"),
  lastProbe: metrics.gauge("integration_last_probe_timestamp_seconds"),
  lastSuccess: metrics.gauge("integration_last_success_timestamp_seconds"),
  expiry: metrics.gauge("integration_certificate_expiry_timestamp_seconds"),
  certificateSeen: metrics.gauge("integration_certificate_last_seen_timestamp_seconds"),
});

export function watchIntegration(target: IntegrationTarget, metrics: HealthMetrics, log: Log): Watched {
  const labels = { integration: target.name };
  const intervalMs = milliseconds(target.interval);
  let state: State = { verdict: undecided };
  metrics.interval.set(labels, intervalMs / 1_000);

  const once = async (signal: AbortSignal): Promise<void> => {
    const result = await run(target, signal);
    // What was cut short by the end of the exporter says nothing about the integration.
    if (signal.aborted) return;
    const before = state.verdict;
    const verdict = judge(before, result.cause);
    const responseSeconds = record(metrics, labels, result);
    state = { verdict, lastChecked: new Date(), responseSeconds };
    if (verdict.up !== undefined) metrics.up.set(labels, verdict.up ? 1 : 0);
    if (verdict.up === before.up) return;
    if (verdict.up === false) log.warn("integration is down", { ...labels, cause: verdict.cause });
    else if (before.up === false) log.info("integration is up", labels);
  };

  const { stop } = repeat({
    intervalMs,
    skipped: (turns) => metrics.skipped.inc(labels, turns),
    work: async (signal) => {
      await once(signal);
      if (!state.verdict.doubted) return;
      await pause(confirmAfter(intervalMs), signal);
      if (!signal.aborted) await once(signal);
    },
  });
  return { target, state: () => state, stop };
}

/** Long enough for a blip to pass, short enough to stay within the cycle: 3 to 10 s, less for short intervals. */
export const confirmAfter = (intervalMs: number, random: () => number = Math.random): number => {
  const least = Math.min(3_000, intervalMs / 4);
  const most = Math.min(10_000, intervalMs / 2);
  return least + random() * (most - least);
};

const run = (target: IntegrationTarget, signal: AbortSignal): Promise<Attempt> => {
  const timeoutMs = milliseconds(target.timeout);
  return target.probe === "http"
    ? attempt(httpProbe, target, timeoutMs, signal)
    : attempt(tcpProbe, target, timeoutMs, signal);
};

function record(metrics: HealthMetrics, labels: { readonly integration: string }, result: Attempt): number {
  const now = Date.now() / 1_000;
  const phases = Object.entries(result.phases) as [ProbePhase, number][];
  const total = phases.reduce((sum, [, seconds]) => sum + seconds, 0);
  metrics.probes.inc(labels);
  metrics.success.set(labels, result.cause === undefined ? 1 : 0);
  metrics.lastProbe.set(labels, now);
  for (const [phase, seconds] of phases) metrics.phases.observe({ ...labels, phase }, seconds);
  if (result.cause !== undefined) metrics.failures.inc({ ...labels, cause: result.cause });
  else {
    metrics.response.observe(labels, total);
    metrics.lastSuccess.set(labels, now);
  }
  if (result.certificateExpiry !== undefined) {
    metrics.expiry.set(labels, result.certificateExpiry);
    metrics.certificateSeen.set(labels, now);
  }
  return total;
}
