// Images made of this machine's own programs, to stand in under the name of a published one where no registry can be reached.
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Engine } from "./docker-engine.ts";

export interface StandIn {
  /** Where a program lies in the image -> where it lies here, or its name on PATH; its shared libraries follow by themselves. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Files and whole folders: where in the image -> where here. */
  readonly files?: Readonly<Record<string, string>>;
  /** Small texts, executable: where in the image -> the text. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Lines of a Dockerfile, such as `USER 999:999`. */
  readonly settings?: readonly string[];
}

/** What a shell script needs: a part of every Debian image. */
export const shell: StandIn["programs"] = Object.fromEntries(
  ["sh", "env", "cat", "cp", "mkdir", "rm", "find", "chmod", "touch", "id", "ls"].map((name) => [
    `/usr/bin/${name}`,
    name,
  ]),
);

/** Puts the image into the engine under this name. */
export async function importImage(engine: Engine, reference: string, image: StandIn): Promise<void> {
  const root = await mkdtemp(join(engine.folder, "image-"));
  try {
    fill(root, image);
    const archive = `${root}.tar`;
    execFileSync("tar", ["-C", root, "--numeric-owner", "-cf", archive, "."]);
    const changes = (image.settings ?? []).flatMap((line) => ["--change", line]);
    await engine.docker("import", ...changes, archive, reference);
    await rm(archive);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The published Node image as far as a build needs it: Debian's layout, a shell, Node and npm in /usr/local. */
export const nodeImage = (node: string): StandIn => ({
  programs: { ...shell, "/usr/local/bin/node": node },
  files: {
    "/usr/local/lib/node_modules/npm": npmFolder(),
    // Of the tests' machine: behind a proxy that opens TLS, npm in a build needs it as npm outside does.
    "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
  },
  scripts: {
    "/usr/local/bin/npm": '#!/bin/sh\nexec /usr/local/bin/node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n',
  },
  settings: ['CMD ["node"]'],
});

function fill(root: string, { programs = {}, files = {}, scripts = {} }: StandIn): void {
  const place = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    mkdirSync(join(root, "usr", name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const folder of ["etc", "root", "tmp", "var/tmp"]) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) chmodSync(join(root, folder), 0o1777);
  for (const [path, here] of Object.entries(programs)) {
    const program = realpathSync(here.includes("/") ? here : find(here));
    copyFileSync(program, place(path));
    chmodSync(join(root, path), 0o755);
    for (const library of librariesOf(program)) copyFileSync(library, place(library));
  }
  for (const [path, here] of Object.entries(files))
    if (existsSync(here)) cpSync(here, place(path), { recursive: true, dereference: true });
  for (const [path, text] of Object.entries(scripts)) writeFileSync(place(path), text, { mode: 0o755 });
}

/** None for a program that is linked statically, or a script. */
const librariesOf = (program: string): readonly string[] =>
  [...spawnSync("ldd", [program], { encoding: "utf8" }).stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(
    ([, path = ""]) => path,
  );

function find(name: string): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  if (found === undefined) throw new Error(`${name} is not on PATH`);
  return found;
}

/** Where the npm that is on PATH has its files. */
const npmFolder = (): string => resolve(dirname(realpathSync(find("npm"))), "..");
