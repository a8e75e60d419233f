// What probing may cost: calls and bytes per minute of each integration, and how many attempts are under way at once.

export interface Budget {
  /** Takes a call; false when it would be one too many. */
  take(): boolean;
  /** Counts what an attempt sent and received. */
  spend(bytes: number): void;
}

/** Refills steadily; what was overspent is waited for. */
export function budget(
  { callsPerMinute, bytesPerMinute }: { readonly callsPerMinute: number; readonly bytesPerMinute: number },
  now: () => number,
): Budget {
  let [calls, bytes, at] = [callsPerMinute, bytesPerMinute, now()];
  return {
    take: () => {
      const minutes = Math.max(0, now() - at) / 60_000;
      at = now();
      calls = Math.min(callsPerMinute, calls + minutes * callsPerMinute);
      bytes = Math.min(bytesPerMinute, bytes + minutes * bytesPerMinute);
      if (calls < 1 || bytes <= 0) return false;
      calls -= 1;
      return true;
    },
    spend: (amount) => {
      bytes -= amount;
    },
  };
}

export type Gate = <T>(work: () => Promise<T>) => Promise<T>;

/** At most `atOnce` pieces of work at a time; the others wait in the order in which they came. */
export function gate(atOnce: number): Gate {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
