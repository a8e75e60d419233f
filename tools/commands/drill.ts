// Injects a fault into a running stack, waits for its Slack message, heals, waits for the resolve, prints the times.
import { topics } from "../../alerts/index.ts";
import { overridden } from "../../alerts/overrides.ts";
import { formatProblems, stackError } from "../../components/errors.ts";
import { drills } from "../drills/index.ts";
import { downAfterMs, isLate, promisedDown, report } from "../drills/report.ts";
import { runDrills } from "../drills/run.ts";
import { stackAlerts } from "../rules/input.ts";
import { command, stackOption } from "../stack/command.ts";

const help = `npm run drill -- NAME      one of: ${drills.map(({ name }) => name).join(", ")}
npm run drill -- all       every one, which takes about an hour: most alerts wait for minutes before they tell
  --stack S                another stack than dev
The stack has to run with its demo (vitals:demo true), whose Slack inbox receives the messages.
Exit code 0: every message came within its promised time, led to the cause, and every alert ended.`;

await command(
  help,
  stackOption,
  async ({ values, positionals }) => {
    const names = positionals.join() === "all" ? drills.map(({ name }) => name) : positionals;
    if (names.length === 0) {
      console.log(help);
      return 2;
    }
    const chosen = names.map((name) => {
      const drill = drills.find((each) => each.name === name);
      if (drill === undefined)
        throw stackError(name, "is not a drill", `Use one of: ${drills.map((each) => each.name).join(", ")}.`);
      return drill;
    });
    const stack = String(values.stack);
    const { input } = await stackAlerts(stack);
    const alerts = topics(input).flatMap((topic) =>
      topic.alerts.flatMap((alert) => overridden(alert, input.config.alertOverrides) ?? []),
    );
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(name, () => stop.abort(stackError("drill", "was stopped", "What it had broken is whole again.")));
    const results = await runDrills(chosen, { stack, alerts, say: console.log, stopped: stop.signal });
    console.log(`\n${report(results)}`);
    for (const { problems } of results) if (problems.length > 0) console.error(formatProblems(problems));
    const quick = (downAfterMs(results) ?? 0) <= promisedDown * 1_000;
    return quick && results.every((result) => result.problems.length === 0 && !isLate(result)) ? 0 : 1;
  },
  { names: true },
);
