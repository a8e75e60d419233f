// Redis from Debian's packages: really downloaded, unpacked without installing, and run by an unprivileged user.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { acquire } from "../../tools/acquire.ts";
import { resolveTool } from "../../tools/resolve.ts";
import { startChild } from "../support/children.ts";
import { freePort, untilListening } from "../support/ports.ts";
import { program } from "./programs-by-name.ts";
import { recorder, temporaryFolder } from "./support.ts";

const hasApt = spawnSync("apt-get", ["--version"]).status === 0;
const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

describe.skipIf(!hasApt)("Debian packages (skipped where there is no apt-get)", () => {
  it("bring a Redis with its own libraries, also where the system has no package lists", {
    timeout: 240_000,
  }, async () => {
    const [dir, folder] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(folder, "apt.conf"), `Dir::State::Lists "${join(folder, "no-lists")}";\n`);
    const env = { ...process.env, APT_CONFIG: join(folder, "apt.conf") };
    const { acquired } = await acquire({ only: [program("redis")], dir, skip: ["path"], env, report: recorder() });
    expect(acquired).toMatchObject([{ program: "redis", source: "debian", fresh: true }]);
    expect(existsSync(join(folder, "no-lists"))).toBe(false);

    const port = await freePort();
    const server = startChild(
      resolveTool("redis-server", dir).path,
      ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", "/"],
      { cwd: "/", env: { PATH: "/usr/bin:/bin" }, ...unprivileged },
    );
    onTestFinished(async () => {
      await server.end();
    });
    await untilListening(port, server.alive);
    const cli = resolveTool("redis-cli", dir).path;
    const said = spawnSync(cli, ["-p", `${port}`, "-e", "PING"], {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin" },
      ...unprivileged,
    });
    expect(said.stdout.trim()).toBe("PONG");
    // The launcher has become the server itself, and what it loads comes from the cache.
    if (process.platform === "linux") {
      const maps = readFileSync(`/proc/${server.pid}/maps`, "utf8");
      const libraries = [...maps.matchAll(/(\/\S+\.so[.\d]*)$/gm)].map((match) => match[1] ?? "");
      expect(libraries.some((path) => path.startsWith(join(dir, "redis")) && path.includes("libssl"))).toBe(true);
    }
  });

  it("that are too old are refused with their version", async () => {
    const dir = temporaryFolder();
    const future = {
      ...program("redis"),
      name: "postgres" as const,
      sources: [{ kind: "debian" as const, packages: ["redis-server"] }],
    };
    await expect(acquire({ only: [future], dir, report: recorder() })).rejects.toThrow(
      /Debian package: (redis-server is [\d.]+, 18\.0 or newer is needed|the package lists)/,
    );
  }, 120_000);
});

describe("where there is no apt", () => {
  it("the line says so", async () => {
    const dir = temporaryFolder();
    const env = { ...process.env, PATH: "/nowhere" };
    await expect(acquire({ only: [program("redis")], dir, env, skip: ["path"], report: recorder() })).rejects.toThrow(
      process.platform === "linux"
        ? "Debian package: apt-get is not here, this is not a Debian system"
        : "Debian package: only on Linux",
    );
  });
});
