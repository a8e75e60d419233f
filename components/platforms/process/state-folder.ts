// The state folder of a stack: made, proven to be usable, and the place of what has to outlive the stack's resources.
import { lstatSync, mkdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type StackError, stackError } from "../../errors.ts";
import { writeFileFor } from "./staging.ts";
import { canEnter, unprivileged } from "./user.ts";

const mebi = 1 << 20;
const leastFreeBytes = 64 * mebi;

export const diskFull = (root: string, cause?: unknown, more = ""): StackError =>
  stackError(
    root,
    `the disk that holds this state folder is full${more}`,
    "Free space, then run the same command again.",
    cause,
  );

/** Creates the state folder and proves that those who must enter it can. */
export function prepareRoot(root: string): void {
  const uid = process.getuid?.();
  const others = unprivileged();
  const mode = others === undefined ? 0o700 : 0o711;
  try {
    for (const each of [dirname(root), root, join(root, "logs")]) mkdirSync(each, { recursive: true, mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw diskFull(root, error);
    throw stackError(
      root,
      "this state folder cannot be written",
      "Make it a folder that you may write, or move the checkout to where you may.",
      error,
    );
  }
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < leastFreeBytes)
    throw diskFull(
      root,
      undefined,
      `: ${Math.floor((bavail * bsize) / mebi)} MiB are free, ${leastFreeBytes / mebi} MiB are the least`,
    );
  const owner = lstatSync(root).isDirectory() ? statSync(root).uid : uid;
  if (owner !== uid)
    throw stackError(
      root,
      `this state folder belongs to user ${owner}`,
      "Run as that user, or remove the folder as that user.",
    );
  if (others !== undefined && !canEnter(others, root))
    throw stackError(
      root,
      "user nobody cannot enter this state folder",
      "Give the folders above it the execute permission for others (chmod o+x).",
    );
}

/**
 * A generated secret lies beside the data that it opens: data stays when a stack is destroyed, and would be locked for
 * ever if the next `up` came with another password. undefined when none lies there.
 */
export function keptSecret(root: string, name: string): string | undefined {
  if (root === "") return undefined;
  try {
    return readFileSync(join(root, "secrets", name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function keepSecret(root: string, name: string, value: string): string {
  if (root === "") return value;
  prepareRoot(root);
  const folder = join(root, "secrets");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileFor(root, join(folder, name), value);
  return value;
}
