// Connections under one budget: each database keeps the one it has, a second is opened only when that one is held up.
import { CollectorError } from "../collector.ts";
import { endOrTime } from "../scrape.ts";

export interface Connection {
  /** Fit for another use. */
  healthy(): boolean;
  /** At once, without waiting for the other side. */
  destroy(): void;
  /** In order; ends when the other side has let go. */
  close(): Promise<void>;
}

export interface Owner<T extends Connection> {
  readonly id: string;
  open(signal: AbortSignal): Promise<T>;
}

interface Held {
  readonly owner: Owner<Connection>;
  connection: Connection | undefined;
  busy: boolean;
  /** Since when it has been busy or idle. */
  since: number;
  /** It is nobody's any more, and keeps its place until the server has let go. */
  leaving: boolean;
}

export interface Connections {
  /** Runs `use` with a connection of the owner's; one that failed or outlived its signal is not used again. */
  with<T extends Connection, R>(owner: Owner<T>, signal: AbortSignal, use: (connection: T) => Promise<R>): Promise<R>;
  /** Closes what an owner holds: it has gone or changed. */
  drop(owner: Owner<Connection>): void;
  close(): void;
  open(): number;
}

/** After a failed open, for how long the others who wait for the same database get the same answer. */
const sameAnswerMs = 500;
/** How long one use may hold its database's connection before another is opened beside it. */
const patienceMs = 1_000;
/** How long a server may take to let go. */
const goodbyeMs = 500;

export function createConnections(limit: number): Connections {
  const held = new Set<Held>();
  const waiting = new Set<() => void>();
  const failures = new WeakMap<Owner<Connection>, { readonly at: number; readonly error: unknown }>();

  const changed = (): void => {
    for (const wake of [...waiting]) wake();
  };
  const discard = (each: Held): void => {
    held.delete(each);
    each.connection?.destroy();
    changed();
  };
  /** What is opened in its place is opened after the server has let go of it: no server ever sees one more than the limit. */
  const retire = (each: Held): void => {
    each.busy = true;
    each.leaving = true;
    void endOrTime(each.connection?.close() ?? Promise.resolve(), AbortSignal.timeout(goodbyeMs)).finally(() =>
      discard(each),
    );
  };
  const ownedBy = (owner: Owner<Connection>): readonly Held[] =>
    [...held].filter((each) => each.owner === owner && !each.leaving);

  /** A place in the budget, with or without a connection in it; or for how many milliseconds to wait for one at most. */
  const take = (owner: Owner<Connection>): Held | number => {
    for (const each of ownedBy(owner)) if (!each.busy && !each.connection?.healthy()) discard(each);
    const own = ownedBy(owner);
    const idle = own.find(({ busy }) => !busy);
    if (idle !== undefined) return idle;
    // One that is being opened is always waited for: a dead server must not use up the budget.
    if (own.some(({ connection }) => connection === undefined)) return Number.POSITIVE_INFINITY;
    const rest = Math.max(0, ...own.map(({ since }) => since + patienceMs - performance.now()));
    if (rest > 0) return rest;
    if (held.size >= limit) {
      const [oldest] = [...held].filter(({ busy }) => !busy).toSorted((a, b) => a.since - b.since);
      if (oldest !== undefined && ![...held].some(({ leaving }) => leaving)) retire(oldest);
      return Number.POSITIVE_INFINITY;
    }
    const place: Held = { owner, connection: undefined, busy: true, since: performance.now(), leaving: false };
    held.add(place);
    return place;
  };
  const place = async (owner: Owner<Connection>, signal: AbortSignal): Promise<Held> => {
    for (;;) {
      if (signal.aborted) throw new CollectorError("timeout");
      const failure = failures.get(owner);
      if (failure !== undefined && performance.now() - failure.at < sameAnswerMs) throw failure.error;
      const found = take(owner);
      if (typeof found === "object") {
        found.busy = true;
        found.since = performance.now();
        return found;
      }
      await wakened(waiting, signal, found);
    }
  };

  return {
    open: () => held.size,
    with: async (owner, signal, use) => {
      const mine = await place(owner, signal);
      const onAbort = (): void => discard(mine);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        if (mine.connection === undefined) {
          const opened = await owner.open(signal).catch((error: unknown) => {
            failures.set(owner, { at: performance.now(), error });
            throw error;
          });
          mine.connection = opened;
          mine.since = performance.now();
          changed();
          // The place may have been given up meanwhile.
          if (!held.has(mine)) {
            opened.destroy();
            throw new CollectorError("timeout");
          }
        }
        return await use(mine.connection as Parameters<typeof use>[0]);
      } finally {
        signal.removeEventListener("abort", onAbort);
        mine.busy = false;
        mine.since = performance.now();
        // A second one was for while the first was held up.
        const surplus =
          waiting.size === 0 && ownedBy(owner).some((each) => each !== mine && each.connection?.healthy());
        if (!mine.connection?.healthy()) discard(mine);
        else if (surplus) retire(mine);
        else changed();
      }
    },
    drop: (owner) => {
      for (const each of [...held]) if (each.owner === owner) discard(each);
    },
    close: () => {
      for (const each of [...held]) discard(each);
    },
  };
}

/** Returns when something changed, the time is over or the signal is aborted. */
const wakened = (waiting: Set<() => void>, signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const wake = (): void => {
      waiting.delete(wake);
      signal.removeEventListener("abort", wake);
      clearTimeout(timer);
      resolve();
    };
    const timer = Number.isFinite(ms) ? setTimeout(wake, ms) : undefined;
    waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
  });
