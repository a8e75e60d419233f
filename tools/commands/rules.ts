// The alert rules without a running stack: as files with their unit tests, what an environment changes, and how messages look.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { type AlertInput, frontOf, overrideProblems, proofFiles, ruleFiles, topics } from "../../alerts/index.ts";
import { differences } from "../../alerts/overrides.ts";
import type { Alert } from "../../alerts/rule.ts";
import { StackError, stackError } from "../../components/errors.ts";
import { findTool } from "../resolve.ts";
import { type StackAlerts, stackAlerts } from "../rules/input.ts";
import { type UrlOf, withServiceNames, withUrls } from "../rules/names.ts";
import { asPayload, forTerminal, previews } from "../rules/preview.ts";
import { command, UsageError } from "../stack/command.ts";
import { type RunningStack, runningStack, urlIn } from "../stack/running.ts";
import { table } from "../stack/table.ts";

const help = `npm run rules -- --out DIR      one TOPIC.rules.yaml and one TOPIC.test.yaml per topic of alerts; addresses are
                                service names. Prove them: promtool test rules DIR/*.test.yaml
npm run rules -- --diff         what vitals:alertOverrides of a stack changes, field by field
npm run rules -- --preview      each alert's Slack message as it will look
npm run rules -- --preview --post    the same, posted to channel #preview of the running stack's inbox
    --stack S          the stack whose settings and services are meant; default: a stack with the default configuration
                       (--diff and --post: dev)
    --settings FILE    its settings; default: Pulumi.STACK.yaml`;

const options = {
  out: { type: "string" },
  diff: { type: "boolean" },
  preview: { type: "boolean" },
  post: { type: "boolean" },
  stack: { type: "string", short: "s" },
  settings: { type: "string" },
} as const;

const previewChannel = "#preview";

await command(help, options, async ({ values }) => {
  const { out, diff = false, preview = false, post = false } = values;
  if ([out !== undefined, diff, preview].filter(Boolean).length !== 1)
    throw new UsageError("Give one of --out DIR, --diff and --preview.");
  if (post && !preview) throw new UsageError("--post goes with --preview.");
  const named = typeof values.stack === "string" ? values.stack : undefined;
  const stack = named ?? (diff || post ? "dev" : undefined);
  const alerts = await stackAlerts(stack, typeof values.settings === "string" ? values.settings : undefined);
  const { input } = alerts;
  const problems = overrideProblems(input);
  if (problems.length > 0) throw new StackError(problems);
  if (typeof out === "string") return writeFiles(input, out);
  if (diff) return printDifferences(input);
  return showMessages(alerts, post ? runningStack(stack ?? "dev") : undefined);
});

async function writeFiles(input: AlertInput, out: string): Promise<number> {
  const files = { ...ruleFiles(input), ...proofFiles(input) };
  await mkdir(out, { recursive: true });
  for (const [name, tree] of Object.entries(files)) await writeFile(join(out, name), stringify(withServiceNames(tree)));
  console.log(`${Object.keys(files).length} files in ${out}`);
  return 0;
}

function alertsOf(input: AlertInput): readonly Alert[] {
  return topics(input).flatMap(({ alerts }) => alerts);
}

function printDifferences(input: AlertInput): number {
  const { environment, alertOverrides } = input.config;
  const found = differences(alertsOf(input), alertOverrides);
  console.log(
    found.length === 0
      ? `${environment} changes nothing: every alert is as it is written.`
      : table([
          ["ALERT", "FIELD", "STANDARD", environment.toUpperCase()],
          ...found.map(({ alert, field, standard, here }) => [alert, field, standard, here]),
        ]),
  );
  return 0;
}

async function showMessages({ input, aliases }: StackAlerts, running: RunningStack | undefined): Promise<number> {
  const amtool = findTool("amtool");
  if (amtool === undefined)
    throw stackError("amtool", "is not there, and it fills the messages in", "Get it: npm run tools -- get.");
  const urlOf = running === undefined ? () => undefined : asPages(running, aliases);
  const shown = await previews(amtool.path, alertsOf(input), (tree) => withUrls(tree, urlOf), frontOf(input));
  for (const each of shown) console.log(`${forTerminal(each, process.stdout.isTTY === true)}\n`);
  if (running === undefined) {
    console.log(`${shown.length} messages.`);
    return 0;
  }
  const inbox = urlIn(running, "demo-slack", "web");
  for (const each of shown) {
    const { status } = await fetch(`${inbox}/services/vitals`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(asPayload(each, previewChannel)),
      signal: AbortSignal.timeout(10_000),
    });
    if (status !== 200) throw stackError("demo-slack", `answers ${status} to a message`, "See npm run status.");
  }
  console.log(`${shown.length} messages in ${inbox}/?channel=${encodeURIComponent(previewChannel)}`);
  return 0;
}

/** The pages of a stack that runs here. */
function asPages({ instances }: RunningStack, aliases: StackAlerts["aliases"]): UrlOf {
  return (service, port) => {
    const address = instances.find((each) => each.service === (aliases.get(service) ?? service))?.ports[port];
    return address === undefined ? undefined : `http://${address}`;
  };
}
