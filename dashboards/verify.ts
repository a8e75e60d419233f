// Runs questions against a running Prometheus, item by item: ok, empty or error, within a time.
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../components/errors.ts";
import { QueryError } from "./viewer/browser/ask.ts";

export type Status = "ok" | "empty" | "error";

export interface Finding {
  readonly kind: "variable" | "panel" | "rule";
  /** `Overview / Targets down / A`, `Stack / $service`, or `group / rule / service`. */
  readonly item: string;
  readonly status: Status;
  readonly detail: string;
}

export interface Item {
  readonly kind: Finding["kind"];
  readonly item: string;
  readonly check: () => Promise<Omit<Finding, "kind" | "item">>;
}

export interface Source {
  readonly prometheus: URL;
  /** Sent with each question, such as a login. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly scrapeSeconds: number;
  /** For each question. */
  readonly timeoutMs: number;
  /** Lets go of whatever is still asked. */
  readonly signal?: AbortSignal;
}

export interface Verified {
  /** In the order of the items; without those that nobody came to. */
  readonly findings: readonly Finding[];
  /** Items for which no time was left. */
  readonly left: number;
}

export interface Times {
  /** How long what is not ok is tried again. */
  readonly waitMs: number;
  /** How long all of it may take, the wait besides. */
  readonly limitMs: number;
}

/** As many as a browser asks at once: Prometheus is not to be kept busy by a check. */
const parallel = 6;

/**
 * Checks all items; those that are not ok again and again until the wait is over. Throws the QueryError of kind `away` when Prometheus
 * cannot be reached and the wait is over: then there is nothing to say of single items.
 */
export async function verify(items: readonly Item[], { waitMs, limitMs }: Times): Promise<Verified> {
  const begun = Date.now();
  const findings: (Finding | undefined)[] = [];
  for (let open = items.map((item, index) => ({ item, index })); ; ) {
    const queue = [...open];
    const end = begun + waitMs + limitMs;
    const isLate = (): boolean => Date.now() >= end;
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !isLate(); next = queue.shift()) {
        const left = Math.max(0, end - Date.now());
        const found = await Promise.race([checked(next.item), sleep(left, undefined, { ref: false })]);
        if (found !== undefined) findings[next.index] = found;
      }
    };
    const away = await Promise.all(Array.from({ length: parallel }, worker)).then(
      () => undefined,
      (error: unknown) => error,
    );
    open = open.filter(({ index }) => findings[index]?.status !== "ok");
    const isOver = open.length === 0 || Date.now() >= begun + waitMs || isLate();
    if (isOver && away !== undefined) throw away;
    if (isOver) {
      const reached = items.flatMap((_, index) => findings[index] ?? []);
      return { findings: reached, left: items.length - reached.length };
    }
    await sleep(Math.min(2_000, Math.max(0, begun + waitMs - Date.now())));
  }
}

/** Tries until it is there or the wait is over; then throws what it threw last. */
export async function whenThere<T>(read: () => Promise<T>, waitMs: number): Promise<T> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(Math.min(2_000, Math.max(0, deadline - Date.now())));
    }
  }
}

async function checked({ kind, item, check }: Item): Promise<Finding> {
  try {
    return { kind, item, ...(await check()) };
  } catch (error) {
    if (error instanceof QueryError && error.kind === "away") throw error;
    return { kind, item, status: "error", detail: messageOf(error) };
  }
}
