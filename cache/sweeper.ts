// Takes out of Redis what a pattern or a flush has made invalid: behind everybody's back, in batches, on every master.
// Nobody is served it any more; until it ends by itself it would only take room.
import { type Link, nonce } from "./link.ts";
import type { Names } from "./names.ts";

export interface Sweeper {
  /** Entries of these patterns, as the library knows them; `**`: all. */
  sweep(patterns: readonly string[]): void;
  /** Resolves when nothing is being swept. */
  done(): Promise<void>;
}

export function createSweeper(link: Link, names: Names): Sweeper {
  let waiting = new Set<string>();
  let running: Promise<void> | undefined;

  /** What is good was stored since, and stays: the library looks at each. */
  const take = async (keys: readonly string[]): Promise<void> => {
    const byShard = Map.groupBy(keys, (key) => names.place(names.nameOf(key)).shard);
    await Promise.all(
      [...byShard].map(([shard, entries]) => link.call(shard, "sweep", [names.marks(shard), ...entries], [nonce()])),
    );
  };
  const run = async (): Promise<void> => {
    while (waiting.size > 0) {
      const globs = new Set([...waiting].map(names.glob));
      waiting = new Set();
      for (const glob of globs) for await (const keys of link.scan(glob)) await take(keys);
    }
  };
  return {
    sweep: (patterns) => {
      if (patterns.length === 0) return;
      for (const pattern of patterns) waiting.add(pattern);
      // Where Redis has gone meanwhile, the rest ends by itself.
      running ??= run()
        .catch(() => waiting.clear())
        .finally(() => {
          running = undefined;
        });
    },
    done: () => running ?? Promise.resolve(),
  };
}
