// Where this checkout and the state of its stacks lie.
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stackError } from "../../errors.ts";

export const codeRoot = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/**
 * The state folder of a stack: `.vitals/<stack>`. Root's checkouts often lie where no other user may enter, so as root
 * that is a link to a folder below /var/lib/vitals, which the unprivileged programs can reach.
 */
export function stateRoot(
  stack: string,
  checkout: string = codeRoot,
  home: string = process.env.VITALS_STATE_DIR ?? "/var/lib/vitals",
): string {
  const link = join(checkout, ".vitals", stack);
  if (process.getuid?.() !== 0) return link;
  try {
    if (lstatSync(link).isSymbolicLink()) return readlinkSync(link);
    return link;
  } catch {
    return join(home, createHash("sha256").update(checkout).digest("hex").slice(0, 12), stack);
  }
}

/** Throws when the stacks of this checkout are another user's, who could not use what we leave behind, nor we what is there. */
export function refuseForeignState(checkout: string = codeRoot): void {
  const folder = join(checkout, ".vitals");
  const owner = statSync(folder, { throwIfNoEntry: false })?.uid;
  if (owner !== undefined && owner !== process.getuid?.())
    throw stackError(
      folder,
      `belongs to user ${owner}, and so do the stacks of this checkout`,
      "Run as that user, or in a checkout of your own.",
    );
}

/** Makes `.vitals/<stack>` point to the state folder when that lies elsewhere. */
export function linkState(stack: string, root: string, checkout: string = codeRoot): void {
  const link = join(checkout, ".vitals", stack);
  if (root === link) return;
  mkdirSync(dirname(link), { recursive: true, mode: 0o700 });
  rmSync(link, { force: true });
  symlinkSync(root, link);
}
