// Source "npm": binaries that one of our optional npm dependencies carries, copied to where services can reach them.
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
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
  mkdirSync(join(staging, "bin"), { recursive: true });
  for (const script of source.scripts) {
    copyFileSync(join(import.meta.dirname, "../files", script), join(staging, "bin", script));
    chmodSync(join(staging, "bin", script), 0o755);
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
