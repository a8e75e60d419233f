// The first step of every command, on a small project of its own.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { isInstalled } from "../../tools/dependencies.mjs";
import { startChild } from "../support/children.ts";
import { until } from "../support/ports.ts";
import { temporaryFolder } from "./support.ts";

const root = resolve(import.meta.dirname, "../..");
const nodePackage = `node-${process.platform}-${process.arch}`;
const command = `// Says what it was given.
if (process.argv.includes("wait")) {
  process.once("SIGTERM", () => { console.log("told to end"); process.exit(7); });
  console.log("waiting");
  setInterval(() => {}, 1_000);
} else {
  const given: readonly string[] = process.argv.slice(2);
  const { node } = process.versions;
  console.log(JSON.stringify({ given, node, first: process.env.PATH?.split(":")[0], cache: process.env.NODE_COMPILE_CACHE }));
  process.exitCode = 3;
}
`;

type Packages = Readonly<Record<string, object>>;

/** A checkout with one command and no dependencies but a Node. */
function project(options: { packages?: Packages; installed?: Packages; hasNode?: boolean } = {}): string {
  const { packages = {}, installed = packages, hasNode = true } = options;
  const folder = temporaryFolder();
  mkdirSync(join(folder, "tools/commands"), { recursive: true });
  cpSync(join(root, "run.mjs"), join(folder, "run.mjs"));
  for (const file of ["lock.mjs", "dependencies.mjs"]) cpSync(join(root, "tools", file), join(folder, "tools", file));
  writeFileSync(join(folder, "tools/commands/echo.ts"), command);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "small", version: "1.0.0", type: "module" }));
  const lockfile = (them: object) =>
    JSON.stringify({ name: "small", version: "1.0.0", lockfileVersion: 3, requires: true, packages: them });
  writeFileSync(join(folder, "package-lock.json"), lockfile({ "": { name: "small", version: "1.0.0" }, ...packages }));
  mkdirSync(join(folder, "node_modules"));
  for (const path of Object.keys(installed)) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, "node_modules/.package-lock.json"), lockfile(installed));
  if (hasNode) {
    mkdirSync(join(folder, "node_modules", nodePackage, "bin"), { recursive: true });
    symlinkSync(process.execPath, join(folder, "node_modules", nodePackage, "bin/node"));
  }
  return folder;
}

/** No network, and the npm on PATH rather than the one that runs these tests. */
const quiet = { ...process.env, npm_config_offline: "true", npm_execpath: undefined };

const run = (folder: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [join(folder, "run.mjs"), ...args], { encoding: "utf8", cwd: "/", env: quiet });

describe("run.mjs", () => {
  it("runs a command with the project's Node first on PATH, and passes arguments, output and exit code through", () => {
    const folder = project();
    const { status, stdout, stderr } = run(folder, "echo", "a b", "--json");
    expect(stderr).toBe("");
    expect(status).toBe(3);
    const said = JSON.parse(stdout) as { given: string[]; node: string; first: string; cache: string };
    expect(said.given).toEqual(["a b", "--json"]);
    expect(Number(said.node.split(".")[0])).toBeGreaterThanOrEqual(24);
    expect(said.first).toBe(join(folder, "node_modules", nodePackage, "bin"));
    expect(said.cache).toMatch(/vitals/);
  });

  it("uses the running Node when npm has none for this machine and it is new enough", () => {
    const { status, stdout } = run(project({ hasNode: false }), "echo");
    expect(status).toBe(3);
    expect((JSON.parse(stdout) as { first: string }).first).toBe(dirname(process.execPath));
  });

  it("without a command lists them, and refuses an unknown one, with nothing on standard output", () => {
    const folder = project();
    const listed = run(folder);
    expect(listed).toMatchObject({ status: 0, stdout: "" });
    expect(listed.stderr).toContain("echo  Says what it was given.");
    const refused = run(folder, "ecco");
    expect(refused).toMatchObject({ status: 2, stdout: "" });
    expect(refused.stderr).toContain('There is no command "ecco"');
    expect(refused.stderr).toContain("echo  Says what it was given.");
  });

  it("passes on the signal to end, and the exit code that follows", async () => {
    const child = startChild(process.execPath, [join(project(), "run.mjs"), "echo", "wait"]);
    await until(() => child.output().includes("waiting"));
    expect(await child.end("SIGTERM")).toBe(7);
    expect(child.output()).toContain("told to end");
  });

  it("runs npm ci when node_modules is not what the lockfile says, once, with all output on standard error", () => {
    // Nothing to install: npm only clears away what is too much.
    const folder = project({ installed: { "node_modules/stray": { version: "1.0.0" } }, hasNode: false });
    writeFileSync(
      join(folder, "package-lock.json"),
      JSON.stringify({
        name: "small",
        version: "1.0.0",
        lockfileVersion: 3,
        requires: true,
        packages: { "": { name: "small", version: "1.0.0" } },
      }),
    );
    writeFileSync(join(folder, "node_modules/.package-lock.json"), "{ damaged");
    const first = run(folder, "echo");
    expect(first.stderr).toContain("Installing dependencies (npm ci)");
    expect(first.stderr).toContain("Dependencies installed");
    expect(() => JSON.parse(first.stdout)).not.toThrow();
    expect(existsSync(join(folder, "node_modules/stray"))).toBe(false);
    expect(readFileSync(join(folder, "node_modules/.vitals-lock-hash"), "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
    expect(existsSync(join(folder, ".vitals/npm-ci.lock"))).toBe(false);
    expect(run(folder, "echo").stderr).toBe("");
  });

  it("ends with npm's own message when npm ci fails, and marks nothing as installed", () => {
    const folder = project({ packages: { "node_modules/other": { version: "1.0.0" } }, installed: {} });
    const bin = temporaryFolder();
    writeFileSync(join(bin, "npm"), "#!/bin/sh\necho 'npm error: no such thing'\nexit 1\n", { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "run.mjs"), "echo"], {
      encoding: "utf8",
      env: { ...quiet, PATH: `${bin}:/usr/bin:/bin` },
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("npm error: no such thing");
    expect(stderr).toContain("npm ci failed");
    expect(existsSync(join(folder, "node_modules/.vitals-lock-hash"))).toBe(false);
    expect(existsSync(join(folder, ".vitals/npm-ci.lock"))).toBe(false);
  });
});

describe("what is installed", () => {
  const here = { os: [process.platform], cpu: [process.arch] };
  const version = "1.0.0";
  const cases: readonly (readonly [string, Record<string, object>, Record<string, object>, boolean])[] = [
    [
      "counts when every package is there in its version",
      { "node_modules/a": { version } },
      { "node_modules/a": { version } },
      true,
    ],
    [
      "does not count when a version differs",
      { "node_modules/a": { version } },
      { "node_modules/a": { version: "1.0.1" } },
      false,
    ],
    ["does not count when a package is missing", { "node_modules/a": { version } }, {}, false],
    [
      "needs no optional package of another machine",
      { "node_modules/a": { version, optional: true, os: ["aix"], cpu: ["ppc64"] } },
      {},
      true,
    ],
    [
      "needs the optional package of this machine",
      { "node_modules/a": { version, optional: true, ...here } },
      {},
      false,
    ],
    [
      "needs no part of an optional package that names no machine",
      { "node_modules/a": { version, optional: true } },
      {},
      true,
    ],
  ];
  for (const [says, packages, installed, expected] of cases)
    it(says, () => {
      expect(isInstalled(project({ packages, installed }))).toBe(expected);
    });
});
