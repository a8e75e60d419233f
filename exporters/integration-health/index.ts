// integration-health: probes the platform's third-party integrations in the background and says which side a failure is on.
import { milliseconds } from "../../components/units.ts";
import { integrations } from "../../telemetry/catalogue/integrations.ts";
import type { Exporter } from "../exporter.ts";
import { askAnchor } from "./anchors.ts";
import { healthRoutes } from "./api.ts";
import { type HealthConfig, healthConfig, type IntegrationTarget } from "./config.ts";
import { type Connectivity, connectivity } from "./connectivity.ts";
import { credentialOf } from "./credential.ts";
import { type Integration, keep } from "./integration.ts";
import { gate } from "./limits.ts";
import { type Attempt, attempt, type Probe } from "./probe.ts";
import { probes } from "./probes/index.ts";
import { instruments } from "./record.ts";
import { runbookRoutes } from "./runbooks.ts";
import { subscriptions } from "./subscribe.ts";

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
    const subscribe = subscriptions();
    let kept = new Map<string, Integration>();
    let online: Connectivity = connectivity({ anchors: [], ask: askAnchor, now: Date.now });
    const current: Connectivity = { online: (cause) => online.online(cause), last: () => online.last() };
    const ending = new Set<Promise<void>>();
    metrics.source(() => {
      const last = online.last();
      return last === undefined ? [] : [{ metric: "integration_prober_online", labels: {}, value: last ? 1 : 0 }];
    });

    const begin = (target: IntegrationTarget): Integration =>
      keep(target, {
        metrics: made,
        log,
        subscribe,
        surroundings: { attempt: tryOnce, gate: atOnce, connectivity: current },
      });
    const end = (each: Integration): void => {
      const stopping = each.stop().finally(() => ending.delete(stopping));
      ending.add(stopping);
      metrics.forget({ integration: each.target.name });
    };

    return {
      size: () => kept.size,
      routes: { ...healthRoutes(() => kept.values()), ...runbookRoutes },
      apply: (config) => {
        online = connectivity({ anchors: config.anchors, ask: askAnchor, now: Date.now });
        const before = kept;
        kept = new Map();
        for (const target of config.integrations) {
          const old = before.get(target.name);
          const same = old !== undefined && JSON.stringify(old.target) === JSON.stringify(target);
          if (same) before.delete(target.name);
          else if (old !== undefined) {
            before.delete(target.name);
            end(old);
          }
          metrics.start({ integration: target.name });
          kept.set(target.name, same ? old : begin(target));
        }
        for (const gone of before.values()) end(gone);
      },
      close: async () => {
        await Promise.all([...kept.values()].map((each) => each.stop()).concat([...ending]));
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
