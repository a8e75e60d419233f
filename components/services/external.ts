// The person's own services, from `vitals:services`: they run elsewhere and know nothing of us; we watch them.
import type { ExternalServiceConfig } from "../config.ts";
import type { ServiceSpec } from "../spec.ts";

export const external = ({ name, owner, metrics }: ExternalServiceConfig): ServiceSpec => ({
  name,
  kind: "external",
  about: `watched at ${metrics.address}`,
  owner,
  version: "",
  artifact: {},
  external: { address: metrics.address },
  ports: { metrics: { number: Number(metrics.address.slice(metrics.address.lastIndexOf(":") + 1)) } },
  metrics: [{ port: "metrics", path: metrics.path }],
});
