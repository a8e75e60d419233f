// Injects a fault into a running stack, waits for its Slack message, heals, waits for the resolve, prints the times.
import { StackError, stackError } from "../../components/errors.ts";
import { drills } from "../drills/index.ts";
import { runDrill } from "../drills/run.ts";
import { command, stackOption } from "../stack/command.ts";
import { runningStack } from "../stack/running.ts";
import { table } from "../stack/table.ts";

const help = `npm run drill -- NAME      one of: ${drills.map(({ name }) => name).join(", ")}
npm run drill -- all       every one
  --stack S                another stack than dev
The stack has to run with its demo (vitals:demo true), whose Slack inbox receives the messages.
Exit code 0: every message came within its promised time, and every alert ended.`;

await command(
  help,
  stackOption,
  async ({ values, positionals }) => {
    const names = positionals.join() === "all" ? drills.map(({ name }) => name) : positionals;
    if (names.length === 0) {
      console.log(help);
      return 2;
    }
    // All of them are looked up before the first fault is injected.
    const chosen = names.map((name) => {
      const drill = drills.find((each) => each.name === name);
      if (drill === undefined)
        throw stackError(name, "is not a drill", `Use one of: ${drills.map((each) => each.name).join(", ")}.`);
      return drill;
    });
    const stop = new AbortController();
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(name, () => stop.abort(stackError("drill", "was stopped", "What it had broken is whole again.")));
    const rows: string[][] = [];
    let late = false;
    for (const drill of chosen) {
      const { name } = drill;
      try {
        const times = await runDrill(drill, runningStack(String(values.stack)), console.log, stop.signal);
        late ||= times.firedAfterMs > drill.within * 1_000;
        rows.push([
          name,
          drill.alert,
          `${(times.firedAfterMs / 1_000).toFixed(1)} s`,
          `${drill.within} s`,
          `${(times.resolvedAfterMs / 1_000).toFixed(1)} s`,
        ]);
      } catch (error) {
        if (!(error instanceof StackError) || stop.signal.aborted) throw error;
        late = true;
        console.error(error.message);
        rows.push([name, drill.alert, "none", `${drill.within} s`, ""]);
      }
    }
    console.log(`\n${table([["DRILL", "ALERT", "FAULT -> MESSAGE", "PROMISED", "CURE -> RESOLVED"], ...rows])}`);
    return late ? 1 : 0;
  },
  { names: true },
);
