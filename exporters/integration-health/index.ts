// integration-health: probes the platform's third-party integrations in the background and says which side a failure is on.
import { integrations } from "../../telemetry/catalogue/integrations.ts";
import type { Exporter } from "../exporter.ts";
import { healthRoutes } from "./api.ts";
import { type HealthConfig, healthConfig } from "./config.ts";
import { runbookRoutes } from "./runbooks.ts";
import { instruments, type Watched, watchIntegration } from "./watch.ts";

export const integrationHealth: Exporter<HealthConfig, typeof integrations> = {
  name: "integration-health",
  about: "probes third-party integrations and tells our side from theirs",
  rows: integrations,
  config: healthConfig,
  start: ({ metrics, log }) => {
    const made = instruments(metrics);
    let watched = new Map<string, Watched>();
    const ending = new Set<Promise<void>>();

    const end = (each: Watched): void => {
      const stopping = each.stop().finally(() => ending.delete(stopping));
      ending.add(stopping);
      metrics.forget({ integration: each.target.name });
    };

    return {
      size: () => watched.size,
      routes: { ...healthRoutes(() => watched.values()), ...runbookRoutes },
      apply: (config) => {
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
          watched.set(target.name, same ? old : watchIntegration(target, made, log));
        }
        for (const gone of before.values()) end(gone);
      },
      close: async () => {
        await Promise.all([...watched.values()].map((each) => each.stop()).concat([...ending]));
      },
    };
  },
};
