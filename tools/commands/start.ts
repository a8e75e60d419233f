// Brings a stack up from a fresh checkout: tools, then `pulumi up`, then a table of URLs.
import { acquire } from "../acquire.ts";
import { stackPrograms } from "../programs.ts";
import { progress } from "../progress.ts";
import { command, stackOption } from "../stack/command.ts";
import { ensureStack, runPulumi } from "../stack/pulumi.ts";
import { notices, statusTable } from "../stack/report.ts";
import { runningStack } from "../stack/running.ts";

const help = `npm start                 gets the tools, brings stack dev up, and prints where everything is
npm start -- --stack S    another stack of this checkout
npm start -- --preview    show what would change before it is changed
Ends with code 0 when every service is ready.`;

await command(help, { ...stackOption, preview: { type: "boolean", default: false } }, async ({ values }) => {
  const stack = String(values.stack);
  await acquire({ only: stackPrograms, report: progress() });
  await ensureStack(stack);
  const code = await runPulumi([
    "up",
    "--stack",
    stack,
    "--yes",
    "--suppress-outputs",
    ...(values.preview === true ? [] : ["--skip-preview"]),
  ]);
  if (code !== 0) return code;
  const running = runningStack(stack);
  console.log(`\n${statusTable(running)}`);
  for (const each of notices(running)) console.log(`\n${each}`);
  return running.instances.every(({ ready }) => ready) ? 0 : 1;
});
