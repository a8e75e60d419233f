// Brings a stack up from a fresh checkout: tools, then `pulumi up`, then a table of URLs.
import { acquire } from "../acquire.ts";
import { stackPrograms } from "../programs.ts";
import { progress } from "../progress.ts";
import { ensureStack, runPulumi } from "./pulumi.ts";
import { notices, statusTable } from "./report.ts";
import { runningStack } from "./running.ts";

/** Resolves with an exit code: 0 when every service is ready. `preview` shows what would change before it is changed. */
export async function bringUp(stack: string, preview = false): Promise<number> {
  await acquire({ only: stackPrograms, report: progress() });
  await ensureStack(stack);
  const shown = preview ? [] : ["--skip-preview"];
  const code = await runPulumi(["up", "--stack", stack, "--yes", "--suppress-outputs", ...shown]);
  if (code !== 0) return code;
  const running = runningStack(stack);
  console.log(`\n${statusTable(running)}`);
  for (const each of notices(running)) console.log(`\n${each}`);
  return running.instances.every(({ ready }) => ready) ? 0 : 1;
}
