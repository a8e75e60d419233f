// Watches the code of programs of our own, and tells which of them no longer run what lies on disk.
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { codeHash, type Sources } from "../../components/code-hash.ts";

export interface CodeWatch {
  /** The folder to which entries are relative. */
  readonly root: string;
  /** Entry -> the hash of the code that runs. */
  readonly running: ReadonlyMap<string, string>;
  /** Told the entries whose code has changed; `at` is when that was seen, by `performance.now()`. The next is told when it has resolved. */
  readonly changed: (entries: readonly string[], at: number) => Promise<void>;
  /** Told why the code cannot be read, such as an import of a file that is not there. */
  readonly broken: (error: unknown) => void;
}

/** A save is several events, and a file that is written anew is empty for a moment. */
const settleMs = 25;

/** Watches until the signal is aborted. What differs already is told first. */
export async function watchCode({ root, running, changed, broken }: CodeWatch, end: AbortSignal): Promise<void> {
  const hashes = new Map(running);
  const watchers = new Map<string, FSWatcher>();
  let noticed = Promise.withResolvers<number>();
  const follow = (folder: string): void => {
    if (watchers.has(folder)) return;
    const watcher = watch(folder, () => noticed.resolve(performance.now()));
    // What changed between its reading and the watching of its folder would go unseen.
    noticed.resolve(performance.now());
    // The folder has gone; when code lies there again, it is found by what imports it.
    watcher.on("error", () => {
      watcher.close();
      watchers.delete(folder);
    });
    watchers.set(folder, watcher);
  };
  const look = async (at: number): Promise<void> => {
    const sources: Sources = new Map();
    const differ: string[] = [];
    try {
      for (const [entry, before] of hashes) {
        const hash = codeHash(root, entry, sources);
        if (hash !== before) differ.push(entry);
        hashes.set(entry, hash);
      }
    } catch (error) {
      broken(error);
    } finally {
      for (const path of sources.keys()) follow(dirname(path));
    }
    if (differ.length > 0) await changed(differ, at);
  };

  const ended = new Promise<void>((resolve) => end.addEventListener("abort", () => resolve(), { once: true }));
  for (let at = performance.now(); !end.aborted; ) {
    // What changes while it is being read is looked at again.
    noticed = Promise.withResolvers();
    await look(at);
    at = (await Promise.race([noticed.promise, ended])) ?? at;
    await pause(settleMs);
  }
  for (const watcher of watchers.values()) watcher.close();
}
