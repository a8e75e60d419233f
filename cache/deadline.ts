// Lets nothing that is asked of Redis take longer than its time.

export const late = new Error("late");

/** A command that was sent; ioredis's `Command` is one. */
interface Sent {
  readonly promise: Promise<unknown>;
  reject(error: Error): void;
}

/** Who is told how a command went, and says what its failure is. */
interface Told {
  readonly answered: () => void;
  readonly refused: (thrown: unknown) => unknown;
}

export interface Deadline {
  /** Rejects with `late` when the work takes longer. */
  within<T>(work: Promise<T>): Promise<T>;
  /** The same of a command, for a hit's sake without a promise more than it takes. */
  answered<T>(sent: Sent, told: Told): Promise<T>;
  /** Whether something is waited for. */
  busy(): boolean;
}

/** One timer for all: who began first has to end first. */
export function createDeadline(ms: number): Deadline {
  const open = new Set<{ readonly end: number; readonly reject: (error: Error) => void }>();
  let armed = false;
  const look = (): void => {
    const now = performance.now();
    for (const each of open) {
      if (each.end > now) break;
      open.delete(each);
      each.reject(late);
    }
    const [first] = open;
    armed = first !== undefined;
    if (first !== undefined) setTimeout(look, first.end - now);
  };
  const begin = (reject: (error: Error) => void) => {
    const each = { end: performance.now() + ms, reject };
    open.add(each);
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
            open.delete(each);
            resolve(value);
          },
          (thrown: unknown) => {
            open.delete(each);
            reject(thrown);
          },
        );
      }),
    answered: <T>(sent: Sent, { answered, refused }: Told): Promise<T> => {
      const each = begin(sent.reject);
      return sent.promise.then(
        (value) => {
          open.delete(each);
          answered();
          return value as T;
        },
        (thrown: unknown) => {
          open.delete(each);
          throw refused(thrown);
        },
      );
    },
    busy: () => open.size > 0,
  };
}
