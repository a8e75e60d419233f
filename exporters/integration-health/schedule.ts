// Runs one thing again and again in the background: jittered, never twice at once, and until it is stopped.
import { type Clock, realClock } from "./clock.ts";

export interface Schedule {
  readonly intervalMs: number;
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** Called with how many turns were left out because the one before took too long. */
  readonly skipped?: (turns: number) => void;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/** The first turn comes soon, but not for all at the same moment. */
const firstWithinMs = 1_000;
/** Share of the interval by which a turn may come early or late. */
const jitter = 0.1;

export function repeat({
  intervalMs,
  work,
  skipped = () => undefined,
  random = Math.random,
  clock = realClock,
}: Schedule): {
  /** Ends the schedule; resolves when the turn under way has ended. */
  readonly stop: () => Promise<void>;
} {
  const stopping = new AbortController();
  const { signal } = stopping;
  const loop = async (): Promise<void> => {
    await clock.sleep(random() * Math.min(firstWithinMs, intervalMs), signal);
    // Turns hold to a grid, so that their delays do not add up; each is jittered around its own place.
    let due = clock.now();
    while (!signal.aborted) {
      await work(signal);
      const missed = Math.max(0, Math.floor((clock.now() - due) / intervalMs));
      if (missed > 0 && !signal.aborted) skipped(missed);
      due += intervalMs * (missed + 1);
      await clock.sleep(Math.max(0, due - clock.now() + (random() * 2 - 1) * jitter * intervalMs), signal);
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
