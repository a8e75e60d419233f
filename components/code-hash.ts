// A hash of an entry's import graph and of the lockfile: what decides whether a process of our own runs the current code.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Static imports of files of our own, as the formatter writes them. */
const localImport = /(?:^|\s)(?:import|from)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

interface Source {
  readonly hash: string;
  readonly imports: readonly string[];
}

/** What was read of files so far. Entries share most of their graphs: each file is read once. */
export type Sources = Map<string, Source>;

const atFirst: Sources = new Map();

/** Hex, 16 digits. `entry` is relative to `checkout`. Files are taken as they were when first read, by default by this process. */
export function codeHash(checkout: string, entry: string, sources: Sources = atFirst): string {
  const hash = createHash("sha256");
  for (const path of importGraph(join(checkout, entry), sources))
    hash.update(relative(checkout, path)).update("\0").update(source(path, sources).hash).update("\0");
  return hash
    .update(source(join(checkout, "package-lock.json"), sources).hash)
    .digest("hex")
    .slice(0, 16);
}

/** Every file of our own that an entry loads, itself included, in a stable order. */
export function importGraph(entry: string, sources: Sources = atFirst): readonly string[] {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const target of source(path, sources).imports) visit(target);
  };
  visit(entry);
  return [...seen].toSorted();
}

function source(path: string, sources: Sources): Source {
  const known = sources.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(path, "utf8");
  const imports = path.endsWith(".ts")
    ? [...text.matchAll(localImport)].map(([, target = ""]) => join(dirname(path), target))
    : [];
  const read = { hash: createHash("sha256").update(text).digest("hex"), imports };
  sources.set(path, read);
  return read;
}
