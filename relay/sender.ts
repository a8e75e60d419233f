// Empties the queue into Slack's webhook, never faster than Slack allows, and for as long as it takes.
import type { PostFailure } from "../telemetry/catalogue/relay.ts";
import type { Message, Queue, Queued } from "./queue.ts";

export interface SenderOptions {
  readonly queue: Queue;
  /** The webhook's URL, asked for at each post: a new one takes effect at once. */
  readonly url: () => Promise<string>;
  /** The least time between two posts. Slack allows one a second: https://docs.slack.dev/apis/web-api/rate-limits */
  readonly paceMs?: number;
  /** The longest wait after a failure. */
  readonly longestWaitMs?: number;
  readonly posted: (failure: PostFailure | undefined) => void;
  readonly dropped: () => void;
}

export interface Sender {
  /** There is a new message. */
  wake(): void;
  /** Lets the post under way end; what waits stays on disk. */
  close(): Promise<void>;
}

/** Slack shows at most 100 attachments of a message and advises against more than 20. */
const mostAttachments = 20;
const timeoutMs = 10_000;
/** A webhook that is missing or that Slack does not know may be mended at any time. */
const refusedWaitMs = 15_000;

interface Outcome {
  readonly failure?: PostFailure;
  /** What Slack asks for, in milliseconds. */
  readonly wait?: number;
}

export function startSender(options: SenderOptions): Sender {
  const { queue, url, paceMs = 1_000, longestWaitMs = 60_000, posted, dropped } = options;
  let wake: () => void = () => {};
  let closed = false;
  let failures = 0;
  /** How many of the oldest go one by one, because one among them is invalid. */
  let singly = 0;

  const sleep = (ms: number, untilWoken = false): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        if (!untilWoken && !closed) return;
        clearTimeout(timer);
        resolve();
      };
    });

  async function run(): Promise<void> {
    while (!closed) {
      const batch = together(queue.head(singly > 0 ? 1 : mostAttachments));
      if (batch.length === 0) {
        await sleep(60_000, true);
        continue;
      }
      const { failure, wait = 0 } = await post(await url().catch(() => ""), merged(batch));
      posted(failure);
      if (failure === undefined || (failure === "invalid" && batch.length === 1)) {
        if (failure === "invalid") dropped();
        await queue.remove(batch);
        singly = Math.max(0, singly - 1);
        failures = 0;
      } else if (failure === "invalid") singly = batch.length;
      else failures++;
      await sleep(Math.max(paceMs, wait, failures === 0 ? 0 : Math.min(backOff(failure, failures), longestWaitMs)));
    }
  }

  const running = run();
  return {
    wake: () => wake(),
    close: () => {
      closed = true;
      wake();
      return running;
    },
  };
}

/** 1 s, 2 s, 4 s, …; a webhook that is refused is asked at even intervals. */
const backOff = (failure: PostFailure | undefined, failures: number): number =>
  failure === "refused" || failure === "no_webhook" ? refusedWaitMs : 500 * 2 ** Math.min(failures, 10);

/** The oldest message with those right behind it that differ in their attachments alone: to the same channel, in the same name. */
function together(waiting: readonly Queued[]): readonly Queued[] {
  const [first] = waiting;
  if (first === undefined) return [];
  const frame = frameOf(first.message);
  let attachments = 0;
  const end = waiting.findIndex(({ message }) => {
    attachments += message.attachments.length;
    return frameOf(message) !== frame || attachments > mostAttachments;
  });
  return end === -1 ? waiting : waiting.slice(0, Math.max(1, end));
}

const frameOf = ({ attachments: _, ...frame }: Message): string => JSON.stringify(frame);

const merged = (batch: readonly Queued[]): Message => ({
  ...batch[0]?.message,
  attachments: batch.flatMap(({ message }) => message.attachments),
});

/** Whether a text is what can be posted to. */
export const isWebhook = (url: string): boolean => /^https?:$/.test(URL.parse(url)?.protocol ?? "");

async function post(url: string, message: Message): Promise<Outcome> {
  if (!isWebhook(url)) return { failure: "no_webhook" };
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return outcomeOf(response);
  } catch {
    return { failure: "unreachable" };
  }
}

function outcomeOf({ status, headers }: Response): Outcome {
  if (status === 200) return {};
  if (status === 429) return { failure: "rate_limited", wait: secondsIn(headers.get("retry-after")) * 1_000 };
  if (status >= 500) return { failure: "server_error" };
  return { failure: status === 400 || status === 413 ? "invalid" : "refused" };
}

/** Slack writes whole seconds; more than five minutes would be a mistake of somebody's. */
const secondsIn = (header: string | null): number => Math.min(Number(/^\d{1,6}$/.exec(header ?? "")?.[0] ?? 0), 300);
