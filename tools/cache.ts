// The tool cache on disk: where it is, what a finished tool looks like, and how one gets there in a single step.
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { versions } from "../components/versions.ts";
import { type PlatformKey, type Program, platformKey, type SourceKind } from "./programs.ts";

/** Written last, into a folder that is then renamed into place: where it is, the tool is complete. */
export interface Manifest {
  readonly program: string;
  readonly version: string;
  readonly source: SourceKind;
  readonly platform: PlatformKey;
  /** Paths below the tool's folder, by name. */
  readonly binaries: Readonly<Record<string, string>>;
}

/** A program of the machine's PATH as it was when its version was asked for. */
export interface PathRecord {
  readonly version: string;
  readonly home?: string;
  readonly binaries: Readonly<
    Record<string, { readonly path: string; readonly mtimeMs: number; readonly size: number }>
  >;
}

export interface Cached {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** `$VITALS_TOOLS_DIR`; as root a place that the unprivileged users of the services can reach, else the user's cache. */
export function toolsDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.VITALS_TOOLS_DIR) return resolve(env.VITALS_TOOLS_DIR);
  if (process.getuid?.() === 0) return "/var/lib/vitals/tools";
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "vitals", "tools");
}

/** Newer is positive. Compares dotted numbers; what follows them ("-rc.1") is ignored. */
export function compareVersions(a: string, b: string): number {
  const numbers = (text: string) => (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? "0").split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether a version that was found will do for this program. */
export const isAccepted = (program: Program, version: string): boolean =>
  program.exact === true
    ? compareVersions(version, versions[program.name].version) === 0
    : compareVersions(version, versions[program.name].atLeast) >= 0;

/** The cached tool: the pinned version, else the newest that will do. Undefined when none is complete. */
export function findCached(program: Program, dir: string): Cached | undefined {
  const platform = platformKey();
  const complete = entriesOf(join(dir, program.name))
    .map((entry) => join(dir, program.name, entry))
    .flatMap((folder) => {
      const manifest = readJson<Manifest>(join(folder, "manifest.json"));
      const usable =
        manifest !== undefined &&
        manifest.platform === platform &&
        isAccepted(program, manifest.version) &&
        program.binaries.every(({ name }) => isFile(join(folder, manifest.binaries[name] ?? "")));
      return usable ? [{ folder, manifest }] : [];
    })
    .sort((a, b) => compareVersions(b.manifest.version, a.manifest.version));
  return complete.find(({ manifest }) => manifest.version === versions[program.name].version) ?? complete[0];
}

/** What PATH held, if it still holds it: a changed file has to be asked for its version again. */
export function findOnPath(program: Program, dir: string): PathRecord | undefined {
  const record = readJson<PathRecord>(pathRecordFile(program, dir));
  if (record === undefined || !isAccepted(program, record.version)) return undefined;
  const unchanged = program.binaries.every(({ name }) => {
    const binary = record.binaries[name];
    if (binary === undefined) return false;
    const stat = statSync(binary.path, { throwIfNoEntry: false });
    return stat !== undefined && stat.mtimeMs === binary.mtimeMs && stat.size === binary.size;
  });
  return unchanged ? record : undefined;
}

/** Remembers (or forgets) what PATH holds. */
export function recordOnPath(program: Program, dir: string, record: PathRecord | undefined): void {
  const file = pathRecordFile(program, dir);
  if (record === undefined) {
    rmSync(file, { force: true });
    return;
  }
  mkdirSync(join(dir, program.name), { recursive: true, mode: 0o755 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644 });
  renameSync(draft, file);
}

/** A folder to build a tool in, on the cache's own file system. */
export function stage(program: Program, dir: string): string {
  const parent = join(dir, program.name);
  mkdirSync(parent, { recursive: true, mode: 0o755 });
  const folder = join(
    parent,
    `.staging-${process.pid}-${createHash("sha256").update(String(process.hrtime.bigint())).digest("hex").slice(0, 8)}`,
  );
  mkdirSync(folder, { mode: 0o755 });
  return folder;
}

/** Drops what an interrupted run left. The caller holds the program's lock. */
export function sweep(program: Program, dir: string): void {
  for (const entry of entriesOf(join(dir, program.name)))
    if (entry.startsWith(".staging-")) rmSync(join(dir, program.name, entry), { recursive: true, force: true });
}

/** Makes a staged tool the cached one: readable by everyone, complete, and there in a single rename. */
export function publish(program: Program, dir: string, staged: string, manifest: Manifest): Cached {
  makeReadable(staged);
  writeFileSync(join(staged, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o644 });
  const folder = join(dir, program.name, manifest.version);
  // A folder that is there already is incomplete or of another platform, else nobody would have built again.
  const aside = join(dir, program.name, `.staging-${process.pid}-old`);
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) renameSync(folder, aside);
  renameSync(staged, folder);
  rmSync(aside, { recursive: true, force: true });
  return { folder, manifest };
}

function makeReadable(path: string): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  if (stat.isDirectory()) {
    chmodSync(path, 0o755);
    for (const entry of readdirSync(path)) makeReadable(join(path, entry));
  } else chmodSync(path, (stat.mode & 0o111) === 0 ? 0o644 : 0o755);
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    // Missing or damaged: both mean that the tool has to be had again.
    return undefined;
  }
}

const pathRecordFile = (program: Program, dir: string): string => join(dir, program.name, "on-path.json");
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
