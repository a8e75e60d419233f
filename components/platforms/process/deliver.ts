// Hands a service to the supervisor: files finished with their secrets, programs found on this machine.
import { resolveTool } from "../../../tools/resolve.ts";
import { finish } from "../content.ts";
import { revealed } from "../revealed.ts";
import { codeRoot } from "./checkout.ts";
import { call, findSupervisor } from "./client.ts";
import type { InstancePlan } from "./plan.ts";
import type { Applied, Delivery } from "./protocol.ts";
import { stackKey } from "./staging.ts";

/** A young generation of 16 MiB each is V8's default; with 2 a busy service of ours stays a quarter smaller. */
const nodeOptions = ["--max-semi-space-size=2"];

/** Resolves when every instance is ready; throws the supervisor's StackError. */
export async function deliver(
  root: string,
  instances: readonly InstancePlan[],
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  const running = findSupervisor(root);
  if (running === undefined) throw new Error("the supervisor is not running; run the same command again");
  for (const plan of instances) await call<Applied>(running, "POST", "apply", delivery(root, plan, secrets));
}

function delivery(root: string, { files, ...plan }: InstancePlan, secrets: Readonly<Record<string, string>>): Delivery {
  const reveal = revealed(secrets, stackKey(root));
  const checks = [plan.ready, plan.alive].flatMap((each) =>
    each !== undefined && "exec" in each ? [each.exec[0] ?? ""] : [],
  );
  return {
    plan,
    files: [
      ...files.map((each) => ({
        path: each.path,
        text: finish(each.content, reveal),
        apply: each.apply,
        seed: each.seed,
      })),
      ...plan.secretFiles.map(({ name, path }) => ({
        path,
        text: secrets[name] ?? "",
        apply: "restart" as const,
        seed: false,
      })),
    ],
    command: "tool" in plan.run ? resolveTool(plan.run.tool).path : process.execPath,
    commandArgs: "tool" in plan.run ? plan.args : [...nodeOptions, `${codeRoot}/${plan.run.node}`, ...plan.args],
    verify: plan.verify.map(({ tool, args }) => ({ command: resolveTool(tool).path, tool, args })),
    binaries: Object.fromEntries(checks.map((tool) => [tool, resolveTool(tool).path])),
    hide: Object.values(secrets),
  };
}
