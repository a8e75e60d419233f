// One value that is asked for: what every part of a read knows of it.
import type { Parameters } from "./names.ts";
import type { Plan } from "./policy.ts";
import type { Counts } from "./statistics.ts";

export interface Asked {
  readonly plan: Plan;
  readonly counts: Counts;
  /** Known in this process only. */
  readonly key: string;
  /** Asked for only when the process has no value of its own. */
  parameters(): Parameters;
}
