// Every platform, loaded when it is selected: nobody pays for another's SDK. A new one is one line in each table.
import type { StackConfig } from "../config.ts";
import { stackError } from "../errors.ts";
import type { Deploy } from "./deploy.ts";
import type { Planner } from "./platform.ts";

type Table<T> = Partial<Record<StackConfig["platform"], () => Promise<T>>>;

/** The pure sides: a plan can be made, shown and tested without an engine or a plugin. */
export const planners: Table<Planner<unknown>> = {
  process: async () => (await import("./process/platform.ts")).planner,
  docker: async () => (await import("./docker/platform.ts")).planner,
  kubernetes: async () => (await import("./kubernetes/platform.ts")).planner,
};

/** The thin halves, which need Pulumi. Each takes the plan of the planner beside it. */
const deployers: Table<Deploy<never>> = {
  process: async () => (await import("./process/deploy.ts")).deploy,
  kubernetes: async () => (await import("./kubernetes/deploy.ts")).deploy,
};

export async function choosePlatform({ platform }: StackConfig) {
  const [planner, deploy] = [await planners[platform]?.(), await deployers[platform]?.()];
  if (planner === undefined || deploy === undefined)
    throw stackError(
      "vitals:platform",
      `there is no platform ${platform} yet`,
      `Use one of: ${Object.keys(deployers).join(", ")}.`,
    );
  return { planner, deploy: deploy as Deploy<unknown> };
}
