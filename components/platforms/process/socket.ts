// Where a stack's socket lies: never in the checkout, whose path may be longer than the 107 bytes that a socket address holds.
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stackError } from "../../errors.ts";

/** The socket of the stack whose state lies in `root`; its folder exists afterwards and belongs to this user alone. */
export function socketPath(root: string): string {
  const uid = process.getuid?.();
  const runtime = process.env.XDG_RUNTIME_DIR;
  const folder =
    runtime !== undefined && isOwn(runtime, uid) ? join(runtime, "vitals") : join(tmpdir(), `vitals-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isOwn(folder, uid))
    throw stackError(
      folder,
      "belongs to another user or is open to others",
      "Remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
    );
  const path = join(folder, `${createHash("sha256").update(root).digest("hex").slice(0, 16)}.sock`);
  if (Buffer.byteLength(path) > 103)
    throw stackError(path, "is too long for a socket", "Set XDG_RUNTIME_DIR or TMPDIR to a shorter path.");
  return path;
}

function isOwn(folder: string, uid: number | undefined): boolean {
  try {
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
