// Source "path": the programs that the machine has already, if they are new enough.
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { versions } from "../../components/versions.ts";
import { isAccepted, type PathRecord } from "../cache.ts";
import { run } from "../exec.ts";
import type { Binary, Program } from "../programs.ts";
import { pathFolders, SourceUnavailable, versionIn } from "./source.ts";

/** What PATH holds of this program: all of its binaries, or a SourceUnavailable that says what is wrong. */
export async function lookOnPath(program: Program, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<PathRecord> {
  const binaries: Record<string, PathRecord["binaries"][string]> = {};
  let version: string | undefined;
  for (const binary of program.binaries) {
    const path = whereIs(binary.name, env);
    if (path === undefined) throw new SourceUnavailable(`${binary.name} is not on PATH`);
    if (process.getuid?.() === 0 && !isOpenToAll(path))
      throw new SourceUnavailable(`${path} cannot be run by the unprivileged users of the services`);
    const found = await versionOf(path, binary, signal);
    if (found !== undefined && !isAccepted(program, found)) {
      const wanted = program.exact ? versions[program.name].version : `${versions[program.name].atLeast} or newer`;
      throw new SourceUnavailable(`${path} is ${found}, ${wanted} is needed`);
    }
    version ??= found;
    const { mtimeMs, size } = statSync(path);
    binaries[binary.name] = { path, mtimeMs, size };
  }
  if (version === undefined) throw new SourceUnavailable(`${program.name} on PATH does not tell its version`);
  const first = Object.values(binaries)[0]?.path ?? "";
  if (program.home === undefined) return { version, binaries };
  const { marker, places } = program.home;
  const home = [dirname(dirname(realpathSync(first))), ...places].find((place) => existsSync(join(place, marker)));
  if (home === undefined) throw new SourceUnavailable(`${first} has no ${marker} folder in any known place`);
  return { version, binaries, home };
}

/** The version that a binary prints; undefined for those that print none by nature. */
export async function versionOf(path: string, binary: Binary, signal?: AbortSignal): Promise<string | undefined> {
  if (binary.versionArgs === undefined) return undefined;
  // Pulumi looks for news of itself unless told not to.
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  let ran: Awaited<ReturnType<typeof run>>;
  try {
    ran = await run(path, binary.versionArgs, { env, signal, timeoutMs: 20_000 });
  } catch (error) {
    throw new SourceUnavailable(`${path} does not start: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  const version = versionIn(ran.stdout) ?? versionIn(ran.stderr);
  if (ran.code !== 0 || version === undefined)
    throw new SourceUnavailable(`${path} ${binary.versionArgs.join(" ")} prints no version`);
  return version;
}

function whereIs(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return pathFolders(env)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}

function isOpenToAll(path: string): boolean {
  const real = realpathSync(path);
  if ((statSync(real).mode & 0o001) === 0) return false;
  for (let folder = dirname(real); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
