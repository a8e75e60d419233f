// A bounded queue that sends in batches: it never blocks who adds to it, and counts what it gives up.
import type { DropCause } from "./catalogue/tracing.ts";

/** `refused`: the other side read it and said no. `away`: it could not be reached, or asked for later. */
export type Outcome = "sent" | "refused" | "away";

export interface QueueOptions<T> {
  /** The most that wait; what comes on top is dropped. */
  readonly most: number;
  readonly batch: number;
  readonly everyMs: number;
  /** Never rejects, and ends by itself within a bounded time. */
  readonly send: (items: readonly T[]) => Promise<Outcome>;
  readonly ended: (outcome: Outcome, items: number) => void;
  readonly dropped: (cause: DropCause, items: number) => void;
}

export interface Queue<T> {
  /** What there is no room for is not even made, and counted as dropped. */
  add(make: () => T): void;
  waiting(): number;
  /** Sends what waits now; gives up at the first batch that does not arrive. */
  flush(): Promise<void>;
  /** Flushes, drops the rest, and takes no more. */
  close(): Promise<void>;
}

const longestPauseMs = 30_000;

export function createQueue<T>(options: QueueOptions<T>): Queue<T> {
  const { most, batch, everyMs, send, ended, dropped } = options;
  let items: T[] = [];
  let pauseMs = everyMs;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  /** Whether it sends, or is about to. */
  let soon = false;
  /** How many have left since the start. */
  let left = 0;
  let sending: Promise<number> | undefined;

  /**
   * How many of a batch have left: none when the other side is away. It is on its way no more in the same moment in which it has left:
   * whoever came in between would wait for a batch that has none of his.
   */
  const one = async (): Promise<number> => {
    const some = items.slice(0, batch);
    const outcome = await send(some);
    ended(outcome, some.length);
    if (outcome === "away") {
      // They stay at the head; meanwhile the queue may fill, which is where the loss begins.
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      sending = undefined;
      return 0;
    }
    pauseMs = everyMs;
    items = items.slice(some.length);
    left += some.length;
    if (outcome === "refused") dropped("refused", some.length);
    sending = undefined;
    return some.length;
  };
  /** Who asks while a batch is on its way waits for that one. */
  const next = (): Promise<number> => {
    sending ??= one();
    return sending;
  };
  const flush = async (): Promise<void> => {
    for (const until = left + items.length; left < until && (await next()) > 0; );
  };
  const plan = (inMs: number): void => {
    if (timer !== undefined || closed) return;
    timer = setTimeout(async () => {
      soon = true;
      // What came meanwhile waits for more to come along: a service that is busy would never stop to send a few at a time.
      for (let least = 1; items.length >= least && (await next()) > 0; ) least = batch;
      [timer, soon] = [undefined, false];
      if (items.length > 0) plan(pauseMs);
    }, inMs);
    timer.unref();
  };
  /** A whole batch waits for nothing, unless the other side is away. */
  const hurry = (): void => {
    if (soon || pauseMs > everyMs || items.length < batch) return;
    clearTimeout(timer);
    timer = undefined;
    plan(0);
    soon = true;
  };

  return {
    add: (make) => {
      if (closed) return dropped("away", 1);
      if (items.length >= most) return dropped("full", 1);
      items.push(make());
      plan(pauseMs);
      hurry();
    },
    waiting: () => items.length,
    flush: async () => {
      if (closed) await sending;
      else await flush();
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await flush();
      if (items.length > 0) dropped("away", items.length);
      items = [];
    },
  };
}
