// Every platform, loaded when it is selected: nobody pays for another's SDK. A new one is one line in each table.
import { genuine, type RawConfig, type Reading, readConfig, type StackConfig } from "../config.ts";
import { type Problem, StackError } from "../errors.ts";
import { survey } from "../stack.ts";
import type { Deploy } from "./deploy.ts";
import type { Planner } from "./platform.ts";
import { pluginMissing } from "./plugin.ts";

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
  docker: async () => (await import("./docker/deploy.ts")).deploy,
  kubernetes: async () => (await import("./kubernetes/deploy.ts")).deploy,
};

/** The plan of a configuration, what carries it out, and what Pulumi lacks for that. Throws one StackError with every problem of the configuration. */
export async function planStack(raw: RawConfig) {
  const reading = readConfig(raw);
  const { config } = reading;
  const [planner, deploy] = [await planners[config.platform]?.(), await deployers[config.platform]?.()];
  if (planner === undefined || deploy === undefined)
    throw new StackError([
      ...reading.problems,
      {
        where: "vitals:platform",
        what: `there is no platform ${config.platform} yet`,
        remedy: `Use one of: ${Object.keys(deployers).join(", ")}.`,
      },
    ]);
  const plan = planOn(planner, reading);
  const notices = (planner.plugins?.(plan) ?? []).flatMap((plugin) => pluginMissing(plugin) ?? []);
  return { config, plan, deploy: deploy as Deploy<unknown>, notices };
}

/** A configuration on one platform. Throws one StackError with what is malformed, what does not fit, and what cannot run there. */
export function planOn<Plan>(planner: Planner<Plan>, { config, problems, malformed }: Reading): Plan {
  const told: Problem[] = [...problems];
  const tell = (more: readonly Problem[]) => told.push(...genuine(more, malformed));
  try {
    const { stack, problems: misfits } = survey(config, planner.surroundings(config));
    tell(misfits);
    // With the platform's own name malformed, this is not the one that was meant.
    if (!malformed.has("vitals:platform")) {
      const plan = planner.plan(config, stack);
      if (told.length === 0) return plan;
    }
  } catch (error) {
    if (error instanceof StackError) tell(error.problems);
    // What is wrong already may have confused what came after it.
    else if (told.length === 0) throw error;
  }
  throw new StackError(told);
}
