// Building from a Go module, tried with a module of ten lines.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { acquire } from "../../tools/acquire.ts";
import { type Program, platformKey, programs } from "../../tools/programs.ts";
import { findTool, resolveTool } from "../../tools/resolve.ts";
import { turns } from "../../tools/turns.ts";
import { startChild } from "../support/children.ts";
import { freePort, untilListening } from "../support/ports.ts";
import { recorder, temporaryFolder } from "./support.ts";

const goMissing = spawnSync("go", ["version"]).status !== 0;
const source = `package main

import "fmt"

var version = "unknown"

func main() { fmt.Println("amtool, version " + version) }
`;

/** The program amtool, from a module of our own. */
function wrapper(folder: string, content: string, goVersion = "1.21"): Program {
  mkdirSync(join(folder, "amtool"));
  writeFileSync(join(folder, "amtool", "go.mod"), `module example.test/amtool\n\ngo ${goVersion}\n`);
  writeFileSync(join(folder, "amtool", "main.go"), content);
  return {
    name: "alertmanager",
    binaries: [{ name: "amtool", versionArgs: ["--version"] }],
    sources: [
      { kind: "go", builds: [{ module: "amtool", packages: ["."], stamp: { "main.version": "0.34.2" }, weight: 1 }] },
    ],
    remedy: "do something",
  };
}

describe.skipIf(goMissing)("a Go build (skipped when go is not on PATH)", () => {
  it("puts the binary with its stamped version into the cache and leaves nothing else", async () => {
    const [dir, goModules] = [temporaryFolder(), temporaryFolder()];
    const { acquired } = await acquire({ only: [wrapper(goModules, source)], dir, goModules, report: recorder() });
    expect(acquired).toMatchObject([{ version: "0.34.2", source: "go", fresh: true }]);
    expect(execFileSync(join(dir, "alertmanager/0.34.2/bin/amtool"), { encoding: "utf8" })).toContain("version 0.34.2");
    expect(readdirSync(join(dir, "alertmanager"))).toEqual(["0.34.2"]);
    expect(readdirSync(join(dir, "alertmanager/0.34.2")).sort()).toEqual(["bin", "manifest.json"]);
  });

  it("names the binary as the table says where the package's folder is not its name", async () => {
    const [dir, goModules] = [temporaryFolder(), temporaryFolder()];
    const plain = wrapper(goModules, source);
    const [from] = plain.sources;
    if (from?.kind !== "go") throw new Error("it is built from Go");
    const renamed: Program = {
      ...plain,
      binaries: [{ name: "renamed", versionArgs: ["--version"] }],
      sources: [{ ...from, builds: from.builds.map((build) => ({ ...build, output: "renamed" })) }],
    };
    await acquire({ only: [renamed], dir, goModules, report: recorder() });
    expect(readdirSync(join(dir, "alertmanager/0.34.2/bin"))).toEqual(["renamed"]);
  });

  it("that fails says what the compiler said", async () => {
    const [dir, goModules] = [temporaryFolder(), temporaryFolder()];
    const broken = wrapper(goModules, source.replace("version)", "nothing)"));
    await expect(acquire({ only: [broken], dir, goModules, report: recorder() })).rejects.toThrow(
      /Go build: go build failed: .*undefined: nothing/,
    );
    expect(readdirSync(join(dir, "alertmanager"))).toEqual([]);
  });

  it("with a Go that is too old says which one is needed", async () => {
    const [dir, goModules] = [temporaryFolder(), temporaryFolder()];
    const modern = wrapper(goModules, source, "1.999");
    const env = { ...process.env, GOTOOLCHAIN: "local" };
    await expect(acquire({ only: [modern], dir, goModules, env, report: recorder() })).rejects.toThrow(
      /Go cannot be used: .*requires go >= 1\.999/,
    );
  });
});

describe("without Go", () => {
  it("the line says so", async () => {
    const [dir, goModules, path] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    // A folder of the usual place may exist on this machine; what is on PATH comes first.
    writeFileSync(join(path, "go"), "#!/bin/sh\necho 'go: not a working installation' >&2\nexit 1\n");
    chmodSync(join(path, "go"), 0o755);
    const env = { ...process.env, PATH: `${path}:/usr/bin:/bin` };
    await expect(
      acquire({ only: [wrapper(goModules, source)], dir, goModules, env, report: recorder() }),
    ).rejects.toThrow("Go build: Go cannot be used: go: not a working installation");
  });
});

describe("turns", () => {
  it("run two at a time, the heaviest first", async () => {
    const turn = turns(2, 20);
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const job = (weight: number) =>
      turn(weight, async () => {
        order.push(weight);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 10));
        running--;
      });
    await Promise.all([job(1), job(5), job(3), job(4), job(2)]);
    expect(order).toEqual([5, 4, 3, 2, 1]);
    expect(most).toBe(2);
  });

  it("go on after a job that failed", async () => {
    const turn = turns(1, 0);
    const failing = turn(2, () => Promise.reject(new Error("no")));
    const next = turn(1, async () => "done");
    await expect(failing).rejects.toThrow("no");
    await expect(next).resolves.toBe("done");
  });
});

describe("the committed wrapper modules", () => {
  it("exist for every build and have checksums", () => {
    const builds = programs.flatMap(({ sources }) => sources.flatMap((one) => (one.kind === "go" ? one.builds : [])));
    expect(builds.length).toBeGreaterThan(0);
    for (const { module } of builds)
      for (const file of ["go.mod", "go.sum"])
        expect(existsSync(join(import.meta.dirname, "../../tools/go", module, file)), `${module}/${file}`).toBe(true);
  });
});

const built = platformKey() !== undefined && findTool("alertmanager")?.source === "go";

describe.skipIf(!built)("an alertmanager that was built here (skipped when it came from elsewhere)", () => {
  it("says on its page that it has no web page, and lists what works", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "config.yml"), "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n");
    const port = await freePort();
    const child = startChild(resolveTool("alertmanager").path, [
      `--config.file=${join(folder, "config.yml")}`,
      `--storage.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ]);
    try {
      await untilListening(port, child.alive);
      for (const encoding of ["gzip", "br", "identity"]) {
        const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { "accept-encoding": encoding } });
        expect(response.status).toBe(200);
        expect(await response.text()).toContain("This Alertmanager has no web page");
      }
      expect((await fetch(`http://127.0.0.1:${port}/api/v2/alerts`)).status).toBe(200);
    } finally {
      await child.end();
    }
  });
});
