// Lets a few heavy jobs run at a time, the heaviest first.

type Turn = <T>(weight: number, job: () => Promise<T>) => Promise<T>;

/** Jobs that arrive within `settleMs` of each other are ordered before the first one starts. */
export function turns(atOnce: number, settleMs = 250): Turn {
  const waiting: { weight: number; start: () => void }[] = [];
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  const dispatch = () => {
    waiting.sort((a, b) => b.weight - a.weight);
    while (running < atOnce && waiting.length > 0) {
      running++;
      waiting.shift()?.start();
    }
  };
  return async (weight, job) => {
    await new Promise<void>((start) => {
      waiting.push({ weight, start });
      timer ??= setTimeout(() => {
        timer = undefined;
        dispatch();
      }, settleMs);
    });
    try {
      return await job();
    } finally {
      running--;
      if (timer === undefined) dispatch();
    }
  };
}
