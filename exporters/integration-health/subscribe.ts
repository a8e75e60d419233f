// Reads vendors' status feeds: each URL once for all who use it, not more often than once a minute, unchanged ones at no cost.
import { milliseconds } from "../../components/units.ts";
import type { FeedCause } from "../../telemetry/catalogue/integrations.ts";
import { type Clock, realClock } from "./clock.ts";
import type { IntegrationTarget } from "./config.ts";
import { type Answer, type Ask, exchange } from "./exchange.ts";
import { FeedError, type Reading } from "./feeds/feed.ts";
import { feeds } from "./feeds/index.ts";
import { classify, type HttpProxy, phaseClock } from "./probe.ts";
import { repeat } from "./schedule.ts";

export type FeedTarget = NonNullable<IntegrationTarget["feed"]>;

/** One try to read a feed. */
export interface FeedResult {
  readonly cause?: FeedCause;
  /** The last good reading, also after a failure. */
  readonly reading?: Reading;
  /** Words of this reading that are not known; none when it is unchanged. */
  readonly unknown: number;
}

export interface Subscription {
  stop(): Promise<void>;
}

const timeoutMs = 10_000;
const largest = 2 * 2 ** 20;

/** `read` is called after every try. `allow` are the networks of the one who asked first. */
export function subscriptions({
  proxy = () => undefined,
  get = overHttp(proxy),
  clock = realClock,
}: {
  readonly proxy?: () => HttpProxy | undefined;
  readonly get?: Get;
  readonly clock?: Clock;
} = {}): (feed: FeedTarget, allow: readonly string[], read: (result: FeedResult) => void) => Subscription {
  const pollers = new Map<string, Poller>();
  return (feed, allow, read) => {
    const key = JSON.stringify([feed.kind, feed.url, feed.interval, allow]);
    const poller = pollers.get(key) ?? poll(feed, allow, get, clock);
    pollers.set(key, poller);
    poller.readers.add(read);
    if (poller.last !== undefined) read({ ...poller.last, unknown: 0 });
    return {
      stop: async () => {
        poller.readers.delete(read);
        if (poller.readers.size > 0) return;
        pollers.delete(key);
        await poller.stop();
      },
    };
  };
}

interface Poller {
  readonly readers: Set<(result: FeedResult) => void>;
  last?: FeedResult;
  readonly stop: () => Promise<void>;
}

function poll({ kind, url, interval }: FeedTarget, allow: readonly string[], get: Get, clock: Clock): Poller {
  const readers: Poller["readers"] = new Set();
  let etag: string | undefined;
  let reading: Reading | undefined;
  const once = async (signal: AbortSignal): Promise<FeedResult> => {
    const known = () => (reading === undefined ? {} : { reading });
    try {
      const headers = { accept: "application/json, application/xml;q=0.9", ...(etag ? { "if-none-match": etag } : {}) };
      const answer = await get({ url, headers, allow, redirects: 3, largest }, signal);
      if (answer.status === 304 && reading !== undefined) return { reading, unknown: 0 };
      if (answer.status !== 200) return { cause: "status", ...known(), unknown: 0 };
      if (answer.cut) return { cause: "too_large", ...known(), unknown: 0 };
      // Invalid UTF-8 is no text of a feed.
      const text = new TextDecoder("utf-8", { fatal: true }).decode(answer.body);
      reading = feeds[kind](text, url);
      etag = answer.headers.etag;
      return { reading, unknown: reading.unknown };
    } catch (error) {
      return { cause: causeOf(error), ...known(), unknown: 0 };
    }
  };
  const { stop } = repeat({
    intervalMs: milliseconds(interval),
    clock,
    work: async ({ cut }) => {
      const result = await once(cut);
      if (cut.aborted) return;
      poller.last = result;
      for (const read of readers) read(result);
    },
  });
  const poller: Poller = { readers, stop };
  return poller;
}

export type Get = (ask: Ask, signal: AbortSignal) => Promise<Answer>;

const overHttp =
  (proxy: () => HttpProxy | undefined): Get =>
  async (ask, stop) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(Object.assign(new Error("late"), { code: "ETIMEDOUT" })), {
        once: true,
      });
    });
    return Promise.race([exchange(ask, { signal, clock: phaseClock(), found: {}, proxy: proxy() }), late]);
  };

function causeOf(error: unknown): FeedCause {
  if (error instanceof FeedError || error instanceof TypeError) return "format";
  const cause = classify(error);
  if (cause === "assertion" || cause === "auth" || cause === "rate_limited" || cause === "http_5xx") return "format";
  return cause;
}
