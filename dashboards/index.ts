// Every dashboard of the stack, in the order in which they are listed.
import { alerts } from "./alerts.ts";
import { cache } from "./cache.ts";
import { finish } from "./finish.ts";
import { gateway } from "./gateway.ts";
import type { Json } from "./grafana.ts";
import { integrations } from "./integrations.ts";
import { overview } from "./overview.ts";
import type { DashboardInput, DashboardLeaf } from "./panels.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { slos } from "./slos.ts";
import { stack } from "./stack.ts";
import { tracing } from "./tracing.ts";

export const dashboards: readonly DashboardLeaf[] = [
  overview,
  alerts,
  slos,
  gateway,
  integrations,
  postgres,
  redis,
  cache,
  tracing,
  stack,
];

/** File name -> Grafana's JSON. Pure: the same input gives the same files. */
export const dashboardFiles = (input: DashboardInput): Readonly<Record<string, Json>> =>
  Object.fromEntries(
    dashboards.flatMap((leaf) => {
      const finished = finish(leaf, input);
      return finished === undefined ? [] : [[`${leaf.name}.json`, finished as unknown as Json]];
    }),
  );

export { dashboardUid, type PanelRef, panelId, panelPath } from "./link.ts";
export type { DashboardInput, ServiceInfo } from "./panels.ts";
