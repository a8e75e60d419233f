// Loads ahead of those who will ask: a few at a time, and nothing that is there already.

/** What came of each id. */
export interface Warmed {
  readonly loaded: number;
  /** Were there already. */
  readonly present: number;
  /** Could not be loaded; whoever asks for one loads it then. */
  readonly failed: number;
}

/** `read` gets the value through the cache and says whether it was loaded. */
export async function warm<Id>(
  ids: Iterable<Id>,
  read: (id: Id) => Promise<boolean>,
  together: number,
): Promise<Warmed> {
  const counted = { loaded: 0, present: 0, failed: 0 };
  const left = ids[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next())
      try {
        counted[(await read(next.value)) ? "loaded" : "present"]++;
      } catch {
        counted.failed++;
      }
  };
  await Promise.all(Array.from({ length: Math.max(1, together) }, work));
  return counted;
}
