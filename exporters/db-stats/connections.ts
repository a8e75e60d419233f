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
  /** Address of the server: owners may share one. */
  readonly server: string;
  /**
   * Ends early when the signal is aborted. `begun` is called when the server holds something for us from now on, whether we leave or
   * not: then it is waited for, unused, beyond the time of whoever asked for it.
   */
  open(signal: AbortSignal, begun: () => void): Promise<T>;
  /** It was not there when it was needed. */
  late?(): void;
}

interface Held {
  readonly owner: Owner<Connection>;
  connection: Connection | undefined;
  busy: boolean;
  /** Since when it has been busy or idle. */
  since: number;
  /** It is nobody's any more, and keeps its place until the server has let go. */
  leaving: boolean;
  /** Its opening is waited for by nobody; it takes no place but at its own server, where no other is opened meanwhile. */
  lingering: boolean;
  /** Ends its opening. */
  readonly stop: AbortController;
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
/** How long is waited for one that is being opened; and how long it may linger after that. */
const openMs = 3_000;
const lingerMs = 600_000;
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
    each.stop.abort();
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
    const used = own.filter(({ lingering }) => !lingering);
    // One that is being opened is always waited for: a dead server must not use up the budget.
    if (used.some(({ connection }) => connection === undefined)) return Number.POSITIVE_INFINITY;
    const lingers = [...held].some(({ lingering, owner: { server } }) => lingering && server === owner.server);
    if (lingers) {
      if (used.length > 0) return Number.POSITIVE_INFINITY;
      const error = new CollectorError("timeout");
      failures.set(owner, { at: performance.now(), error });
      owner.late?.();
      throw error;
    }
    const rest = Math.max(0, ...used.map(({ since }) => since + patienceMs - performance.now()));
    if (rest > 0) return rest;
    if (inUse() >= limit) {
      const [oldest] = [...held].filter(({ busy }) => !busy).toSorted((a, b) => a.since - b.since);
      if (oldest !== undefined && ![...held].some(({ leaving }) => leaving)) retire(oldest);
      return Number.POSITIVE_INFINITY;
    }
    const place: Held = {
      owner,
      connection: undefined,
      busy: true,
      since: performance.now(),
      leaving: false,
      lingering: false,
      stop: new AbortController(),
    };
    held.add(place);
    return place;
  };
  const inUse = (): number => [...held].filter(({ lingering }) => !lingering).length;
  /** Puts a connection into its place. One that the server has begun with and that is late stays there, for whoever comes when it is open. */
  const fill = async (mine: Held, owner: Owner<Connection>, signal: AbortSignal): Promise<void> => {
    let begun = false;
    const wanted = AbortSignal.any([signal, AbortSignal.timeout(openMs)]);
    const given = AbortSignal.any([mine.stop.signal, AbortSignal.timeout(lingerMs)]);
    const arrival = owner.open(given, () => {
      begun = true;
    });
    const whenOver = new Promise<undefined>((resolve) => {
      wanted.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    try {
      const opened = await Promise.race([arrival, whenOver]);
      // The place may have been given up meanwhile.
      if (opened === undefined || !held.has(mine)) {
        opened?.destroy();
        throw new CollectorError("timeout");
      }
      mine.connection = opened;
      mine.since = performance.now();
      changed();
    } catch (error) {
      failures.set(owner, { at: performance.now(), error });
      if (wanted.aborted) owner.late?.();
      if (!wanted.aborted || !begun || !held.has(mine)) {
        discard(mine);
        arrival.then((late) => late.destroy()).catch(() => undefined);
        throw error;
      }
      mine.lingering = true;
      changed();
      arrival.then(
        (late) => {
          if (!held.has(mine)) return late.destroy();
          Object.assign(mine, { connection: late, lingering: false, since: performance.now(), busy: false });
          if (inUse() > limit) retire(mine);
          else changed();
        },
        () => discard(mine),
      );
      throw error;
    }
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
      if (mine.connection === undefined) await fill(mine, owner, signal);
      const onAbort = (): void => discard(mine);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
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
