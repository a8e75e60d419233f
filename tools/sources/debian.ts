// Source "debian": packages of the distribution, unpacked into the cache with their shared libraries. Needs no root, installs nothing.
import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { versions } from "../../components/versions.ts";
import { isAccepted } from "../cache.ts";
import { output, run } from "../exec.ts";
import type { DebianSource } from "../programs.ts";
import { type Attempt, pathFolders, SourceUnavailable, versionIn } from "./source.ts";

// These belong to the system's own loader and must not be mixed with another copy of it.
const ofTheLoader = /^(libc6|libc-bin|libcrypt1|libgcc-s1)$/;
const quick = ["-o", "Acquire::http::Timeout=10", "-o", "Acquire::https::Timeout=10", "-o", "Acquire::Retries=1"];

/** Downloads the packages and the libraries that they depend on, and puts a launcher before each program that needs them. */
export async function fromDebian(source: DebianSource, attempt: Attempt): Promise<void> {
  const { program, platform, staging, doing, env } = attempt;
  if (!platform.startsWith("linux-")) throw new SourceUnavailable("only on Linux");
  for (const tool of ["apt-get", "apt-cache", "dpkg-deb"])
    if (!pathFolders(env).some((folder) => existsSync(join(folder, tool))))
      throw new SourceUnavailable(`${tool} is not here, this is not a Debian system`);

  const work = join(staging, ".work");
  const unpacked = join(work, "unpacked");
  mkdirSync(unpacked, { recursive: true });
  const apt = await download(source, attempt, work);
  doing("unpacking");
  for (const file of readdirSync(work).filter((name) => name.endsWith(".deb")))
    await output("dpkg-deb", ["-x", join(work, file), unpacked], apt);

  for (const folder of ["bin", "lib", "libexec"]) mkdirSync(join(staging, folder));
  const folders = libraryFolders(unpacked);
  for (const { name } of program.binaries) {
    const file = ["usr/bin", "usr/sbin"].map((folder) => join(unpacked, folder, name)).find((each) => existsSync(each));
    if (file === undefined) throw new SourceUnavailable(`${source.packages.join(", ")} hold no ${name}`);
    const libraries = await librariesOf(realpathSync(file), folders, unpacked, attempt.signal);
    for (const library of libraries) copyFileSync(realpathSync(library), join(staging, "lib", basename(library)));
    copyFileSync(realpathSync(file), join(staging, libraries.length > 0 ? "libexec" : "bin", name));
    if (libraries.length > 0) writeFileSync(join(staging, "bin", name), launcher(name), { mode: 0o755 });
  }
  rmSync(work, { recursive: true, force: true });
}

const launcher = (name: string): string => `#!/bin/sh
# ${name} with the libraries of its distribution that came with it.
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
LD_LIBRARY_PATH="$here/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/libexec/${name}" "$@"
`;

type AptOptions = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
};

async function download(source: DebianSource, attempt: Attempt, work: string): Promise<AptOptions> {
  const { doing, signal } = attempt;
  const options: AptOptions = { cwd: work, env: { ...attempt.env, LC_ALL: "C" }, signal, timeoutMs: 180_000 };
  // Package lists of our own, where the system has none or old ones: needs no root and leaves the system's as they are.
  const ownLists = ["-o", `Dir::State::Lists=${join(work, "lists")}`, "-o", `Dir::Cache=${join(work, "cache")}`];
  const unsandboxed = ["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true"];
  let why = "";
  for (const lists of [[], ownLists]) {
    if (lists.length > 0) {
      doing("reading package lists");
      mkdirSync(join(work, "lists", "partial"), { recursive: true });
      mkdirSync(join(work, "cache", "archives", "partial"), { recursive: true });
      const update = await run("apt-get", ["update", "-q", ...quick, ...unsandboxed, ...lists], options);
      if (update.code !== 0 || /^(E|W):.*(Failed|Unable|Could not)/m.test(update.stderr))
        throw new SourceUnavailable(`the package lists cannot be read: ${firstError(update.stderr)}`);
    }
    doing("looking for packages");
    const [main = ""] = source.packages;
    const policy = await output("apt-cache", [...lists, "policy", main], options);
    const candidate = versionIn(/Candidate: (?:\d+:)?(\S+)/.exec(policy)?.[1] ?? "");
    if (candidate === undefined) {
      why = `the package lists do not hold ${main}`;
      continue;
    }
    if (!isAccepted(attempt.program, candidate)) {
      why = `${main} is ${candidate}, ${versions[attempt.program.name].atLeast} or newer is needed`;
      continue;
    }
    doing("downloading");
    const wanted = [...source.packages, ...(await libraryPackages(source.packages, lists, options))];
    const got = await run("apt-get", ["download", "-q", ...quick, ...unsandboxed, ...lists, ...wanted], options);
    if (got.code === 0) return options;
    why = `apt-get download failed: ${firstError(got.stderr)}`;
  }
  throw new SourceUnavailable(why);
}

/** Library packages that the given ones depend on, directly or through other libraries. */
async function libraryPackages(
  packages: readonly string[],
  lists: readonly string[],
  options: AptOptions,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let frontier: readonly string[] = packages; frontier.length > 0; ) {
    const text = await output("apt-cache", [...lists, "depends", "--important", ...frontier], options);
    const names = [...text.matchAll(/^\s+\|?(?:Pre)?Depends: (lib[^\s<>:]+)$/gm)].map((match) => match[1] ?? "");
    frontier = [...new Set(names)].filter((name) => !ofTheLoader.test(name) && !found.has(name));
    for (const name of frontier) found.add(name);
  }
  return [...found];
}

function libraryFolders(unpacked: string): readonly string[] {
  return ["lib", "usr/lib"].flatMap((base) => {
    const folder = join(unpacked, base);
    if (!existsSync(folder)) return [];
    const triplets = readdirSync(folder).filter((name) => name.includes("-linux-gnu"));
    return [folder, ...triplets.map((name) => join(folder, name))];
  });
}

/** The unpacked libraries that the system's loader picks for a program. */
async function librariesOf(
  file: string,
  folders: readonly string[],
  unpacked: string,
  signal: AbortSignal | undefined,
) {
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(":") };
  const text = await output("ldd", [file], { env, signal, timeoutMs: 20_000 });
  const missing = /^\s*(\S+) => not found/m.exec(text)?.[1];
  if (missing !== undefined)
    throw new SourceUnavailable(`${basename(file)} needs ${missing}, which no package brought`);
  return [...text.matchAll(/=> (\/\S+)/g)].map((match) => match[1] ?? "").filter((path) => path.startsWith(unpacked));
}

const firstError = (text: string): string =>
  /^(?:E|W|Err:?\d*):? ?(.+)$/m.exec(text)?.[1] ?? text.trim().split("\n").at(-1) ?? "";
