// Runs one drill: fault, wait for the message, cure, wait for the end. The cure comes also when the message does not.
import { stackError } from "../../components/errors.ts";
import { call } from "../../components/platforms/process/client.ts";
import { needSupervisor, type RunningStack, urlIn } from "../stack/running.ts";
import type { Drill, Stage } from "./drill.ts";

export interface DrillTimes {
  /** Milliseconds from the fault to its message, and from the cure to the message that it is over. */
  readonly firedAfterMs: number;
  readonly resolvedAfterMs: number;
  readonly title: string;
}

interface InboxMessage {
  readonly receivedAt: number;
  readonly attachments: readonly {
    readonly title?: string;
    readonly fallback?: string;
    readonly text?: string;
    readonly color?: string;
  }[];
}

/** How long a message is waited for. The promise is shorter and is judged by the caller. */
const patienceMs = 360_000;

/** `signal` ends it early: the cure comes, and the reason is thrown. */
export async function runDrill(
  drill: Drill,
  running: RunningStack,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<DrillTimes> {
  const supervisor = needSupervisor(running);
  const instanceOf = (service: string) => {
    const found = running.instances.find((each) => each.service === service);
    if (found === undefined)
      throw stackError(
        drill.name,
        `the stack ${running.stack} runs no ${service} of its own that could be stopped`,
        "Run the drill on a stack that does: with its demo, and without vitals:redis, which names a Redis of somebody else.",
      );
    return found.instance;
  };
  for (const service of drill.needs) instanceOf(service);
  const inbox = urlIn(running, "demo-slack", "web");
  const stage: Stage = {
    services: running.instances,
    stop: async (service) => void (await call(supervisor, "POST", "stop", { instance: instanceOf(service) })),
    start: async (service) => void (await call(supervisor, "POST", "restart", { instance: instanceOf(service) })),
    send: async (service, method, path) => {
      const { ok, status } = await fetch(`${urlIn(running, service, "web")}${path}`, {
        method,
        signal: AbortSignal.timeout(5_000),
      });
      if (!ok) throw stackError(service, `answers ${status} to ${method} ${path}`, "Look at its log.");
    },
  };
  const from = Date.now();
  say(`${drill.name}: ${drill.says}`);
  let fired: { readonly at: number; readonly title: string };
  try {
    await drill.inject(stage);
    fired = await message(inbox, from, drill.alert, "FIRING", signal);
    say(`${drill.name}: "${fired.title}" after ${((fired.at - from) / 1_000).toFixed(1)} s`);
  } finally {
    await drill.heal(stage);
  }
  const healed = Date.now();
  const resolved = await message(inbox, healed, drill.alert, "RESOLVED", signal);
  say(`${drill.name}: "${resolved.title}" ${((resolved.at - healed) / 1_000).toFixed(1)} s after the cure`);
  return { firedAfterMs: fired.at - from, resolvedAfterMs: resolved.at - healed, title: fired.title };
}

async function message(
  inbox: string,
  since: number,
  alert: string,
  state: "FIRING" | "RESOLVED",
  signal: AbortSignal,
): Promise<{ readonly at: number; readonly title: string }> {
  while (Date.now() - since < patienceMs) {
    signal.throwIfAborted();
    const response = await fetch(`${inbox}/api/messages?since=${new Date(since).toISOString()}`, {
      signal: AbortSignal.timeout(5_000),
    });
    const messages = (await response.json()) as readonly InboxMessage[];
    for (const { receivedAt, attachments } of messages)
      for (const { title = "", text = "", fallback = "" } of attachments)
        if (title.startsWith("[RESOLVED]") === (state === "RESOLVED") && `${title} ${text} ${fallback}`.includes(alert))
          return { at: receivedAt, title };
    await new Promise((next) => setTimeout(next, 250));
  }
  throw stackError(
    alert,
    `no message that it is ${state} arrived within ${patienceMs / 1_000} s`,
    "Look at Prometheus' alerts, then at Alertmanager's, then at the inbox.",
  );
}
