// Connections under one budget: each database keeps the one it has, a second is opened only when that one is held up.
import { CollectorError } from "../collector.ts";

export interface Connection {
  /** Fit for another use. */
  healthy(): boolean;
  /** At once, without waiting for the other side. */
  destroy(): void;
}

export interface Owner<T extends Connection> {
  readonly id: string;
  open(signal: AbortSignal): Promise<T>;
}

interface Held {
  readonly owner: Owner<Connection>;
  connection: Connection | undefined;
  busy: boolean;
  usedAt: number;
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
/** How long a use waits for its database's own connection before it opens another. */
const patienceMs = 250;

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
  /** A place in the budget, with or without a connection in it; undefined when there is none to be had now. */
  const take = (owner: Owner<Connection>, patient: boolean): Held | undefined => {
    const own = [...held].filter((each) => each.owner === owner);
    const idle = own.find(({ busy, connection }) => !busy && connection?.healthy());
    if (idle !== undefined) return idle;
    if (patient && own.some(({ busy }) => busy)) return undefined;
    if (held.size >= limit) {
      const oldest = [...held].filter(({ busy }) => !busy).toSorted((a, b) => a.usedAt - b.usedAt)[0];
      if (oldest === undefined) return undefined;
      discard(oldest);
    }
    const place: Held = { owner, connection: undefined, busy: true, usedAt: 0 };
    held.add(place);
    return place;
  };
  /** One that is being opened is always waited for: a dead server must not use up the budget. */
  const isOpening = (owner: Owner<Connection>): boolean =>
    [...held].some((each) => each.owner === owner && each.connection === undefined);
  const place = async (owner: Owner<Connection>, signal: AbortSignal): Promise<Held> => {
    let until = performance.now() + patienceMs;
    for (;;) {
      if (signal.aborted) throw new CollectorError("timeout");
      const failure = failures.get(owner);
      if (failure !== undefined && performance.now() - failure.at < sameAnswerMs) throw failure.error;
      if (isOpening(owner)) until = performance.now() + patienceMs;
      const found = take(owner, performance.now() < until);
      if (found !== undefined) {
        found.busy = true;
        return found;
      }
      await wakened(waiting, signal, until - performance.now());
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
        mine.usedAt = performance.now();
        if (mine.connection?.healthy()) changed();
        else discard(mine);
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

/** Returns when something changed, the time is over (when it is still to come) or the signal is aborted. */
const wakened = (waiting: Set<() => void>, signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const wake = (): void => {
      waiting.delete(wake);
      signal.removeEventListener("abort", wake);
      clearTimeout(timer);
      resolve();
    };
    const timer = ms > 0 ? setTimeout(wake, ms) : undefined;
    waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
  });
