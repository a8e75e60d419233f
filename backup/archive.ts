// Backups as directories: one that has its name is complete, and says of each file how large it is and what its SHA-256 is.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Problem, StackError, stackError } from "../components/errors.ts";
import { copyTree, type Origin, type SourceName, sources } from "./sources.ts";

interface StoredFile {
  /** Below `data`, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface Manifest {
  readonly format: 1;
  readonly of: SourceName;
  readonly taken: string;
  readonly files: readonly StoredFile[];
}

const manifestName = "manifest.json";
/** What an unfinished backup or one that is being removed is called; it is never taken for a backup. */
const partial = ".partial-";
const namePattern = /^\d{8}T\d{6}Z$/;

/** The names of the complete backups in a directory, oldest first. */
export async function listBackups(archive: string): Promise<readonly string[]> {
  return (await readdir(archive)).filter((name) => namePattern.test(name)).toSorted();
}

/**
 * Takes a backup into `archive` and removes all but the newest `keep`. Only a whole one gets its name; what an earlier run
 * left unfinished is removed. One run at a time in an archive. Returns the backup's name, the time in UTC.
 */
export async function takeBackup(of: SourceName, origin: Origin, archive: string, keep: number): Promise<string> {
  await mkdir(archive, { recursive: true, mode: 0o750 });
  for (const name of await readdir(archive))
    if (name.startsWith(partial)) await rm(join(archive, name), { recursive: true });
  const taken = new Date();
  const name = `${taken.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  if ((await listBackups(archive)).includes(name))
    throw stackError("backup", `${name} is there already`, "Wait a second; one backup at a time.");
  const work = join(archive, `${partial}${name}`);
  await mkdir(join(work, "data"), { recursive: true, mode: 0o750 });
  try {
    await sources[of](origin, join(work, "data"));
    const files = await filesIn(join(work, "data"));
    if (files.length === 0)
      throw stackError("backup", `${of} has no data`, "See whether --data is its data directory.");
    const manifest: Manifest = { format: 1, of, taken: taken.toISOString(), files };
    const handle = await open(join(work, manifestName), "w", 0o640);
    await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await handle.sync();
    await handle.close();
    await rename(work, join(archive, name));
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
  const all = await listBackups(archive);
  for (const old of all.slice(0, Math.max(all.length - keep, 0))) {
    await rename(join(archive, old), join(archive, `${partial}${old}`));
    await rm(join(archive, `${partial}${old}`), { recursive: true });
  }
  return name;
}

/** Reads every file of a backup again. Throws one StackError with each that is missing, changed or not of this backup. */
export async function verifyBackup(of: SourceName, backup: string): Promise<Manifest> {
  const manifest = JSON.parse(await readFile(join(backup, manifestName), "utf8")) as Manifest;
  if (manifest.format !== 1 || manifest.of !== of)
    throw stackError(backup, `is a backup of ${manifest.of}, format ${manifest.format}`, `Name a backup of ${of}.`);
  const there = new Map((await filesIn(join(backup, "data"))).map((file) => [file.path, file]));
  const problem = (path: string, what: string): Problem => ({
    where: join(backup, "data", path),
    what,
    remedy: "Use another backup; this one is not what was written.",
  });
  const problems = [
    ...manifest.files.flatMap(({ path, bytes, sha256 }) => {
      const found = there.get(path);
      if (found === undefined) return [problem(path, "is missing")];
      return found.bytes === bytes && found.sha256 === sha256 ? [] : [problem(path, "has changed since")];
    }),
    ...[...there.keys()]
      .filter((path) => !manifest.files.some((file) => file.path === path))
      .map((path) => problem(path, "is no file of this backup")),
  ];
  if (problems.length > 0) throw new StackError(problems);
  return manifest;
}

/**
 * Puts a verified backup into the data directory of a program that does not run. A directory that holds anything is refused,
 * unless `overwrite`: then all of it is removed first.
 */
export async function restoreBackup(of: SourceName, backup: string, data: string, overwrite: boolean): Promise<void> {
  await verifyBackup(of, backup);
  await mkdir(data, { recursive: true });
  // A file system's own.
  const held = (await readdir(data)).filter((name) => name !== "lost+found");
  if (held.length > 0 && !overwrite)
    throw stackError(
      data,
      `holds data: ${held.slice(0, 3).join(", ")}${held.length > 3 ? ", …" : ""}`,
      "Name an empty directory, or add --overwrite to lose what is there.",
    );
  for (const name of held) await rm(join(data, name), { recursive: true });
  await copyTree(join(backup, "data"), data);
}

async function filesIn(root: string, below = ""): Promise<readonly StoredFile[]> {
  const found: StoredFile[] = [];
  const entries = await readdir(join(root, below), { withFileTypes: true });
  for (const entry of entries.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesIn(root, path)));
    else found.push({ path, bytes: (await stat(join(root, path))).size, sha256: await sha256Of(join(root, path)) });
  }
  return found;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
