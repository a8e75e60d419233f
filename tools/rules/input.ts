// What alerts are made from, for a stack by its settings, or for one that has the default configuration.
import type { AlertInput } from "../../alerts/index.ts";
import { loadConfig } from "../../components/config.ts";
import { planners } from "../../components/platforms/index.ts";
import { type Stack, serviceInfo, survey } from "../../components/stack.ts";
import { readSettings } from "../stack/settings.ts";

const standard: AlertInput = {
  config: loadConfig({ environment: "dev", values: {}, secretKeys: [] }),
  services: ["prometheus", "alertmanager", "jaeger", "grafana", "integration-health", "db-stats", "redis"].map(
    (name) => ({
      name,
      owner: "platform",
      hasMetrics: name !== "redis",
    }),
  ),
};

export interface StackAlerts {
  readonly input: AlertInput;
  /** A service that cannot be had -> the one that stands in for it. */
  readonly aliases: Stack["aliases"];
}

/** Throws a StackError for settings that are missing or wrong. */
export async function stackAlerts(stack?: string, settings?: string): Promise<StackAlerts> {
  if (stack === undefined) return { input: standard, aliases: new Map() };
  const config = loadConfig(readSettings(stack, settings));
  const surroundings = (await planners[config.platform]?.())?.surroundings(config);
  const { specs, aliases } = survey(config, surroundings ?? { services: [], has: () => true }).stack;
  return { input: { config, services: specs.map(serviceInfo) }, aliases };
}
