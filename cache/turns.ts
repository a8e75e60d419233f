// Loads while nobody can tell whether a running one is still right: who comes shares the next one, which begins after he came.

interface Turn {
  readonly running: Promise<unknown>;
  next?: Promise<unknown>;
}

export type Load = () => Promise<unknown>;

/** At most one load per key runs at a time. `onShare` is called for each who shares another's. */
export function createTurns(onShare: () => void = () => {}): (key: string, load: Load) => Promise<unknown> {
  const turns = new Map<string, Turn>();
  const begin = (key: string, load: Load): Promise<unknown> => {
    const running = load().finally(() => {
      if (turns.get(key) === turn && turn.next === undefined) turns.delete(key);
    });
    const turn: Turn = { running };
    turns.set(key, turn);
    return running;
  };
  return (key, load) => {
    const turn = turns.get(key);
    if (turn === undefined) return begin(key, load);
    if (turn.next !== undefined) onShare();
    const go = (): Promise<unknown> => begin(key, load);
    turn.next ??= turn.running.then(go, go);
    return turn.next;
  };
}
