// Work that may wait for a moment, done for many at a time: alone between requests it takes several times as long, because the
// processor's caches have forgotten it.
const most = 32;
const everyMs = 20;

export interface Batch<A extends readonly unknown[]> {
  add(...args: A): void;
  /** Does what waits. */
  now(): void;
}

/**
 * `work` runs for each that was added, in their order, within 20 ms. What it throws for one
 * is uncaught, and the others are done all the same.
 */
export function inBatches<A extends readonly unknown[]>(work: (...args: A) => void): Batch<A> {
  let waiting: A[] = [];
  let planned = false;
  const now = (): void => {
    const some = waiting;
    waiting = [];
    for (const args of some) {
      try {
        work(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
  return {
    add: (...args) => {
      waiting.push(args);
      if (waiting.length >= most) return now();
      if (planned) return;
      planned = true;
      setTimeout(() => {
        planned = false;
        now();
      }, everyMs).unref();
    },
    now,
  };
}
