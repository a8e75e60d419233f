// What services promise: those of `vitals:services` that say so, and the stack's own gateway, where it has one.

import type { StackConfig } from "../config.ts";
import { gatewayAvailability } from "./settings.ts";

export interface Objective {
  readonly name: string;
  readonly owner: string;
  /** The share of good requests, such as 0.999. */
  readonly availability: number;
}

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
