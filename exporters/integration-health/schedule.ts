// Runs one thing again and again in the background: jittered, never twice at once, and until it is stopped.

export interface Schedule {
  readonly intervalMs: number;
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** Called with how many turns were left out because the one before took too long. */
  readonly skipped: (turns: number) => void;
  readonly random?: () => number;
}

/** The first turn comes soon, but not for all at the same moment. */
const firstWithinMs = 1_000;
/** Share of the interval by which a turn may come early or late. */
const jitter = 0.1;

export function repeat({ intervalMs, work, skipped, random = Math.random }: Schedule): {
  /** Ends the schedule; resolves when the turn under way has ended. */
  readonly stop: () => Promise<void>;
} {
  const stopping = new AbortController();
  const { signal } = stopping;
  const loop = async (): Promise<void> => {
    await pause(random() * Math.min(firstWithinMs, intervalMs), signal);
    while (!signal.aborted) {
      const began = performance.now();
      await work(signal);
      const spent = performance.now() - began;
      const missed = Math.floor(spent / intervalMs);
      if (missed > 0 && !signal.aborted) skipped(missed);
      const turn = intervalMs * (missed + 1 + (random() * 2 - 1) * jitter);
      await pause(Math.max(0, turn - spent), signal);
    }
  };
  const done = loop();
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

/** Waits, or returns at once when the signal is aborted. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
