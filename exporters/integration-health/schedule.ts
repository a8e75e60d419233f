// Runs one thing again and again in the background: jittered, never twice at once, and until it is stopped.
import { type Clock, realClock } from "./clock.ts";

export interface Schedule {
  readonly intervalMs: number;
  readonly work: (turn: Turn) => Promise<void>;
  /** Called with how many turns were left out because the one before took too long. */
  readonly skipped?: (turns: number) => void;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/** How a turn learns that the schedule ends. */
export interface Turn {
  /** Nothing more is begun. */
  readonly ending: AbortSignal;
  /** What is under way is cut short. */
  readonly cut: AbortSignal;
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
  /** Ends the schedule; resolves when the turn under way has ended. It may run on until `late` is aborted; without one it is cut short. */
  readonly stop: (late?: AbortSignal) => Promise<void>;
} {
  const [stopping, cutting] = [new AbortController(), new AbortController()];
  const ending = stopping.signal;
  const loop = async (): Promise<void> => {
    await clock.sleep(random() * Math.min(firstWithinMs, intervalMs), ending);
    // Turns hold to a grid, so that their delays do not add up; each is jittered around its own place.
    let due = clock.now();
    while (!ending.aborted) {
      await work({ ending, cut: cutting.signal });
      const missed = Math.max(0, Math.floor((clock.now() - due) / intervalMs));
      if (missed > 0 && !ending.aborted) skipped(missed);
      // A turn comes early by its jitter alone; else the clock was set back, and nothing waits for as long as that.
      if (due - clock.now() > intervalMs / 2) due = clock.now();
      due += intervalMs * (missed + 1);
      await clock.sleep(Math.max(0, due - clock.now() + (random() * 2 - 1) * jitter * intervalMs), ending);
    }
  };
  const done = loop();
  return {
    stop: async (late = AbortSignal.abort()) => {
      stopping.abort();
      if (late.aborted) cutting.abort();
      else late.addEventListener("abort", () => cutting.abort(), { once: true });
      await done;
    },
  };
}
