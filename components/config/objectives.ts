// What services promise: those of `vitals:services` that say so, and the stack's own gateway, where it has one.

import type { StackConfig } from "../config.ts";
import type { Duration } from "../units.ts";
import { gatewayAvailability } from "./settings.ts";

export interface Objective {
  readonly name: string;
  readonly owner: string;
  /** The share of good requests, such as 0.999. */
  readonly availability: number;
}

/** The time that an error budget is for. */
export const budgetPeriod: Duration = "30d";

/**
 * The pairs of windows over which an alert tells that a budget goes `burn` times faster than allowed:
 * https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts. The long one is twelve times the short one.
 */
export const burnWindows = [
  { severity: "page", long: "1h", short: "5m", burn: 14.4 },
  { severity: "page", long: "6h", short: "30m", burn: 6 },
  { severity: "ticket", long: "1d", short: "2h", burn: 3 },
  { severity: "ticket", long: "3d", short: "6h", burn: 1 },
] as const satisfies readonly {
  readonly severity: "page" | "ticket";
  readonly long: Duration;
  readonly short: Duration;
  readonly burn: number;
}[];

/** `services`: those of the stack itself. */
export function objectivesOf(
  config: StackConfig,
  services: readonly { readonly name: string; readonly owner: string }[],
): readonly Objective[] {
  const front = services.filter(({ name }) => name === "gateway");
  const availability = config.gateway?.slo.availability ?? gatewayAvailability;
  return [
    ...front.map(({ name, owner }) => ({ name, owner, availability })),
    ...config.services.flatMap(({ name, owner, slo }) =>
      slo === undefined ? [] : [{ name, owner, availability: slo.availability }],
    ),
  ];
}
