// The command `tools` as a person calls it.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { programs } from "../../tools/programs.ts";
import { temporaryFolder } from "./support.ts";

const script = resolve(import.meta.dirname, "../../tools/commands/tools.ts");

function tools(dir: string, ...args: readonly string[]) {
  const env = { ...process.env, VITALS_TOOLS_DIR: dir, PATH: "/nowhere" };
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", env });
}

describe("npm run tools", () => {
  it("lists every binary, and for a missing one what would be done", () => {
    const { status, stdout, stderr } = tools(temporaryFolder());
    expect(status).toBe(1);
    const [head = "", ...rows] = stdout.trim().split("\n");
    expect(head).toMatch(/^PROGRAM +VERSION +SOURCE +USE +PATH$/);
    expect(rows.map((row) => row.split(" ")[0])).toEqual(
      programs.flatMap(({ binaries }) => binaries.map(({ name }) => name)),
    );
    expect(rows.find((row) => row.startsWith("promtool"))).toMatch(
      /missing +stack +would try PATH, then the publisher's release, then a Go build/,
    );
    expect(stderr).toContain("npm run tools -- get");
  });

  it("prints the same as JSON", () => {
    const { status, stdout } = tools(temporaryFolder(), "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ program: "redis-cli", source: "missing" }));
  });

  it("gets a program by name, and ends with 1, each source and the remedy when it cannot", () => {
    const dir = temporaryFolder();
    const { status, stdout, stderr } = tools(dir, "get", "redis");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      /tool redis: cannot be had \(PATH: redis-server is not on PATH; Debian package: .*\)\n {2}-> install redis-server/,
    );
  });

  it("gets what the stack runs, and with --tests what only the tests run", () => {
    const nothing = ["path", "release", "debian", "go", "npm"].flatMap((source) => ["--skip", source]);
    const asked = (...args: readonly string[]) =>
      [...tools(temporaryFolder(), "get", ...args, ...nothing).stderr.matchAll(/^tool (\S+): cannot be had/gm)].map(
        ([, name]) => name,
      );
    const needed = (use: "stack" | "tests") =>
      programs.filter((each) => (each.use ?? "stack") === use && each.optional !== true).map(({ name }) => name);
    expect(needed("tests")).toEqual([
      ...["kubernetes", "kubectl", "etcd", "kwok", "kube-score", "kube-linter", "pint"],
      ...["postgres-14", "postgres-15", "postgres-16", "postgres-17"],
    ]);
    expect(asked()).toEqual(needed("stack"));
    expect(asked("--tests")).toEqual([...needed("stack"), ...needed("tests")]);
    expect(asked("kwok")).toEqual(["kwok"]);
  });

  it("prints what it got as JSON, with its progress on standard error", () => {
    const path = temporaryFolder();
    mkdirSync(join(path, "bin"));
    for (const name of ["redis-server", "redis-cli"])
      writeFileSync(join(path, "bin", name), `#!/bin/sh\necho "${name} 8.2.1"\n`, { mode: 0o755 });
    const env = { ...process.env, VITALS_TOOLS_DIR: temporaryFolder(), PATH: `${join(path, "bin")}:/usr/bin:/bin` };
    const got = spawnSync(process.execPath, [script, "get", "redis", "--json"], { encoding: "utf8", env });
    expect(got.status).toBe(0);
    expect(JSON.parse(got.stdout)).toMatchObject({
      acquired: [{ program: "redis", version: "8.2.1", source: "path" }],
      missing: [],
    });
    expect(got.stderr).toMatch(/^redis +8\.2\.1 +on PATH/);
    const listed = spawnSync(process.execPath, [script, "--json"], { encoding: "utf8", env });
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({
        program: "redis-cli",
        version: "8.2.1",
        source: "path",
        path: join(path, "bin/redis-cli"),
      }),
    );
  });

  it("refuses what it does not know with 2 and says what it does know", () => {
    for (const args of [["fetch"], ["get", "redsi"], ["get", "--skip", "brew"], ["--jsno"]]) {
      const { status, stdout, stderr } = tools(temporaryFolder(), ...args);
      expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: "" });
      expect(stderr).toMatch(/^(?:".+" is not known; .+: .+\.|Unknown option '--jsno'.*)\n/);
      expect(stderr).toContain("npm run tools -- get");
    }
  });

  it("explains itself", () => {
    const { status, stdout } = tools(temporaryFolder(), "--help");
    expect(status).toBe(0);
    expect(stdout).toContain("VITALS_TOOLS_DIR");
  });
});
