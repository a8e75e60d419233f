// As root, third-party programs run as `nobody`: PostgreSQL refuses root, and the others need no rights.
import { execFileSync } from "node:child_process";
import { stackError } from "../../errors.ts";
import type { Owner } from "./staging.ts";

let found: Owner | undefined;

/** The user for third-party programs; undefined when we are not root and they simply run as ourselves. */
export function unprivileged(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  found ??= lookUp();
  return found;
}

function lookUp(): Owner {
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8", timeout: 5_000 }).trim());
  try {
    return { uid: id("-u"), gid: id("-g") };
  } catch (error) {
    throw stackError(
      "user nobody",
      "does not exist, and third-party programs must not run as root",
      "Run as an ordinary user, or create the user nobody.",
      error,
    );
  }
}

/** Whether that user can enter a folder; asked of the system, because modes, ACLs and mounts all have a say. */
export function canEnter(owner: Owner, folder: string): boolean {
  try {
    execFileSync("/bin/sh", ["-c", 'cd "$1"', "sh", folder], {
      uid: owner.uid,
      gid: owner.gid,
      cwd: "/",
      timeout: 5_000,
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
