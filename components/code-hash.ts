// A hash of an entry's import graph and of the lockfile: what decides whether a process of our own runs the current code.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Static imports of files of our own, as the formatter writes them. */
const localImport = /(?:^|\s)(?:import|from)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

/** Hex, 16 digits. `entry` is relative to `checkout`. */
export function codeHash(checkout: string, entry: string): string {
  const hash = createHash("sha256");
  for (const path of importGraph(join(checkout, entry)))
    hash.update(relative(checkout, path)).update("\0").update(readFileSync(path)).update("\0");
  hash.update(lockfile(checkout));
  return hash.digest("hex").slice(0, 16);
}

/** Every file of our own that an entry loads, itself included, in a stable order. */
export function importGraph(entry: string): readonly string[] {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, target = ""] of readFileSync(path, "utf8").matchAll(localImport)) visit(join(dirname(path), target));
  };
  visit(entry);
  return [...seen].toSorted();
}

const lockfile = (checkout: string): string => {
  try {
    return readFileSync(join(checkout, "package-lock.json"), "utf8");
  } catch {
    return "";
  }
};
