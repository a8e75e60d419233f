// Packs a workspace as a library: JavaScript with its types, because Node runs no TypeScript below node_modules.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stackError } from "../components/errors.ts";
import { lastLines, output, run } from "./exec.ts";

const root = resolve(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Subpath -> the TypeScript file behind it; what none of them imports is not packed. */
  readonly exports: Readonly<Record<string, string>>;
  readonly private?: boolean;
}

/** The workspaces that can be packed: names of folders. */
export const workspaces: readonly string[] = (read(root) as unknown as { workspaces: readonly string[] }).workspaces;

/** Compiles the workspace and writes its tarball into the folder `out`. Returns the tarball's path. */
export async function packWorkspace(workspace: string, out: string): Promise<string> {
  const source = join(root, workspace);
  const manifest = read(source);
  const folder = mkdtempSync(join(tmpdir(), "vitals-pack-"));
  try {
    await compile(source, folder, Object.values(manifest.exports));
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(published(manifest), null, 2)}\n`);
    writeFileSync(join(folder, "README.md"), readmeOf(source, manifest));
    mkdirSync(out, { recursive: true });
    const packed = await output("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", resolve(out)], {
      cwd: folder,
    });
    return join(resolve(out), filenameIn(packed));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The types of the whole project are checked elsewhere; here an import that leaves the workspace is an error as well. */
async function compile(source: string, folder: string, entries: readonly string[]): Promise<void> {
  const config = join(folder, "tsconfig.json");
  const compilerOptions = {
    noEmit: false,
    rewriteRelativeImportExtensions: true,
    declaration: true,
    rootDir: source,
    outDir: folder,
    typeRoots: [join(root, "node_modules/@types")],
  };
  const files = entries.map((entry) => join(source, entry));
  writeFileSync(config, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include: [] }));
  const { code, stdout } = await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", config]);
  rmSync(config);
  if (code !== 0)
    throw stackError(
      source,
      `does not compile on its own: ${lastLines(stdout, 3)}`,
      "Import only files of the workspace and packages that its package.json names.",
    );
}

/** The manifest as an adopter sees it: each entry is compiled, with its types beside it. */
function published({ private: _, exports: entries, ...rest }: Manifest): object {
  const compiled = Object.entries(entries).map(([path, file]) => [
    path,
    { types: file.replace(/\.ts$/, ".d.ts"), default: file.replace(/\.ts$/, ".js") },
  ]);
  return { ...rest, exports: Object.fromEntries(compiled) };
}

/** The workspace's own, else the section about it in the project's. */
function readmeOf(source: string, { name, description }: Manifest): string {
  const own = join(source, "README.md");
  if (existsSync(own)) return readFileSync(own, "utf8");
  const sections = readFileSync(join(root, "README.md"), "utf8").split(/^#+ (?=.*\n)/m);
  const section = sections.find((each) => each.split("\n", 1)[0]?.includes(name));
  if (section === undefined)
    throw stackError(own, "is missing", `Write it, or a section of README.md whose heading names ${name}.`);
  return `# ${name}\n\n${description}\n${section.slice(section.indexOf("\n"))}`;
}

function read(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Older versions of npm answer with a list, newer ones with an object by package. */
function filenameIn(answer: string): string {
  const [first] = Object.values(JSON.parse(answer) as Readonly<Record<string, { readonly filename: string }>>);
  return first?.filename ?? "";
}
