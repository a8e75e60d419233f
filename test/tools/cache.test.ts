// What is in the cache is complete, is not fetched twice, and survives runs that die.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { versions } from "../../components/versions.ts";
import { type AcquireOptions, acquire } from "../../tools/acquire.ts";
import { compareVersions, findCached } from "../../tools/cache.ts";
import { lock, processIdentity, tryLock } from "../../tools/lock.mjs";
import { platformKey } from "../../tools/programs.ts";
import { progress } from "../../tools/progress.ts";
import { findTool, resolveTool } from "../../tools/resolve.ts";
import { startChild } from "../support/children.ts";
import { until } from "../support/ports.ts";
import { program } from "./programs-by-name.ts";
import { archive, recorder, serve, temporaryFolder } from "./support.ts";

const { version } = versions.alertmanager;
const [os, arch] = (platformKey() ?? "linux-x64").split("-");
const good = archive(`alertmanager-${version}.${os}-${arch === "x64" ? "amd64" : arch}.tar.gz`, {
  alertmanager: version,
  amtool: version,
});
const sums = `${good.sum}  ${good.name}\n`;
const runner = join(import.meta.dirname, "get-from.ts");
const alertmanager = program("alertmanager");

/** Serves the archive whole, or only its first part while `slow` says so. */
const publisher = (slow: () => boolean, pause = 0) =>
  serve((request, response) => {
    if (request.url === "/sha256sums.txt") return response.end(sums);
    response.setHeader("content-length", good.content.length);
    if (slow()) return response.write(good.content.subarray(0, 1_000));
    return setTimeout(() => response.end(good.content), pause);
  });

const get = (dir: string, base: string, options: AcquireOptions = {}) =>
  acquire({
    only: [alertmanager],
    dir,
    skip: ["path", "go"],
    report: recorder(),
    env: { ...process.env, VITALS_RELEASE_BASE_ALERTMANAGER: base },
    ...options,
  });

describe("the cache", () => {
  it("gives a finished tool again without asking anybody", async () => {
    const dir = temporaryFolder();
    const { base, requests } = await publisher(() => false);
    await get(dir, base);
    const asked = requests.length;
    const again = await get(dir, base);
    expect(again.acquired).toMatchObject([{ version, source: "release", fresh: false }]);
    expect(requests.length).toBe(asked);
  });

  it("takes nothing for finished that a killed run left, and the next run clears it and takes over its lock", async () => {
    const dir = temporaryFolder();
    let slow = true;
    const { base, requests } = await publisher(() => slow);
    const killed = startChild(process.execPath, [runner, dir, base]);
    await until(() => requests.some((line) => line.endsWith(good.name)));
    await killed.end("SIGKILL");
    const left = readdirSync(join(dir, "alertmanager")).sort();
    expect(left).toHaveLength(2);
    expect(left[0]).toBe(".lock");
    expect(left[1]).toMatch(/^\.staging-/);
    expect(findCached(alertmanager, dir)).toBeUndefined();

    slow = false;
    const { acquired } = await get(dir, base);
    expect(acquired).toMatchObject([{ version, fresh: true }]);
    expect(readdirSync(join(dir, "alertmanager"))).toEqual([version]);
  });

  it("is filled once by two runs at the same time", async () => {
    const dir = temporaryFolder();
    const { base, requests } = await publisher(() => false, 1_000);
    const runs = [0, 1].map(() => startChild(process.execPath, [runner, dir, base]));
    expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(requests.filter((line) => line.endsWith(good.name))).toHaveLength(1);
    const outputs = runs.map((run) => run.output());
    expect(outputs.filter((text) => text.includes('"fresh":true'))).toHaveLength(1);
    const waited = outputs.find((text) => text.includes('"fresh":false')) ?? "";
    expect(waited).toMatch(/another run \(process \d+\) is getting it; waiting/);
  });

  it("stops at once when it is interrupted, and leaves neither lock nor staging folder", async () => {
    const dir = temporaryFolder();
    const { base, requests } = await publisher(() => true);
    const stop = new AbortController();
    const attempt = get(dir, base, { signal: stop.signal });
    const rejection = expect(attempt).rejects.toThrow("stopped by SIGINT");
    await until(() => requests.some((line) => line.endsWith(good.name)));
    stop.abort(new Error("stopped by SIGINT"));
    await rejection;
    expect(readdirSync(join(dir, "alertmanager"))).toEqual([]);
  });

  it("does not count a tool whose binary is gone, and gets it again", async () => {
    const dir = temporaryFolder();
    const { base } = await publisher(() => false);
    await get(dir, base);
    rmSync(join(dir, "alertmanager", version, "bin/amtool"));
    expect(findTool("amtool", dir)).toBeUndefined();
    expect((await get(dir, base)).acquired).toMatchObject([{ fresh: true }]);
    expect(existsSync(resolveTool("amtool", dir).path)).toBe(true);
  });

  it("that cannot be written is one line with the remedy", async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, "file"), "");
    await expect(get(join(dir, "file", "cache"), "http://127.0.0.1:1")).rejects.toThrow(
      /^tools: .*file\/cache cannot be written \(.*\)\n {2}-> set VITALS_TOOLS_DIR/,
    );
  });
});

describe("programs on PATH", () => {
  const script = (folder: string, name: string, says: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${name}, version ${says}"\n`, { mode: 0o755 });
  const look = (dir: string, path: string) =>
    acquire({
      only: [alertmanager],
      dir,
      skip: ["release", "go"],
      report: recorder(),
      env: { PATH: `${path}:/usr/bin:/bin` },
    });

  it("are taken when they are new enough, and asked for their version only then", async () => {
    const [dir, path] = [temporaryFolder(), temporaryFolder()];
    script(path, "alertmanager", "0.40.0");
    script(path, "amtool", "0.40.0");
    expect((await look(dir, path)).acquired).toMatchObject([{ version: "0.40.0", source: "path", fresh: false }]);
    expect(findTool("amtool", dir)).toMatchObject({ path: join(path, "amtool"), version: "0.40.0", source: "path" });

    // A changed file may be another version: it has to be asked again.
    utimesSync(join(path, "amtool"), new Date(0), new Date(0));
    expect(findTool("amtool", dir)).toBeUndefined();
  });

  it("are refused with their version when they are too old", async () => {
    const [dir, path] = [temporaryFolder(), temporaryFolder()];
    script(path, "alertmanager", "0.25.0");
    script(path, "amtool", "0.40.0");
    await expect(look(dir, path)).rejects.toThrow(`PATH: ${path}/alertmanager is 0.25.0, 0.34.2 or newer is needed`);
  });

  it("do not include the launchers that npm puts there", async () => {
    const [dir, folder] = [temporaryFolder(), temporaryFolder()];
    const path = join(folder, "node_modules/.bin");
    mkdirSync(path, { recursive: true });
    script(path, "alertmanager", "0.40.0");
    script(path, "amtool", "0.40.0");
    await expect(look(dir, path)).rejects.toThrow("PATH: alertmanager is not on PATH");
  });

  it.skipIf(process.getuid?.() !== 0)(
    "are refused for root when services could not run them (skipped unless root)",
    async () => {
      const [dir, path] = [temporaryFolder(), temporaryFolder()];
      script(path, "alertmanager", "0.40.0");
      script(path, "amtool", "0.40.0");
      const folder = join(path, "private");
      mkdirSync(folder, { mode: 0o700 });
      script(folder, "alertmanager", "0.40.0");
      script(folder, "amtool", "0.40.0");
      await expect(look(dir, folder)).rejects.toThrow("cannot be run by the unprivileged users of the services");
    },
  );
});

describe("resolving", () => {
  it("a tool that is not there names the remedy", () => {
    expect(() => resolveTool("promtool", temporaryFolder())).toThrow(
      /^tool promtool: not on PATH and not in .*\n {2}-> run npm run tools -- get$/,
    );
  });

  it("a name that no program has is a mistake", () => {
    expect(() => findTool("promtol")).toThrow("no program in tools/programs.ts has this binary");
  });

  it("on a machine that no source covers is one clear line", async () => {
    const attempt = (platform: string) => acquire({ platform, report: recorder(), dir: temporaryFolder() });
    await expect(attempt("win32-x64")).rejects.toThrow(
      /^tools: there are no programs for win32 on x64\n {2}-> use Linux or macOS/,
    );
    await expect(attempt("linux-riscv64")).rejects.toThrow("no programs for linux on riscv64");
  });

  it("compares versions by number", () => {
    expect(["3.9.0", "3.16", "3.16.0", "v3.100.1", "2.50"].sort(compareVersions)).toEqual([
      "2.50",
      "3.9.0",
      "3.16",
      "3.16.0",
      "v3.100.1",
    ]);
  });
});

describe("a lock", () => {
  it("is held by one, and free again after its release", () => {
    const file = join(temporaryFolder(), "lock");
    const first = tryLock(file);
    expect(tryLock(file)).toEqual({ owner: process.pid });
    first.release?.();
    expect(existsSync(file)).toBe(false);
    tryLock(file).release?.();
  });

  it("of a dead process is taken over, also when its number was given to another one, or when it is damaged", async () => {
    const dead = startChild("/bin/sleep", ["60"]);
    const identity = processIdentity(dead.pid);
    expect(identity).toBeDefined();
    await dead.end("SIGKILL");
    const file = join(temporaryFolder(), "lock");
    const leftovers = [
      JSON.stringify({ pid: dead.pid, identity, host: hostname() }),
      JSON.stringify({ pid: process.pid, identity: "another boot:1", host: hostname() }),
      "{",
    ];
    for (const text of leftovers) {
      writeFileSync(file, text);
      const taken = tryLock(file);
      expect(taken.release, text).toBeDefined();
      taken.release?.();
    }
  });

  it("from another machine counts as long as its file is touched", () => {
    const file = join(temporaryFolder(), "lock");
    writeFileSync(file, JSON.stringify({ pid: 1, identity: "x", host: "elsewhere" }));
    expect(tryLock(file)).toEqual({ owner: 1 });
    utimesSync(file, new Date(Date.now() - 120_000), new Date(Date.now() - 120_000));
    const taken = tryLock(file);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: process.pid });
    taken.release?.();
  });

  it("is never held by two of many that want a stale one", async () => {
    const file = join(temporaryFolder(), "lock");
    writeFileSync(file, "{");
    let holders = 0;
    let most = 0;
    const one = async () => {
      const held = await lock(file, { poll: 1 });
      most = Math.max(most, ++holders);
      await new Promise((resolve) => setTimeout(resolve, 2));
      holders--;
      held.release();
    };
    await Promise.all(Array.from({ length: 20 }, one));
    expect(most).toBe(1);
    expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe("progress", () => {
  it("is a plain line now and then where there is no terminal", async () => {
    let text = "";
    const report = progress({ write: (more) => (text += more) }, 20);
    report.doing("jaeger", "go build: 12 packages");
    report.line("redis 7.0.15");
    await until(() => text.includes("…"));
    report.stop();
    expect(text.startsWith("redis 7.0.15\n")).toBe(true);
    expect(text).toMatch(/ {2}… jaeger: go build: 12 packages \(\d+ ms\)\n/);
    expect(text).not.toContain("\x1b");
  });

  it("says nothing twice where there is no terminal: a line has only what changed since the last one", async () => {
    const lines: string[] = [];
    const report = progress({ write: (more) => lines.push(more) }, 20);
    report.doing("jaeger", "go build: 12 packages");
    report.doing("prometheus", "getting modules");
    await until(() => lines.length === 1);
    report.doing("jaeger", "go build: 40 packages");
    await until(() => lines.length === 2);
    await new Promise((next) => setTimeout(next, 100));
    report.doing("prometheus", undefined);
    report.stop();
    expect(lines).toEqual([
      expect.stringMatching(
        /^ {2}… jaeger: go build: 12 packages \(\d+ ms\) · prometheus: getting modules \(\d+ ms\)\n$/,
      ),
      expect.stringMatching(/^ {2}… jaeger: go build: 40 packages \(\d+ ms\)\n$/),
    ]);
  });

  it("is one live line on a terminal, never wider than it", async () => {
    let text = "";
    const report = progress({ write: (more) => (text += more), isTTY: true, columns: 20 });
    report.doing("jaeger", "go build: 12 packages");
    report.line("redis");
    report.stop();
    expect(text).toBe(`redis\n${"jaeger: go build: 12 packages".slice(0, 19)}\r\x1b[K`);
  });
});
