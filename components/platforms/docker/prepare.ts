// Runs to its end before everything else, as root in a container of our own image: gives volumes to the users of their services and,
// for a Compose file, fills secrets into files. Secrets that nobody has set are generated once and kept beside that file.
//   node prepare.ts [--fill FOLDER] [PATH:UID:GID ...]
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Content, finish } from "../content.ts";
import { revealed } from "../revealed.ts";

export interface Owned {
  readonly uid: number;
  readonly gid: number;
}

export const sealedFile = "sealed.json";

/** The content of that file: what only whoever has the secrets can write. */
export interface Sealed {
  /** Names of the secrets that a person has to provide. */
  readonly given: readonly string[];
  /** Paths in the folder. */
  readonly files: readonly { readonly path: string; readonly user: Owned; readonly content: Content }[];
}

/** Where salted hashes take their salt from; beside the secrets, and none of them. */
const saltKey = ".salt-key";

/**
 * Writes every sealed file of the folder, readable by its service's user and by nobody else, and each generated secret for
 * whoever owns the folder. Throws for a secret that is not there.
 */
function fill(folder: string): void {
  const { given, files } = JSON.parse(readFileSync(join(folder, sealedFile), "utf8")) as Sealed;
  const person = statSync(folder);
  const secretOf = (name: string): string => {
    const path = join(folder, "secrets", name);
    if (!existsSync(path) && !given.includes(name)) write(path, randomBytes(24).toString("base64url"), person);
    return readSecret(path);
  };
  const key = secretOf(saltKey);
  // Asked for one after the other: a secret that nothing needs is not generated.
  const values = new Proxy<Record<string, string>>({}, { get: (_, name) => secretOf(String(name)) });
  const reveal = revealed(values, key);
  for (const { path, user, content } of files) write(join(folder, path), finish(content, reveal), user);
}

function readSecret(path: string): string {
  const problem = (what: string) =>
    new Error(`secrets/${basename(path)} ${what}. Write the secret into it, with mode 0600.`);
  if (!existsSync(path)) throw problem("does not exist");
  const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
  if (value === "") throw problem("is empty");
  return value;
}

/** By rename: a program that re-reads at the wrong moment sees the old text or the new. */
function write(path: string, text: string, owner: Owned): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  chown(temporary, owner);
  renameSync(temporary, path);
}

const chown = (path: string, { uid, gid }: Owned): void => chownSync(path, uid, gid);

function main(args: readonly string[]): void {
  const [flag, folder] = args;
  const volumes = flag === "--fill" ? args.slice(2) : args;
  if (flag === "--fill" && folder !== undefined) fill(folder);
  for (const each of volumes) {
    const [path = "", uid, gid] = each.split(":");
    chown(path, { uid: Number(uid), gid: Number(gid) });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
