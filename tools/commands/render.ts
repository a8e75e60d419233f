// Prints what `pulumi up` would apply to a cluster, as YAML, without a cluster, a plugin or an engine.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { genuine, type RawConfig, readConfig } from "../../components/config.ts";
import { type Problem, StackError, stackError } from "../../components/errors.ts";
import { everything, losses, lossProblems, permissionVariable } from "../../components/platforms/data-loss.ts";
import { planOn } from "../../components/platforms/index.ts";
import type { Manifest, Planned } from "../../components/platforms/kubernetes/manifest.ts";
import { planner } from "../../components/platforms/kubernetes/platform.ts";
import { publicManifest, toYaml } from "../../components/platforms/kubernetes/text.ts";
import { volumesOf } from "../../components/platforms/kubernetes/volumes.ts";
import { command } from "../stack/command.ts";
import { settingsFile, settingsIn } from "../stack/settings.ts";

const help = `npm run --silent render -- --stack prod            what \`pulumi up -s prod\` would apply, on standard output
npm run render -- --stack prod --out DIR           the same, one file a service, in DIR
    --settings FILE    the stack's settings; default: Pulumi.STACK.yaml
    --allow-data-loss  overwrite DIR also where a volume that it describes would be lost

Secrets are placeholders such as \${redisPassword}; with --out they are in DIR/secrets.yaml alone.`;

const mark = "# Written by npm run render; the next run overwrites it.";

const options = {
  stack: { type: "string", short: "s" },
  out: { type: "string" },
  settings: { type: "string" },
  "allow-data-loss": { type: "boolean" },
} as const;

await command(help, options, async ({ values }) => {
  if (typeof values.stack !== "string") {
    console.error(help);
    return 2;
  }
  const reading = readConfig(
    readSettings(values.stack, typeof values.settings === "string" ? values.settings : undefined),
  );
  const { platform } = reading.config;
  if (platform !== "kubernetes")
    throw new StackError([...reading.problems, ...genuine([notRendered(values.stack, platform)], reading.malformed)]);
  const { objects } = planOn(planner, reading);
  if (typeof values.out === "string")
    await writeFiles(
      values.out,
      objects,
      values["allow-data-loss"] === true ? everything : process.env[permissionVariable],
    );
  else process.stdout.write(toYaml(objects.map(publicManifest)));
  return 0;
});

function notRendered(stack: string, platform: string): Problem {
  return {
    where: `stack ${stack}`,
    what: `is on the platform ${platform}, which has nothing to render`,
    remedy: "Name a stack with vitals:platform kubernetes.",
    follows: ["vitals:platform"],
  };
}

/** A folder that holds an earlier release is brought up to date: what would lose data is refused, what is gone is removed. */
async function writeFiles(folder: string, objects: readonly Planned[], permission: string | undefined): Promise<void> {
  const manifests = objects.map(publicManifest);
  const earlier = earlierFiles(folder);
  const problems = lossProblems(losses(volumesOf(earlier.flatMap(readManifests)), volumesOf(manifests)), permission);
  if (problems.length > 0) throw new StackError(problems);
  const files = Map.groupBy(objects, ({ part, secretData }) =>
    join(folder, `${secretData === undefined ? part : "secrets"}.yaml`),
  );
  await mkdir(folder, { recursive: true });
  for (const [path, members] of files) await writeFile(path, `${mark}\n${toYaml(members.map(publicManifest))}`);
  for (const path of earlier) if (!files.has(path)) await rm(path);
  console.log(`${objects.length} objects in ${files.size} files in ${folder}`);
}

/** The files in a folder that this command has written. */
function earlierFiles(folder: string): readonly string[] {
  return (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(folder, name))
    .filter((path) => readFileSync(path, "utf8").startsWith(mark));
}

function readManifests(path: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(path, "utf8")).map((document) => document.toJS() as Manifest);
}

/** The stack's settings as Pulumi would hand them over: structures as JSON, secrets by name. */
function readSettings(stack: string, path = settingsFile(stack)): RawConfig {
  if (!existsSync(path))
    throw stackError(path, "does not exist", "Name a stack that has settings: --stack staging, or --settings FILE.");
  const values: Record<string, string> = {};
  const secretKeys: string[] = [];
  for (const [key, value] of Object.entries(settingsIn(path))) {
    if (!key.startsWith("vitals:")) continue;
    const name = key.slice("vitals:".length);
    if (isSecret(value)) secretKeys.push(name);
    else values[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return { environment: stack, values, secretKeys };
}

function isSecret(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).join() === "secure";
}
