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

export const fingerprint = (key: Buffer, text: string | Uint8Array): string =>
  createHmac("sha256", key).update(text).digest("hex");

/** Creates a folder and gives every level below `top` that it created to the owner. */
export function makeDirectory(top: string, path: string, owner?: Owner): void {
  if (relative(top, path).startsWith("..")) throw new Error(`${path} is outside ${top}`);
  const missing: string[] = [];
  for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const each of missing) {
    mkdirSync(each, { mode: 0o700 });
    if (owner !== undefined) chownSync(each, owner.uid, owner.gid);
  }
}

/** Writes by rename, so that a program which reloads at the wrong moment sees the old text or the new. */
export function writeFileFor(top: string, path: string, text: string, owner?: Owner): void {
  makeDirectory(top, dirname(path), owner);
  const temporary = `${path}.vitals-new`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    chmodSync(temporary, 0o600);
    if (owner !== undefined) chownSync(temporary, owner.uid, owner.gid);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
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
