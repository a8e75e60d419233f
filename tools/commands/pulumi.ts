// Runs Pulumi with this project's backend, passphrase and speed settings: npm run pulumi -- ARGS; `-- env` prints them for the shell.
import { StackError, stackError } from "../../components/errors.ts";
import { everything, permissionVariable } from "../../components/platforms/data-loss.ts";
import {
  ensureStack,
  isLocal,
  knownStacks,
  nodeFolder,
  preparePulumi,
  pulumiSettings,
  runPulumi,
} from "../stack/pulumi.ts";

const allowDataLoss = "--allow-data-loss";
const given = process.argv.slice(2);
const args = given.filter((arg) => arg !== allowDataLoss);
// For this one command: what a person exports by hand allows one change alone.
if (given.includes(allowDataLoss)) process.env[permissionVariable] = everything;
try {
  if (args[0] === "env") {
    if (args.length > 1)
      throw stackError(
        "pulumi env",
        `"${args[1]}" is a word too many`,
        'Usage: eval "$(npm run --silent pulumi -- env)".',
      );
    await preparePulumi();
    if (!knownStacks().includes("dev")) await ensureStack("dev");
    for (const [name, value] of Object.entries(pulumiSettings())) console.log(`export ${name}=${quoted(value)}`);
    // In front of the shell's own: what npm has added for this command is not the person's.
    console.log(`export PATH=${quoted(nodeFolder)}:"$PATH"`);
  } else {
    const stack = stackOf(args);
    if (stack !== undefined && (isLocal(stack) || knownStacks().includes(stack))) await ensureStack(stack);
    else await preparePulumi();
    process.exitCode = await runPulumi(args);
  }
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function stackOf(given: readonly string[]): string | undefined {
  const flag = given.findIndex((arg) => arg === "-s" || arg === "--stack");
  return flag === -1 ? given.find((arg) => arg.startsWith("--stack="))?.slice("--stack=".length) : given[flag + 1];
}
