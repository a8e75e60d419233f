// The dashboards of several stacks, as files.
import { loadConfig } from "../../components/config.ts";
import { dashboardFiles } from "../../dashboards/index.ts";
import type { Dashboard } from "../../dashboards/viewer/browser/model.ts";

export const services = ["redis", "prometheus", "gateway", "slack-relay"].map((name) => ({
  name,
  owner: "platform",
  about: "",
  hasMetrics: true,
}));

export const billing = JSON.stringify([
  { name: "billing", owner: "payments", metrics: { address: "127.0.0.1:9999" }, slo: { availability: 0.999 } },
]);
export const configOf = (values: Readonly<Record<string, string>>) =>
  loadConfig({ environment: "dev", values, secretKeys: [] });
export const made = (values: Readonly<Record<string, string>>): readonly Dashboard[] =>
  Object.values(dashboardFiles({ config: configOf(values), services })) as unknown as readonly Dashboard[];

export const stacks: Readonly<Record<string, readonly Dashboard[]>> = {
  "with the demo": made({ demo: "true" }),
  "without anything of its own": made({}),
  "on Kubernetes": made({ platform: "kubernetes" }),
  "with a service that has an objective": made({
    services: billing,
  }),
};
/** A link to another panel or a variable makes no metric. */
export const exprOf = (text: string): string =>
  text.replaceAll(/\$(?:service|database|integration|job|instance)/g, ".*");
