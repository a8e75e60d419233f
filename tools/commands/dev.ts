// Restarts each program of our own as soon as its code changes, while the rest of the stack runs on.
import { messageOf } from "../../components/errors.ts";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { call } from "../../components/platforms/process/client.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { readRecords } from "../../components/platforms/process/records.ts";
import { formatMilliseconds } from "../../components/units.ts";
import { bringUp } from "../stack/bring-up.ts";
import { watchCode } from "../stack/code-watch.ts";
import { command, stackOption } from "../stack/command.ts";
import { needSupervisor, runningStack } from "../stack/running.ts";

const help = `npm run dev               brings stack dev up when it does not run, then restarts gateway, exporters and demo on each change
                          of their code; Ctrl-C ends that, and the stack runs on
npm run dev -- --stack S  another stack of this checkout
What the stack itself is made of (services' settings, rules, dashboards) is applied by npm start.`;

await command(help, stackOption, async ({ values }) => {
  const stack = String(values.stack);
  if (runningStack(stack).supervisor === undefined) {
    const code = await bringUp(stack);
    if (code !== 0) return code;
  }
  needSupervisor(runningStack(stack));
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
  const changed = async (entries: readonly string[], at: number): Promise<void> => {
    const stale = programsOf(stack).filter(({ entry, stopped }) => !stopped && entries.includes(entry));
    await Promise.all(
      stale.map(({ instance }) =>
        restart(stack, instance).then(
          () =>
            console.log(
              `${instance}: runs the new code, ${formatMilliseconds(performance.now() - at)} after it changed`,
            ),
          (error: unknown) => console.error(messageOf(error)),
        ),
      ),
    );
  };
  const broken = (error: unknown): void =>
    console.error(`The code cannot be read, nothing is restarted: ${messageOf(error)}`);
  const programs = programsOf(stack);
  console.log(`Watching the code of ${programs.map(({ instance }) => instance).join(", ")}.`);
  const running = new Map(programs.map(({ entry, code }) => [entry, code]));
  await watchCode({ root: codeRoot, running, changed, broken }, stop.signal);
  return 0;
});

/** Programs of our own that serve; jobs have done their work. */
function programsOf(stack: string) {
  return readRecords(layout(runningStack(stack).root)).flatMap(({ order: { plan }, state }) =>
    "node" in plan.run && plan.kind !== "job"
      ? [{ instance: plan.instance, entry: plan.run.node, code: plan.code, stopped: state === "stopped" }]
      : [],
  );
}

/** By the supervisor of now: an `up` may have brought another one. */
function restart(stack: string, instance: string): Promise<unknown> {
  return call(needSupervisor(runningStack(stack)), "POST", "restart", { instance });
}
