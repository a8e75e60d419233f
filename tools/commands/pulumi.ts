// Runs Pulumi with this project's backend, passphrase and speed settings: npm run pulumi -- ARGS; `-- env` prints them for the shell.
import { StackError } from "../../components/errors.ts";
import { ensureStack, isLocal, knownStacks, preparePulumi, pulumiSettings, runPulumi } from "../stack/pulumi.ts";

const args = process.argv.slice(2);
try {
  if (args[0] === "env") {
    await preparePulumi();
    if (!knownStacks().includes("dev")) await ensureStack("dev");
    for (const [name, value] of Object.entries(pulumiSettings()))
      console.log(`export ${name}='${value.replaceAll("'", "'\\''")}'`);
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

function stackOf(given: readonly string[]): string | undefined {
  const flag = given.findIndex((arg) => arg === "-s" || arg === "--stack");
  return flag === -1 ? given.find((arg) => arg.startsWith("--stack="))?.slice("--stack=".length) : given[flag + 1];
}
