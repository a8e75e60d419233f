// Tries the stack with Pulumi's real plugins on the cluster or the engine of the current context, and removes what it made.
import { messageOf, StackError, stackError } from "../../components/errors.ts";
import { planStack } from "../../components/platforms/index.ts";
import { type Target, targets } from "../cloud/targets.ts";
import { leftTrials, removeTrial, type Step, trial } from "../cloud/trial.ts";
import type { Settings } from "../stack/apart.ts";
import { command } from "../stack/command.ts";
import { rawOf, settingsIn } from "../stack/settings.ts";
import { table } from "../stack/table.ts";

const names = targets.map(({ platform }) => platform);
const help = `npm run test:cloud                 ${names.join(", then ")}: up, up again without a change, a change that touches what it
                                   must and nothing else, destroy
npm run test:cloud -- kubernetes   that one alone
npm run test:cloud -- --clean      removes what earlier runs left that were killed
  --settings FILE    further settings, as in Pulumi.STACK.yaml: vitals:registry, kubernetes:context, …; no secrets

Each run has a namespace, or a project, of its own, and removes it whatever happens. Exit code 0: all as it has to be.`;

const options = { settings: { type: "string" }, clean: { type: "boolean", default: false } } as const;

await command(
  help,
  options,
  async ({ values: { settings, clean }, positionals }) => {
    const unknown = positionals.filter((name) => !names.some((known) => known === name));
    if (unknown.length > 0)
      throw stackError(unknown.join(", "), "is no platform to try", `Use one of: ${names.join(", ")}.`);
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort());
    const onText = (text: string) => void process.stdout.write(text);
    if (clean === true) {
      for (const stack of leftTrials()) await removeTrial(targets, stack, { onText, signal: stop.signal });
      return 0;
    }
    for (const stack of leftTrials())
      console.error(
        `${stack}: an earlier run was killed, or still runs\n  -> Remove what it left: npm run test:cloud -- --clean`,
      );
    const given = typeof settings === "string" ? readable(settings) : {};
    const chosen = targets.filter(({ platform }) => positionals.length === 0 || positionals.includes(platform));
    const rows: (readonly string[])[] = [];
    let failed = false;
    for (const target of chosen) {
      if (stop.signal.aborted) break;
      try {
        const steps = await trial(target, given, { onText, signal: stop.signal });
        rows.push(...steps.map((each) => rowOf(target, each)));
      } catch (error) {
        failed = true;
        rows.push([target.platform, "failed", ""]);
        // Pulumi's own words have been printed as they came; ours come after them.
        if (error instanceof StackError) console.error(`\n${error.message}`);
        else for (const text of [firstLine(error), ...(await advice(target, given))]) console.error(`\n${text}`);
      }
    }
    console.log(`\n${table([["PLATFORM", "STEP", "SECONDS"], ...rows])}`);
    return failed || stop.signal.aborted ? 1 : 0;
  },
  { names: true },
);

function rowOf({ platform }: Target, { name, seconds }: Step): readonly string[] {
  return [platform, name, seconds.toFixed(1)];
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0] ?? "";
}

/** What Pulumi lacks; where it lacks nothing, what else there has to be. */
async function advice({ platform, usual, context }: Target, given: Settings): Promise<readonly string[]> {
  try {
    const { notices } = await planStack(rawOf("trial", { ...usual, ...given, "vitals:platform": platform }));
    return notices.length > 0 ? notices : [context];
  } catch (error) {
    // The configuration itself: the program has told it already.
    if (error instanceof StackError) return [context];
    throw error;
  }
}

/** A settings file without secrets: those are encrypted for the stack that they belong to. */
function readable(path: string): Settings {
  const settings = settingsIn(path);
  const { secretKeys } = rawOf("trial", settings, {});
  if (secretKeys.length > 0)
    throw stackError(path, `holds secrets: ${secretKeys.join(", ")}`, "Take them out; a trial generates its own.");
  return settings;
}
