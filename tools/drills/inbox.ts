// What the Slack inbox of a stack's demo has received.
import { stackError } from "../../components/errors.ts";

export interface Told {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly title: string;
  readonly text: string;
  readonly color: string;
}

interface InboxMessage {
  readonly receivedAt: number;
  readonly attachments: readonly Partial<Told>[];
}

export interface Awaited {
  readonly alert: string;
  readonly about: string;
  readonly over: boolean;
  /** Milliseconds since 1970: what came before is not it. */
  readonly since: number;
  readonly seconds: number;
}

/** Waits for the message that an alert of a service fires, or is over. Throws when it does not come in time. */
export async function toldIn(
  inbox: string,
  { alert, about, over, since, seconds }: Awaited,
  stopped: AbortSignal,
): Promise<Told> {
  while (Date.now() - since < seconds * 1_000) {
    stopped.throwIfAborted();
    const response = await fetch(`${inbox}/api/messages?since=${new Date(since).toISOString()}`, {
      signal: AbortSignal.timeout(5_000),
    });
    for (const { receivedAt: at, attachments } of (await response.json()) as readonly InboxMessage[])
      for (const { title = "", text = "", color = "" } of attachments)
        if (title.startsWith("[RESOLVED]") === over && title.includes(`] ${alert} ${about}`))
          return { at, title, text, color };
    await new Promise((next) => setTimeout(next, 250));
  }
  throw stackError(
    alert,
    `no message that it ${over ? "is over" : "fires"} for ${about} arrived within ${seconds} s`,
    "Look at Prometheus' alerts, then at Alertmanager's, then at the inbox.",
  );
}
