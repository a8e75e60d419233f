// Gets programs: asks their sources in order, keeps what works in the cache, and says for the rest what was tried.
import { accessSync, chmodSync, constants, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, type Problem, StackError, stackError } from "../components/errors.ts";
import { formatMilliseconds } from "../components/units.ts";
import { versions } from "../components/versions.ts";
import { findCached, isAccepted, publish, recordOnPath, stage, sweep, toolsDir } from "./cache.ts";
import { CommandError } from "./exec.ts";
import { lock } from "./lock.mjs";
import { DownloadError, type NetLimits, network } from "./net.ts";
import { type Program, platformKey, type Source, type SourceKind, testedPrograms } from "./programs.ts";
import { type Progress, progress } from "./progress.ts";
import { linkPulumi } from "./pulumi-home.ts";
import { fromDebian } from "./sources/debian.ts";
import { fromGo } from "./sources/go.ts";
import { fromNpm, installScripts } from "./sources/npm.ts";
import { lookOnPath, versionOf } from "./sources/path.ts";
import { fromRelease } from "./sources/release.ts";
import { type Attempt, SourceUnavailable } from "./sources/source.ts";
import { turns } from "./turns.ts";

export interface AcquireOptions {
  readonly only?: readonly Program[];
  readonly dir?: string;
  /** Sources that are not asked. */
  readonly skip?: readonly (SourceKind | "cache")[];
  readonly report?: Progress;
  readonly signal?: AbortSignal;
  readonly limits?: NetLimits;
  readonly env?: NodeJS.ProcessEnv;
  readonly platform?: string;
  /** Where Go wrapper modules are (tests bring their own). */
  readonly goModules?: string;
}

export interface Acquired {
  readonly program: string;
  readonly version: string;
  readonly source: SourceKind;
  /** False when it was there already. */
  readonly fresh: boolean;
  readonly seconds: number;
}

export interface Missing {
  readonly program: string;
  readonly optional: boolean;
  /** Each source that was asked, and why it gave nothing. */
  readonly tried: readonly string[];
  readonly remedy: string;
}

export interface Acquisition {
  readonly acquired: readonly Acquired[];
  readonly missing: readonly Missing[];
}

const sourceNames: Record<SourceKind, string> = {
  path: "PATH",
  release: "release archive",
  debian: "Debian package",
  go: "Go build",
  npm: "npm package",
};

/** Gets everything that can be had. Throws a StackError that names each program that cannot and is needed. */
export async function acquire(options: AcquireOptions = {}): Promise<Acquisition> {
  const [os, arch] = (options.platform ?? `${process.platform}-${process.arch}`).split("-");
  const platform = platformKey(os, arch);
  if (platform === undefined)
    throw stackError(
      "tools",
      `there are no programs for ${os} on ${arch}`,
      "use Linux or macOS on x64 or arm64 (on Windows: WSL 2), or the docker or kubernetes platform",
    );
  const { env = process.env, signal } = options;
  const dir = options.dir ?? toolsDir(env);
  try {
    makeFolder(dir);
    accessSync(dir, constants.W_OK);
  } catch (error) {
    throw stackError(
      "tools",
      `${dir} cannot be written (${messageOf(error)})`,
      "set VITALS_TOOLS_DIR to a folder that you own",
      error,
    );
  }
  const report = options.report ?? progress();
  const shared = { network: network(options.limits, signal), turn: turns(2), platform, env, signal };
  try {
    const settled = await Promise.allSettled(
      (options.only ?? testedPrograms).map((program) => acquireOne(program, dir, report, shared, options)),
    );
    const results = settled.map((one) => {
      if (one.status === "rejected") throw signal?.aborted ? signal.reason : one.reason;
      return one.value;
    });
    const acquired = results.flatMap((result) => ("tried" in result ? [] : [result]));
    const missing = results.flatMap((result) => ("tried" in result ? [result] : []));
    const problems = missing.filter(({ optional }) => !optional).map(toProblem);
    if (problems.length > 0) throw new StackError(problems);
    return { acquired, missing };
  } finally {
    report.stop();
  }
}

type Shared = Pick<Attempt, "network" | "turn" | "platform" | "env" | "signal">;

async function acquireOne(
  program: Program,
  dir: string,
  report: Progress,
  shared: Shared,
  options: AcquireOptions,
): Promise<Acquired | Missing> {
  const started = performance.now();
  const skip = new Set(options.skip);
  const tried: string[] = [];
  const say = (text: string) => report.line(`${program.name.padEnd(19)}${text}`);
  const got = (version: string, source: SourceKind, fresh: boolean): Acquired => {
    const seconds = (performance.now() - started) / 1_000;
    say(
      `${version.padEnd(9)} ${fresh ? `from ${sourceNames[source]}` : source === "path" ? "on PATH" : `in the cache, from ${sourceNames[source]}`} (${formatMilliseconds(seconds * 1_000)})`,
    );
    if (program.name === "pulumi") linkPulumi(dir, say, shared.env);
    return { program: program.name, version, source, fresh, seconds };
  };
  const failed = (source: SourceKind, error: unknown) => {
    if (shared.signal?.aborted || !isExpected(error)) throw error;
    tried.push(`${sourceNames[source]}: ${messageOf(error)}`);
    if (source !== "path") say(tried.at(-1) ?? "");
  };

  if (program.sources.some(({ kind }) => kind === "path") && !skip.has("path")) {
    try {
      const record = await lookOnPath(program, shared.env, shared.signal);
      recordOnPath(program, dir, record);
      return got(record.version, "path", false);
    } catch (error) {
      recordOnPath(program, dir, undefined);
      failed("path", error);
    }
  }
  const cached = () => (skip.has("cache") ? undefined : wanted(program, dir));
  const found = cached();
  if (found !== undefined) {
    for (const source of program.sources) if (source.kind === "npm") installScripts(source, found.folder);
    return got(found.manifest.version, found.manifest.source, false);
  }

  makeFolder(join(dir, program.name));
  const held = await lock(join(dir, program.name, ".lock"), {
    signal: shared.signal,
    onWait: (pid) => {
      say(`another run (process ${pid}) is getting it; waiting`);
      report.doing(program.name, "waiting for another run");
    },
  });
  try {
    const byOther = cached();
    if (byOther !== undefined) return got(byOther.manifest.version, byOther.manifest.source, false);
    sweep(program, dir);
    for (const source of program.sources) {
      if (source.kind === "path" || skip.has(source.kind)) continue;
      const staging = stage(program, dir);
      try {
        const doing = (what: string) => report.doing(program.name, what);
        const attempt = { ...shared, program, staging, doing, version: versions[program.name].version };
        await fill(source, attempt, options);
        const version = await check(program, staging, shared.signal);
        const binaries = Object.fromEntries(program.binaries.map(({ name, file = name }) => [name, join("bin", file)]));
        publish(program, dir, staging, {
          program: program.name,
          version,
          source: source.kind,
          platform: shared.platform,
          binaries,
        });
        return got(version, source.kind, true);
      } catch (error) {
        failed(source.kind, error);
      } finally {
        rmSync(staging, { recursive: true, force: true });
      }
    }
  } finally {
    held.release();
    report.doing(program.name, undefined);
  }
  if (program.optional) say(`is optional and cannot be had here: ${program.remedy}`);
  return { program: program.name, optional: program.optional ?? false, tried, remedy: program.remedy };
}

function fill(source: Source, attempt: Attempt, options: AcquireOptions): Promise<void> {
  switch (source.kind) {
    case "release":
      return fromRelease(source, attempt);
    case "debian":
      return fromDebian(source, attempt);
    case "go":
      return fromGo(source, attempt, options.goModules);
    case "npm":
      return fromNpm(source, attempt);
    case "path":
      throw new SourceUnavailable("not a source that fills the cache");
  }
}

/** Starts each binary once, for its version: what does not run here is not kept. */
async function check(program: Program, staging: string, signal: AbortSignal | undefined): Promise<string> {
  let version: string | undefined;
  for (const binary of program.binaries) {
    const found = await versionOf(join(staging, "bin", binary.file ?? binary.name), binary, signal);
    if (found !== undefined && !isAccepted(program, found))
      throw new SourceUnavailable(`${binary.name} says that it is ${found}`);
    version ??= found;
  }
  return version ?? versions[program.name].version;
}

/** The cached tool that ends the search: the pinned version, or what the distribution has. */
function wanted(program: Program, dir: string) {
  const found = findCached(program, dir);
  if (found === undefined) return undefined;
  const isPinned = found.manifest.version === versions[program.name].version;
  return isPinned || found.manifest.source === "debian" ? found : undefined;
}

/** Errors of sources, of commands and of the system (a full disk) count against the source; anything else is a defect of ours. */
const isExpected = (error: unknown): boolean =>
  error instanceof SourceUnavailable ||
  error instanceof DownloadError ||
  error instanceof CommandError ||
  (error instanceof Error && "syscall" in error);

const toProblem = ({ program, tried, remedy }: Missing): Problem => ({
  where: `tool ${program}`,
  what: `cannot be had (${tried.join("; ") || "no source was asked"})`,
  remedy,
});

/** Readable by the unprivileged users of the services, whatever the umask. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.startsWith(first); made = dirname(made)) chmodSync(made, 0o755);
}
