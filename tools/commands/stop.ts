// Ends a stack: `pulumi destroy`. Its data stays unless --purge.
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { endInstance, shutDown } from "../../components/platforms/process/client.ts";
import { command, stackOption } from "../stack/command.ts";
import { dropDeadLocks, dropSalt, knownStacks, preparePulumi, runPulumi, usesOwnBackend } from "../stack/pulumi.ts";
import { runningStack } from "../stack/running.ts";

const help = `npm stop                  ends everything that runs of stack dev; its data stays
npm stop -- --stack S     another stack
npm stop -- --purge       deletes its data too
npm stop -- --forget      without Pulumi: ends the processes and forgets the stack's state, for when its passphrase is lost`;

await command(
  help,
  { ...stackOption, purge: { type: "boolean", default: false }, forget: { type: "boolean", default: false } },
  async ({ values }) => {
    const stack = String(values.stack);
    if (values.forget === true) await forget(stack);
    else if (knownStacks().includes(stack) || !usesOwnBackend()) {
      await preparePulumi();
      await dropDeadLocks(stack);
      const code = await runPulumi(["destroy", "--stack", stack, "--yes", "--skip-preview"]);
      if (code !== 0) return code;
    } else if (isHere(stack)) {
      console.log(`Pulumi's state does not know ${stack}, but it runs on this machine.`);
      await forget(stack);
    } else console.log(`There is no stack ${stack} in this checkout.`);
    if (values.purge === true) {
      const { root } = runningStack(stack);
      rmSync(root, { recursive: true, force: true });
      rmSync(join(codeRoot, ".vitals", stack), { recursive: true, force: true });
      // The folder of this checkout's stacks goes with the last of them.
      if (existsSync(dirname(root)) && readdirSync(dirname(root)).length === 0) rmdirSync(dirname(root));
      console.log(`Deleted the data of ${stack}.`);
    }
    return 0;
  },
);

function isHere(stack: string): boolean {
  const { supervisor, instances } = runningStack(stack);
  return supervisor !== undefined || instances.length > 0;
}

async function forget(stack: string): Promise<void> {
  const { root, supervisor, instances } = runningStack(stack);
  if (supervisor !== undefined) await shutDown(supervisor);
  else for (const { instance } of instances) await endInstance(root, instance);
  const backend = join(codeRoot, ".vitals/backend/.pulumi");
  for (const name of [
    `stacks/vitals/${stack}.json`,
    `stacks/vitals/${stack}.json.bak`,
    `stacks/vitals/${stack}.json.attrs`,
    `history/vitals/${stack}`,
    `locks/organization/vitals/${stack}`,
  ])
    rmSync(join(backend, name), { recursive: true, force: true });
  dropSalt(stack);
  console.log(`Ended and forgot ${stack}.`);
}
