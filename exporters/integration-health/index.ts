// integration-health: probes the platform's third-party integrations in the background and says which side a failure is on.
import { milliseconds } from "../../components/units.ts";
import { integrations } from "../../telemetry/catalogue/integrations.ts";
import type { Exporter } from "../exporter.ts";
import { askAnchor } from "./anchors.ts";
import { healthRoutes } from "./api.ts";
import { type HealthConfig, healthConfig, type IntegrationTarget } from "./config.ts";
import { type Connectivity, connectivity } from "./connectivity.ts";
import { credentialOf } from "./credential.ts";
import { gate } from "./limits.ts";
import { type Attempt, attempt, type Probe } from "./probe.ts";
import { probes } from "./probes/index.ts";
import { announce, instruments, record } from "./record.ts";
import { runbookRoutes } from "./runbooks.ts";
import { type Watched, watchIntegration } from "./watch.ts";

/** Attempts under way at once, of all integrations together; each has at most one, so a slow one holds up nobody below this number. */
const mostAtOnce = 512;

export const integrationHealth: Exporter<HealthConfig, typeof integrations> = {
  name: "integration-health",
  about: "probes third-party integrations and tells our side from theirs",
  rows: integrations,
  config: healthConfig,
  start: ({ metrics, log }) => {
    const made = instruments(metrics);
    const atOnce = gate(mostAtOnce);
    let watched = new Map<string, Watched>();
    let online: Connectivity = connectivity({ anchors: [], ask: askAnchor, now: Date.now });
    const ending = new Set<Promise<void>>();
    metrics.source(() => {
      const last = online.last();
      return last === undefined ? [] : [{ metric: "integration_prober_online", labels: {}, value: last ? 1 : 0 }];
    });

    const watch = (target: IntegrationTarget): Watched => {
      announce(made, target);
      return watchIntegration(target, {
        attempt: tryOnce,
        gate: atOnce,
        connectivity: { online: (cause) => online.online(cause), last: () => online.last() },
        skipped: ({ name }, turns) => made.skipped.inc({ integration: name }, turns),
        attempted: (_, seen, before, verdict) => {
          record(made, target, seen, verdict);
          if (verdict.up === before.up) return;
          const labels = { integration: target.name };
          if (verdict.up === false) log.warn("integration is down", { ...labels, cause: verdict.cause });
          else if (before.up === false && verdict.up === true) log.info("integration is up", labels);
        },
      });
    };
    const end = (each: Watched): void => {
      const stopping = each.stop().finally(() => ending.delete(stopping));
      ending.add(stopping);
      metrics.forget({ integration: each.target.name });
    };

    return {
      size: () => watched.size,
      routes: { ...healthRoutes(() => watched.values()), ...runbookRoutes },
      apply: (config) => {
        online = connectivity({ anchors: config.anchors, ask: askAnchor, now: Date.now });
        const before = watched;
        watched = new Map();
        for (const target of config.integrations) {
          const old = before.get(target.name);
          const same = old !== undefined && JSON.stringify(old.target) === JSON.stringify(target);
          if (same) before.delete(target.name);
          else if (old !== undefined) {
            before.delete(target.name);
            end(old);
          }
          metrics.start({ integration: target.name });
          watched.set(target.name, same ? old : watch(target));
        }
        for (const gone of before.values()) end(gone);
      },
      close: async () => {
        await Promise.all([...watched.values()].map((each) => each.stop()).concat([...ending]));
      },
    };
  },
};

const tryOnce = (target: IntegrationTarget, stop: AbortSignal): Promise<Attempt> =>
  attempt({
    probe: probes[target.probe] as Probe<IntegrationTarget>,
    target,
    timeoutMs: milliseconds(target.timeout),
    stop,
    credential: credentialOf(target.credentialFile),
    expectFailure: target.expectFailure,
  });
