// Puts an instance's files in place: written by rename, owned by the user that the program runs as, and taken back when a change fails.
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The stack's own key: fingerprints of files that hold secrets must not be guessable. */
export function stackKey(root: string): Buffer {
  const path = join(root, "key");
  try {
    return readFileSync(path);
  } catch {
    writeFileSync(path, randomBytes(32), { mode: 0o600, flag: "wx" });
    return readFileSync(path);
  }
}

export const fingerprint = (key: Buffer | string, text: string | Uint8Array): string =>
  createHmac("sha256", key).update(text).digest("hex");

/** Who may read a file: its owner alone; or, as who writes it cannot give it away, that person and their group. */
export type Readers = Owner | "group";

/** Creates a folder and gives every level below `top` that it created to those who read in it. */
export function makeDirectory(top: string, path: string, readers?: Readers): void {
  if (relative(top, path).startsWith("..")) throw new Error(`${path} is outside ${top}`);
  const missing: string[] = [];
  for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const each of missing) {
    mkdirSync(each, { mode: 0o700 });
    open(each, readers, 0o750);
  }
}

/** Writes by rename, so that a program which reloads at the wrong moment sees the old text or the new. */
export function writeFileFor(top: string, path: string, text: string, readers?: Readers): void {
  makeDirectory(top, dirname(path), readers);
  const temporary = `${path}.vitals-new`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    chmodSync(temporary, 0o600);
    open(temporary, readers, 0o640);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function open(path: string, readers: Readers | undefined, groupMode: number): void {
  if (readers === "group") chmodSync(path, groupMode);
  else if (readers !== undefined) chownSync(path, readers.uid, readers.gid);
}

/** Files as they are before a change; the answer takes the change back. */
export function backUp(top: string, paths: Iterable<string>, owner?: Owner): () => void {
  const before = [...paths].map((path) => ({ path, text: existsSync(path) ? readFileSync(path, "utf8") : undefined }));
  return () => {
    for (const { path, text } of before)
      if (text === undefined) rmSync(path, { force: true });
      else if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileFor(top, path, text, owner);
  };
}
