// A clock that stands still while anything runs and jumps to the next sleeper when all sleep: days pass in seconds.
import type { Clock } from "../../exporters/integration-health/clock.ts";

export interface VirtualClock extends Clock {
  /** Lets time pass until that instant, in milliseconds. */
  run(until: number): Promise<void>;
}

export function virtualClock(): VirtualClock {
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  let now = 0;
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper = { at: now + Math.max(0, ms), wake };
        sleepers.add(sleeper);
        signal.addEventListener("abort", wake, { once: true });
      }),
    run: async (until) => {
      for (;;) {
        // Everything that can run without time passing runs first.
        await new Promise(setImmediate);
        let next: { readonly at: number; readonly wake: () => void } | undefined;
        for (const each of sleepers) if (next === undefined || each.at < next.at) next = each;
        if (next === undefined || next.at > until) break;
        now = next.at;
        next.wake();
      }
      now = until;
    },
  };
}
