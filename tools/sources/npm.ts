// Source "npm": binaries that an npm package carries, one of our optional dependencies or of a lockfile in tools/npm, copied to where services can reach them.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { lastLines, run } from "../exec.ts";
import type { NpmSource } from "../programs.ts";
import { type Attempt, pathFolders, SourceUnavailable } from "./source.ts";

const root = resolve(import.meta.dirname, "../..");
const modules = join(import.meta.dirname, "../npm");

/** Copies the package's files and makes its symbolic links here, as install scripts may be switched off. */
export async function fromNpm(source: NpmSource, attempt: Attempt, from: string = root): Promise<void> {
  const { platform, staging, doing } = attempt;
  const name = source.package.replace("{platform}", platform);
  const work = join(staging, ".work");
  const holder = source.module === undefined ? from : await install(join(modules, source.module), work, attempt);
  const packageFolder = join(holder, "node_modules", name);
  if (!existsSync(join(packageFolder, source.folder))) throw new SourceUnavailable(`${name} is not in node_modules`);
  doing("copying");
  cpSync(join(packageFolder, source.folder), staging, { recursive: true, verbatimSymlinks: true });
  hydrate(staging, source, packageFolder);
  installScripts(source, staging);
  rmSync(work, { recursive: true, force: true });
}

/** `npm ci` of a committed lockfile, in a folder of its own. */
async function install(module: string, work: string, { env, signal, doing }: Attempt): Promise<string> {
  const npm = pathFolders(env)
    .map((folder) => join(folder, "npm"))
    .find((path) => existsSync(path));
  if (npm === undefined) throw new SourceUnavailable("npm is not on PATH");
  cpSync(module, work, { recursive: true });
  doing("downloading");
  const args = ["ci", "--include=optional", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { code, stderr } = await run(npm, args, { cwd: work, env, signal, timeoutMs: 300_000 });
  if (code !== 0) throw new SourceUnavailable(`npm ci failed: ${lastLines(stderr, 1)}`);
  return work;
}

/** Our scripts change with the checkout, not with the program's version: also a cached tool gets the current ones. */
export function installScripts(source: NpmSource, folder: string): void {
  mkdirSync(join(folder, "bin"), { recursive: true });
  for (const name of source.scripts) {
    const [from, to] = [join(import.meta.dirname, "../files", name), join(folder, "bin", name)];
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue;
    const draft = `${to}.${process.pid}`;
    copyFileSync(from, draft);
    chmodSync(draft, 0o755);
    renameSync(draft, to);
  }
}

function hydrate(staging: string, source: NpmSource, packageFolder: string): void {
  const list = join(packageFolder, source.links);
  if (!existsSync(list)) return;
  const inside = (path: string): string => {
    const target = resolve(staging, relative(source.folder, path));
    if (!target.startsWith(staging + sep))
      throw new SourceUnavailable(`${source.links} points outside of its package: ${path}`);
    return target;
  };
  for (const link of JSON.parse(readFileSync(list, "utf8")) as readonly { source: string; target: string }[]) {
    const [file, at] = [inside(link.source), inside(link.target)];
    rmSync(at, { force: true });
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(relative(dirname(at), file), at);
  }
}
