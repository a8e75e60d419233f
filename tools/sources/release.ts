// Source "release": the publisher's archive, taken only when it matches the publisher's checksum.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { run } from "../exec.ts";
import type { ReleaseSource } from "../programs.ts";
import { type Attempt, SourceUnavailable } from "./source.ts";

/** Downloads, checks and unpacks. `VITALS_RELEASE_BASE_<PROGRAM>` names a mirror. */
export async function fromRelease(source: ReleaseSource, attempt: Attempt): Promise<void> {
  const { program, staging, network, doing } = attempt;
  const fill = (template: string) => fillTemplate(template, attempt);
  const base = attempt.env[`VITALS_RELEASE_BASE_${program.name.toUpperCase()}`] ?? fill(source.base);
  const name = fill(source.archive);
  const work = join(staging, ".work");
  await mkdir(join(work, "unpacked"), { recursive: true });
  const file = join(work, name);

  doing("reading checksums");
  const sums = parseChecksums(await network.text(`${base}/${fill(source.checksums)}`), name);
  doing("downloading");
  const sum = await network.download(`${base}/${name}`, file, (bytes, total) =>
    doing(`downloading ${mebibytes(bytes)}${total > 0 ? ` of ${mebibytes(total)}` : ""} MiB`),
  );
  const expected = sums.get(name);
  if (expected !== undefined && expected !== sum)
    throw new SourceUnavailable(`wrong checksum of ${name}: ${sum}, the publisher says ${expected}`);

  doing("unpacking");
  const unpacked = join(work, "unpacked");
  const tar = await run("tar", ["-xzf", file, "-C", unpacked, "--no-same-owner"], { signal: attempt.signal });
  if (tar.code !== 0) throw new SourceUnavailable(`${name} cannot be unpacked`);
  const [top, ...others] = await readdir(unpacked);
  if (top === undefined || others.length > 0) throw new SourceUnavailable(`${name} does not hold exactly one folder`);
  // Some publishers list the sums of the files instead of that of the archive.
  if (expected === undefined) await checkFiles(unpacked, top, sums, attempt);

  if (source.layout === "tree") await moveAll(join(unpacked, top), staging);
  else await sortOut(join(unpacked, top), staging);
  await rm(work, { recursive: true, force: true });
}

/** Sums by file name: `<sum>  <file>`, `<sum> *<file>`, or one bare sum for the archive. */
export function parseChecksums(text: string, archive: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, sum, name] = /^([0-9a-f]{64})(?:\s+\*?(?:\.\/)?(\S.*?))?\s*$/i.exec(line) ?? [];
    if (sum !== undefined) sums.set(name ?? archive, sum.toLowerCase());
  }
  if (sums.size === 0) throw new SourceUnavailable("the publisher's checksum file holds no sha256 sums");
  return sums;
}

export function fillTemplate(template: string, { version, platform }: Pick<Attempt, "version" | "platform">): string {
  const [os = "", arch = ""] = platform.split("-");
  const values: Record<string, string> = { version, os, arch, goarch: arch === "x64" ? "amd64" : arch };
  return template.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

async function checkFiles(unpacked: string, top: string, sums: ReadonlyMap<string, string>, { program }: Attempt) {
  for (const { name } of program.binaries) {
    const expected = sums.get(`${top}/${name}`);
    if (expected === undefined)
      throw new SourceUnavailable(`the publisher's checksum file names neither the archive nor ${top}/${name}`);
    const sum = await sha256(join(unpacked, top, name));
    if (sum !== expected)
      throw new SourceUnavailable(`wrong checksum of ${top}/${name}: ${sum}, the publisher says ${expected}`);
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function moveAll(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from)) await rename(join(from, entry), join(to, entry));
}

async function sortOut(from: string, to: string): Promise<void> {
  await mkdir(join(to, "bin"));
  await mkdir(join(to, "share"));
  const entries = await readdir(from, { recursive: false });
  for (const entry of entries) {
    const stat = await lstat(join(from, entry));
    const isProgram = stat.isFile() && (stat.mode & 0o111) !== 0;
    await rename(join(from, entry), join(to, isProgram ? "bin" : "share", basename(entry)));
    if (isProgram) await chmod(join(to, "bin", entry), 0o755);
  }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
