// Images made of this machine's own programs, to stand in under the name of a published one where no registry can be reached.
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { checkout } from "../../components/platforms/images.ts";
import { versions } from "../../components/versions.ts";
import { run } from "../../tools/exec.ts";
import { resolveTool } from "../../tools/resolve.ts";
import type { Engine } from "./docker-engine.ts";

export interface StandIn {
  /** Where a program lies in the image -> where it lies here, or its name on PATH; its shared libraries follow by themselves. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Files and whole folders: where in the image -> where here. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs that tools/ knows by these names: in /usr/local/bin, and what came with them in a folder of its own. */
  readonly tools?: readonly string[];
  /** Small texts, executable: where in the image -> the text. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Symbolic links: where in the image -> where they lead. */
  readonly links?: Readonly<Record<string, string>>;
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

/** Our own image as `npm run image` builds it, on the node image that the engine has; resolves with what that said. */
export async function buildOwnImage(engine: Engine, ...args: readonly string[]): Promise<string> {
  const npmrc = join(engine.folder, "npmrc");
  // Handed over as a secret: where packages come through a proxy with a certificate of its own, npm has to know that.
  await writeFile(npmrc, "cafile=/etc/ssl/certs/ca-certificates.crt\n");
  const { code, stdout, stderr } = await run(
    process.execPath,
    ["tools/commands/image.ts", "--network", "host", "--npmrc", npmrc, ...args],
    { cwd: checkout, env: engine.env, timeoutMs: 400_000 },
  );
  if (code !== 0) throw new Error(`our own image cannot be built:\n${stdout}${stderr}`);
  return stdout;
}

/** The published Node image as far as a build needs it: Debian's layout, a shell, Node and npm in /usr/local. */
export const nodeImage = (node: string): StandIn => ({
  programs: { ...shell, "/usr/local/bin/node": node },
  files: {
    "/usr/local/lib/node_modules/npm": npmFolder(),
    // Of the tests' machine: behind a proxy that opens TLS, npm in a build needs it as npm outside does.
    "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
  },
  texts: {
    "/usr/local/bin/npm": '#!/bin/sh\nexec /usr/local/bin/node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n',
  },
  settings: ['CMD ["node"]'],
});

/** Names of BusyBox, of which the images of Alpine and of the Prometheus project are made; Debian's has the same in other programs. */
const applets = "sh wget nc ls id cat grep sed head find dirname basename mkdir rmdir rm mv chmod printf";
const busybox: Pick<StandIn, "programs" | "links"> = {
  programs: { "/usr/bin/busybox": "busybox" },
  links: Object.fromEntries(applets.split(" ").map((name) => [`/usr/bin/${name}`, "busybox"])),
};

/** What PostgreSQL's own tells: whether the server on that port of loopback asks for a password yet, or still starts. */
const pgIsReady = String.raw`#!/bin/sh
port=$(printf '%s\n' "$@" | sed -n 's/^--port=//p')
answer=$(printf '\0\0\0\027\0\003\0\0user\0postgres\0\0' | nc -w 2 127.0.0.1 "$port" | head -c 1)
[ "$answer" = R ]
`;

/** The images of other people's programs, by the names under which a stack asks for them. All but Grafana's, which no registry of packages has. */
export const publishedImages: Readonly<Record<string, StandIn>> = {
  [versions.redis.image]: { ...busybox, tools: ["redis-server", "redis-cli"] },
  [versions.prometheus.image]: {
    ...busybox,
    tools: ["prometheus", "promtool"],
    settings: ['ENTRYPOINT ["prometheus"]'],
  },
  [versions.alertmanager.image]: {
    ...busybox,
    tools: ["alertmanager", "amtool"],
    settings: ['ENTRYPOINT ["alertmanager"]'],
  },
  [versions.jaeger.image]: { ...busybox, tools: ["jaeger"], settings: ['ENTRYPOINT ["jaeger"]'] },
  [versions.postgres.image]: {
    ...busybox,
    tools: ["postgres-entrypoint"],
    files: { "/usr/lib/locale/C.utf8": "/usr/lib/locale/C.utf8" },
    texts: {
      "/usr/local/bin/pg_isready": pgIsReady,
      "/etc/passwd": "postgres:x:999:999::/var/lib/postgresql:/bin/sh\n",
    },
    settings: ['ENTRYPOINT ["postgres-entrypoint"]'],
  },
};

function fill(root: string, { programs = {}, files = {}, tools = [], texts = {}, links = {} }: StandIn): void {
  const place = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  // Any user's.
  chmodSync(root, 0o755);
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    mkdirSync(join(root, "usr", name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const folder of ["etc", "root", "tmp", "var/tmp"]) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) chmodSync(join(root, folder), 0o1777);
  const withLibraries = (program: string, own?: string) => {
    for (const library of librariesOf(program, own)) copyFileSync(library, place(library));
  };
  const placeProgram = (path: string, here: string) => {
    copyFileSync(realpathSync(here), place(path));
    chmodSync(join(root, path), 0o755);
    withLibraries(here);
  };
  for (const [path, here] of Object.entries(programs)) placeProgram(path, here.includes("/") ? here : find(here));
  for (const name of tools) {
    const { path, source, home } = resolveTool(name);
    if (source === "path") {
      placeProgram(`/usr/local/bin/${name}`, path);
      continue;
    }
    if (!existsSync(join(root, home))) {
      cpSync(home, place(home), { recursive: true, verbatimSymlinks: true });
      for (const folder of ["bin", "libexec"].map((each) => join(home, each)).filter(existsSync))
        for (const each of readdirSync(folder)) withLibraries(join(folder, each), join(home, "lib"));
    }
    // Started by its own path: it looks for its files beside itself.
    writeFileSync(place(`/usr/local/bin/${name}`), `#!/bin/sh\nexec ${path} "$@"\n`, { mode: 0o755 });
  }
  for (const [path, here] of Object.entries(files))
    if (existsSync(here)) cpSync(here, place(path), { recursive: true, dereference: true });
  for (const [path, text] of Object.entries(texts)) writeFileSync(place(path), text, { mode: 0o755 });
  for (const [path, target] of Object.entries(links)) symlinkSync(target, place(path));
}

/** None for a program that is linked statically, or a script. `own`: a folder of libraries that came with it. */
const librariesOf = (program: string, own = ""): readonly string[] =>
  [
    ...spawnSync("ldd", [program], { encoding: "utf8", env: { ...process.env, LD_LIBRARY_PATH: own } }).stdout.matchAll(
      /(?:=> )?(\/\S+) \(0x/g,
    ),
  ].map(([, path = ""]) => path);

function find(name: string): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  if (found === undefined) throw new Error(`${name} is not on PATH`);
  return found;
}

/** Where the npm that is on PATH has its files. */
const npmFolder = (): string => resolve(dirname(realpathSync(find("npm"))), "..");
