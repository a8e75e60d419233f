// One load for all who wait for the same: it goes on as long as one of them does, and ends with the last who leaves.

/**
 * Runs `work` for somebody who may leave. All who wait for the same key at a time get the same signal, which is aborted when the last of them
 * has left; whoever has what he waited for has not left.
 */
export type Together = <T>(key: string, leaving: AbortSignal, work: (left: AbortSignal) => Promise<T>) => Promise<T>;

interface Party {
  waiting: number;
  readonly controller: AbortController;
}

export function createTogether(): Together {
  const parties = new Map<string, Party>();
  return async (key, leaving, work) => {
    const party = parties.get(key) ?? { waiting: 0, controller: new AbortController() };
    parties.set(key, party);
    party.waiting++;
    const go = (): boolean => {
      const last = --party.waiting === 0;
      if (last) parties.delete(key);
      return last;
    };
    const leave = (): void => {
      if (go()) party.controller.abort();
    };
    if (leaving.aborted) leave();
    else leaving.addEventListener("abort", leave, { once: true });
    try {
      return await work(party.controller.signal);
    } finally {
      leaving.removeEventListener("abort", leave);
      if (!leaving.aborted) go();
    }
  };
}
