// Prints what `pulumi up` would apply to a cluster or an engine, as YAML, without a cluster, a plugin or an engine.
import { existsSync, statSync } from "node:fs";
import { genuine, readConfig } from "../../components/config.ts";
import { type Problem, StackError } from "../../components/errors.ts";
import { everything, permissionVariable } from "../../components/platforms/data-loss.ts";
import { renderers } from "../render/index.ts";
import { command } from "../stack/command.ts";
import { readSettings } from "../stack/settings.ts";

const help = `npm run --silent render -- --stack prod            what \`pulumi up -s prod\` would apply, on standard output
npm run render -- --stack prod --out DIR           the same, one file a service, in DIR
npm run render -- --stack docker --out DIR         a Compose file with all that its containers read, in DIR
    --settings FILE    the stack's settings; default: Pulumi.STACK.yaml
    --allow-data-loss  overwrite DIR also where a volume that it describes would be lost

Secrets are placeholders such as \${redisPassword}: with --out those of manifests are in DIR/secrets.yaml alone; the containers
of a Compose file fill theirs in when they start, from DIR/secrets, and generate what is not there.`;

const options = {
  stack: { type: "string", short: "s" },
  out: { type: "string" },
  settings: { type: "string" },
  "allow-data-loss": { type: "boolean" },
} as const;

await command(help, options, async ({ values: { stack, out, settings, "allow-data-loss": allowed } }) => {
  if (typeof stack !== "string") {
    console.error(help);
    return 2;
  }
  const reading = readConfig(readSettings(stack, typeof settings === "string" ? settings : undefined));
  const { platform } = reading.config;
  const render = await renderers[platform]?.();
  if (render === undefined)
    throw new StackError([...reading.problems, ...genuine([notRendered(stack, platform)], reading.malformed)]);
  const { text, write } = render(reading);
  if (typeof out === "string" && existsSync(out) && !statSync(out).isDirectory())
    throw new StackError([
      { where: out, what: "is a file", remedy: "Name a folder with --out; it is made where there is none." },
    ]);
  if (typeof out === "string")
    console.log(await write(out, allowed === true ? everything : process.env[permissionVariable]));
  else process.stdout.write(text);
  return 0;
});

function notRendered(stack: string, platform: string): Problem {
  return {
    where: `stack ${stack}`,
    what: `is on the platform ${platform}, which has nothing to render`,
    remedy: `Name a stack whose vitals:platform is one of: ${Object.keys(renderers).join(", ")}.`,
    follows: ["vitals:platform"],
  };
}
