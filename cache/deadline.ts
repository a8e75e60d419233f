// Lets nothing that is asked of Redis take longer than its time.
import { performance } from "node:perf_hooks";

export const late = new Error("late");

/** A command that was sent; ioredis's `Command` is one. */
interface Sent {
  readonly promise: Promise<unknown>;
  reject(error: Error): void;
}

/** Who is told how a command went, and says what its failure is. */
interface Told<U> {
  readonly answered: () => void;
  readonly refused: (thrown: unknown) => U;
}

export type Then<A, T> = (answer: A) => T | Promise<T>;

export interface Deadline {
  /** Rejects with `late` when the work takes longer. */
  within<T>(work: Promise<T>): Promise<T>;
  /** The same of a command; what it answers is given on at once: for a hit's sake there is no promise more than it takes. */
  answered<A, T, U>(sent: Sent, told: Told<U>, then: Then<A, T>, otherwise: Then<U, T>): Promise<T>;
  /** Whether something is waited for. */
  busy(): boolean;
}

/** What is waited for, in a ring in which each is behind the one that began before it. */
interface Waiting {
  readonly end: number;
  readonly reject: (error: Error) => void;
  before: Waiting;
  behind: Waiting;
}

/** The one that stands for the beginning and the end. */
function emptyRing(): Waiting {
  const ring = { end: Number.POSITIVE_INFINITY, reject: () => {} } as Partial<Waiting> as Waiting;
  [ring.before, ring.behind] = [ring, ring];
  return ring;
}

/** Does nothing to one that has been taken out. */
function takeOut(each: Waiting): void {
  each.before.behind = each.behind;
  each.behind.before = each.before;
  each.before = each;
  each.behind = each;
}

/** One timer for all: who began first has to end first. A ring, because a set hashes what it is given: a part of each hit's time. */
export function createDeadline(ms: number): Deadline {
  const ring = emptyRing();
  let armed = false;
  const look = (): void => {
    const now = performance.now();
    let first = ring.behind;
    for (; first.end <= now; first = ring.behind) {
      takeOut(first);
      first.reject(late);
    }
    armed = first !== ring;
    if (armed) setTimeout(look, first.end - now);
  };
  const begin = (reject: (error: Error) => void): Waiting => {
    const each = { end: performance.now() + ms, reject, before: ring.before, behind: ring };
    ring.before.behind = each;
    ring.before = each;
    if (!armed) setTimeout(look, ms);
    armed = true;
    return each;
  };
  return {
    within: (work) =>
      new Promise((resolve, reject) => {
        const each = begin(reject);
        work.then(
          (value) => {
            takeOut(each);
            resolve(value);
          },
          (thrown: unknown) => {
            takeOut(each);
            reject(thrown);
          },
        );
      }),
    answered: <A, T, U>(sent: Sent, { answered, refused }: Told<U>, then: Then<A, T>, otherwise: Then<U, T>) => {
      const each = begin(sent.reject);
      return sent.promise.then(
        (value) => {
          takeOut(each);
          answered();
          return then(value as A);
        },
        (thrown: unknown) => {
          takeOut(each);
          return otherwise(refused(thrown));
        },
      );
    },
    busy: () => ring.behind !== ring,
  };
}
