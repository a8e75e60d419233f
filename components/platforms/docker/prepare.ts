// Runs to its end before everything else, as root in a container of our own image: gives volumes to the users of their services and,
// for a Compose file, fills secrets into files. Secrets that nobody has set are generated once and kept beside that file.
//   node prepare.ts [--fill FOLDER] [PATH:UID:GID ...]
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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

/** Writes every sealed file of the folder, readable by its service's user and by nobody else. Throws for a secret that is not there. */
export function fill(folder: string, give: (path: string, owner: Owned) => void = chown): void {
  const { given, files } = JSON.parse(readFileSync(join(folder, sealedFile), "utf8")) as Sealed;
  const key = secretOf(join(folder, "secrets", saltKey), false);
  const kept = new Map<string, string>();
  const valueFor = (name: string): string => {
    const value = kept.get(name) ?? secretOf(join(folder, "secrets", name), given.includes(name));
    kept.set(name, value);
    return value;
  };
  // Asked for one after the other: a secret that nothing needs is not generated.
  const values = new Proxy<Record<string, string>>({}, { get: (_, name) => valueFor(String(name)) });
  const reveal = revealed(values, key);
  for (const { path, user, content } of files)
    write(join(folder, path), finish(content, reveal), (each) => give(each, user));
}

function secretOf(path: string, isGiven: boolean): string {
  if (existsSync(path)) {
    const value = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    if (value !== "") return value;
    throw new Error(`${path} is empty. Write the secret into it.`);
  }
  if (isGiven) throw new Error(`${path} does not exist. Write the secret into it, with mode 0600.`);
  const value = randomBytes(24).toString("base64url");
  write(path, value);
  return value;
}

/** By rename: a program that re-reads at the wrong moment sees the old text or the new. What is there already is left as it is. */
function write(path: string, text: string, give: (path: string) => void = () => {}): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  give(temporary);
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
