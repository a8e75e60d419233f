// Every dashboard of the stack, in the order in which they are listed.
import { alerts } from "./alerts.ts";
import { cache } from "./cache.ts";
import { shipped } from "./finish.ts";
import { gateway } from "./gateway.ts";
import type { Dashboard, Json } from "./grafana.ts";
import { integrations } from "./integrations.ts";
import { dashboardUid } from "./link.ts";
import { overview } from "./overview.ts";
import type { DashboardInput, DashboardLeaf } from "./panels.ts";
import { performance } from "./performance.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { showing } from "./showing.ts";
import { slos } from "./slos.ts";
import { stack } from "./stack.ts";
import { tracing } from "./tracing.ts";

export const dashboards: readonly DashboardLeaf[] = [
  overview,
  alerts,
  performance,
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
    shipped(dashboards, input).map((dashboard) => [`${stemOf(dashboard)}.json`, dashboard as unknown as Json] as const),
  );

const stemOf = ({ uid = "" }: Dashboard): string => uid.slice(dashboardUid("").length);

/** Expression and preferred dashboard's uid -> the path to the panel that shows it. */
export const panelFor = (input: DashboardInput): ReturnType<typeof showing> => showing(shipped(dashboards, input));

export { dashboardUid, type PanelRef, panelId, panelPath } from "./link.ts";
export type { DashboardInput, ServiceInfo } from "./panels.ts";
