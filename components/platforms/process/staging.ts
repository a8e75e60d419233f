// Puts an instance's files in place: verified beside the old ones first, written by rename, owned by the user that the program runs as.
import { execFile } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { messageOf, stackError } from "../../errors.ts";
import type { Layout } from "./layout.ts";
import type { FinishedFile } from "./protocol.ts";

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

const run = promisify(execFile);

/**
 * Runs the programs' own checks on a copy of the files, paths inside included, before anything is touched.
 * Throws a StackError with the program's own words.
 */
export async function verifyStaged(
  paths: Layout,
  instance: string,
  files: readonly FinishedFile[],
  checks: readonly { readonly command: string; readonly tool: string; readonly args: readonly string[] }[],
): Promise<void> {
  if (checks.length === 0) return;
  const [real, stage] = [paths.filesDir(instance), paths.stageDir(instance)];
  const staged = (text: string) => text.replaceAll(real, stage);
  rmSync(stage, { recursive: true, force: true });
  try {
    for (const { path, text } of files) {
      mkdirSync(dirname(staged(path)), { recursive: true, mode: 0o700 });
      writeFileSync(staged(path), staged(text), { mode: 0o600 });
    }
    for (const { command, tool, args } of checks) {
      try {
        await run(command, args.map(staged), { timeout: 30_000, maxBuffer: 4 << 20 });
      } catch (error) {
        const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
        const words = `${stdout}\n${stderr}`.trim().replaceAll(stage, "").split("\n").slice(-12).join("\n  ");
        throw stackError(
          instance,
          `${tool} refuses the new configuration:\n  ${words || messageOf(error)}`,
          "Correct the configuration; what runs keeps running on the old one.",
        );
      }
    }
  } finally {
    rmSync(stage, { recursive: true, force: true });
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
