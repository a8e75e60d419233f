// Runs drills: fault, wait for the message, walk to the cause, cure, wait for the end. The cure comes also when the message does not.
import { hardDown } from "../../alerts/causes.ts";
import type { Alert } from "../../alerts/rule.ts";
import { type Problem, StackError, stackError } from "../../components/errors.ts";
import { needSupervisor, type RunningStack, runningStack, urlIn } from "../stack/running.ts";
import { breaker } from "./breaker.ts";
import type { Drill } from "./drill.ts";
import { type Told, toldIn } from "./inbox.ts";
import { mistakesIn } from "./payload.ts";
import { walk } from "./walk.ts";

export interface DrillResult {
  readonly drill: Drill;
  /** Milliseconds from the fault to its message; undefined when there was none. */
  readonly firedAfterMs?: number;
  /** Milliseconds from the cure to the message that it is over. */
  readonly resolvedAfterMs?: number;
  /** What was not as it has to be. */
  readonly problems: readonly Problem[];
}

export interface Surroundings {
  readonly stack: string;
  /** The stack's alerts, as its settings have them. */
  readonly alerts: readonly Alert[];
  readonly say: (line: string) => void;
  /** Ends it early: the cure comes, and the reason is thrown. */
  readonly stopped: AbortSignal;
}

/** How much longer than promised a message is waited for. */
const patienceSeconds = 240;
/** What is held for minutes, and told in the next of Alertmanager's turns. */
const endsWithinSeconds = 1_500;

/**
 * Runs all that were asked for. Those whose alert silences others, or without whose service nobody alerts, run one after the other
 * and last; before them the others, at the same time where they break different things.
 */
export async function runDrills(drills: readonly Drill[], surroundings: Surroundings): Promise<readonly DrillResult[]> {
  // All of them are looked up before the first fault is injected.
  for (const drill of drills) needWhatItBreaks(drill, runningStack(surroundings.stack));
  const alone = new Set<string>([...hardDown, "Watchdog"]);
  const together = drills.filter(({ alert }) => !alone.has(alert));
  const lanes = [...Map.groupBy(together, ({ breaks }) => breaks).values()];
  // Whoever is stopped waits until every fault is mended.
  const settled = await Promise.allSettled(lanes.map((lane) => inTurn(lane, surroundings)));
  const results = settled.flatMap((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  });
  for (const drill of drills.filter(({ alert }) => alone.has(alert)))
    results.push(await (await runDrill(drill, surroundings)).ended);
  return results;
}

/** While the end of one is waited for, the next one runs. */
async function inTurn(lane: readonly Drill[], surroundings: Surroundings): Promise<readonly DrillResult[]> {
  const ends: Promise<DrillResult>[] = [];
  for (const drill of lane) ends.push((await runDrill(drill, surroundings)).ended);
  return Promise.all(ends);
}

/** Resolves when the cure is done; `ended` when the alert is over. */
async function runDrill(
  drill: Drill,
  { stack, alerts, say, stopped }: Surroundings,
): Promise<{ readonly ended: Promise<DrillResult> }> {
  const { name, alert, about, within } = drill;
  const breaking = breaker(stack, stopped);
  const inbox = urlIn(runningStack(stack), "demo-slack", "web");
  const after = (from: number, to: number): string => `${((to - from) / 1_000).toFixed(1)} s`;
  // The dead man's switch has words of its own.
  const named = drill.cause === undefined ? undefined : alertOf(drill, alerts);
  const wrongIn = (message: Told, over: boolean, since: number): readonly Problem[] =>
    named === undefined
      ? []
      : mistakesIn(message, { alert: named, over, since }).map((what) => ({
          where: `${name}: ${message.title}`,
          what,
          remedy: "Mend the message.",
        }));
  const from = Date.now();
  say(`${name}: ${drill.says}`);
  const problems: Problem[] = [];
  let firedAfterMs: number | undefined;
  try {
    await drill.inject(breaking);
    const fired = await toldIn(
      inbox,
      { alert, about, over: false, since: from, seconds: within + patienceSeconds },
      stopped,
    );
    firedAfterMs = fired.at - from;
    say(`${name}: "${fired.title}" after ${after(from, fired.at)}`);
    problems.push(...wrongIn(fired, false, from));
    problems.push(...(await walk(drill, fired, from, runningStack(stack))));
  } catch (error) {
    if (!(error instanceof StackError) || stopped.aborted) throw error;
    problems.push(...error.problems);
  } finally {
    await breaking.heal();
  }
  if (firedAfterMs === undefined) return { ended: Promise.resolve({ drill, problems }) };
  const told = { firedAfterMs, drill, problems };
  const cured = Date.now();
  const over = toldIn(inbox, { alert, about, over: true, since: cured, seconds: endsWithinSeconds }, stopped);
  const ended = over.then(
    (message): DrillResult => {
      say(`${name}: "${message.title}" ${after(cured, message.at)} after the cure`);
      return {
        ...told,
        resolvedAfterMs: message.at - cured,
        problems: [...problems, ...wrongIn(message, true, cured)],
      };
    },
    (error): DrillResult => {
      if (!(error instanceof StackError) || stopped.aborted) throw error;
      return { ...told, problems: [...problems, ...error.problems] };
    },
  );
  // Whoever waits for it hears of it, later.
  ended.catch(() => {});
  return { ended };
}

/** The alert that a drill waits for: of a family the member about the drill's own service. */
export function alertOf({ name, alert, about }: Drill, alerts: readonly Alert[]): Alert {
  const family = alerts.filter((each) => each.name === alert);
  const found = family.find(({ service }) => service === about) ?? family.find(({ service }) => service.includes("{{"));
  if (found === undefined)
    throw stackError(name, `waits for ${alert} of ${about}, which this stack does not have`, "Leave this drill out.");
  return found;
}

/** Throws where the stack does not run itself what the drill would break. */
export function needWhatItBreaks({ name, breaks }: Drill, running: RunningStack): void {
  needSupervisor(running);
  if (!running.instances.some(({ service }) => service === breaks))
    throw stackError(
      name,
      `the stack ${running.stack} runs no ${breaks} of its own that could be broken`,
      "Run the drill on a stack that does: with its demo, and without vitals:redis, which names a Redis of somebody else.",
    );
}
