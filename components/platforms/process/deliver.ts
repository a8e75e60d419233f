// Hands a service to the supervisor: files finished with their secrets, programs found on this machine.
import { resolveTool } from "../../../tools/resolve.ts";
import { codeRoot } from "./checkout.ts";
import { call, theSupervisor } from "./client.ts";
import { finishedFiles } from "./files.ts";
import type { InstancePlan } from "./plan.ts";
import type { Applied, Delivery } from "./protocol.ts";

/** V8's default is 64 MiB on a machine with much memory; with 2 a service of ours that is asked now and then stays a quarter smaller. */
const usualOptions = ["--max-semi-space-size=2"];

/** Resolves when every instance is ready; throws the supervisor's StackError. */
export async function deliver(
  root: string,
  instances: readonly InstancePlan[],
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  const running = theSupervisor(root);
  for (const plan of instances) await call<Applied>(running, "POST", "apply", delivery(root, plan, secrets));
}

function delivery(root: string, { files, ...plan }: InstancePlan, secrets: Readonly<Record<string, string>>): Delivery {
  const checks = [plan.ready, plan.alive].flatMap((each) =>
    each !== undefined && "exec" in each ? [each.exec[0] ?? ""] : [],
  );
  return {
    plan,
    files: finishedFiles(root, { files, secretFiles: plan.secretFiles }, secrets),
    command: "tool" in plan.run ? resolveTool(plan.run.tool).path : process.execPath,
    commandArgs:
      "tool" in plan.run
        ? plan.args
        : [...(plan.run.options ?? usualOptions), `${codeRoot}/${plan.run.node}`, ...plan.args],
    binaries: Object.fromEntries(checks.map((tool) => [tool, resolveTool(tool).path])),
    hide: Object.values(secrets),
  };
}
