// What can be wrong with a machine: one clear line each with its remedy, and nothing half-started left behind.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toolsDir } from "../../tools/cache.ts";
import { findTool } from "../../tools/resolve.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";

const upArguments = ["up", "-s", "dev", "--yes", "--skip-preview", "--non-interactive", "--color", "never"] as const;

describe("a machine on which a stack cannot come up", () => {
  let checkout: Checkout;
  let folder = "";
  beforeAll(async () => {
    checkout = await freshCheckout();
    folder = mkdtempSync(join(tmpdir(), "vitals-trouble-"));
  });
  afterAll(async () => {
    await checkout.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Everything of the tool cache but some programs. */
  const toolsWithout = (...left: readonly string[]): string => {
    const dir = mkdtempSync(join(folder, "tools-"));
    for (const name of readdirSync(toolsDir()))
      if (!left.includes(name)) symlinkSync(join(toolsDir(), name), join(dir, name));
    return dir;
  };

  it("because Pulumi is not there is told so, with the command that gets it", async () => {
    const { code, text } = await checkout.runWith(
      { VITALS_TOOLS_DIR: join(folder, "none"), PULUMI_HOME: join(folder, "home") },
      "pulumi",
      ...upArguments,
    );
    expect(code).toBe(1);
    expect(text).toMatch(/^tool pulumi: not on PATH and not in .+\n {2}-> run npm run tools -- get\n$/);
  });

  it("because programs are missing is told which, all at once, and starts nothing", async () => {
    const { code, text } = await checkout.runWith(
      { VITALS_TOOLS_DIR: toolsWithout("redis", "prometheus") },
      "pulumi",
      ...upArguments,
    );
    expect(code).not.toBe(0);
    expect(text).toMatch(
      /redis: its program is not there: redis-server, redis-cli \(.+\)\n +-> Get it: npm run tools -- get\./,
    );
    expect(text).toMatch(/prometheus: its program is not there: prometheus, promtool \(.+\)\n +-> Get it/);
    expect(text).not.toMatch(/\n +at .+:\d+:\d+/);
    expect(checkout.processes()).toEqual([]);
  });

  it("because a port is taken is told by whom, and starts nothing", async () => {
    const server = createServer().listen(checkout.port(6379), "127.0.0.1");
    try {
      const { code, text } = await checkout.up();
      expect(code).not.toBe(0);
      expect(text).toMatch(
        new RegExp(
          `redis/redis: port ${checkout.port(6379)} is taken by \\S+ \\(pid ${process.pid}\\) in .+\\n +-> .*vitals:portOffset`,
        ),
      );
      expect(checkout.processes()).toEqual([]);
    } finally {
      await new Promise((closed) => server.close(closed));
    }
  });

  it("because its state cannot be written is told where", async () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    const { code, text } = await checkout.runWith({ VITALS_STATE_DIR: file }, "pulumi", ...upArguments);
    expect(code).not.toBe(0);
    expect(text).toContain(`${file}/`);
    expect(text).toMatch(/this state folder cannot be written\n +-> Make it a folder that you may write/);
    expect(text.match(/cannot be written/g)?.length).toBeLessThanOrEqual(4);
    expect(checkout.processes()).toEqual([]);
  });

  it("comes up by the same command once the cause is gone", async () => {
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
  });

  it("says of Grafana that it cannot be had, and what stands in for it", async ({ skip }) => {
    if (findTool("grafana") !== undefined) skip("skipped: grafana can be had here");
    const { text } = await checkout.run("status");
    expect(text).toMatch(/^Grafana cannot be had here .+ the dashboards viewer shows the same dashboards\.$/m);
    expect(text).toMatch(/^viewer +ready/m);
  });

  it("because another checkout's stack has the ports is told which stack of which checkout", async () => {
    const other = await freshCheckout();
    try {
      other.configure({ portOffset: checkout.offset });
      const { code, text } = await other.up();
      expect(code).not.toBe(0);
      expect(text).toMatch(
        new RegExp(
          `redis/redis: port ${checkout.port(6379)} is taken by redis-server \\(pid \\d+\\) of stack dev in ${checkout.dir}\\n`,
        ),
      );
      expect(text).toMatch(
        new RegExp(`supervisor/metrics: port ${checkout.port(9199)} is taken by .+ of stack dev in ${checkout.dir}\\n`),
      );
      expect(other.processes()).toEqual([]);
      expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
    } finally {
      await other.dispose();
    }
  });

  it("because the passphrase is lost is told how to go on, and what runs runs on", async () => {
    const passphrase = join(checkout.dir, ".vitals/passphrase");
    const pids = checkout.records().map(({ identity }) => identity?.pid);
    renameSync(passphrase, `${passphrase}.aside`);
    for (const [command, ...args] of [["pulumi", ...upArguments], ["stop"], ["start"]] as const) {
      const { code, text } = await checkout.run(command, ...args);
      expect(code).toBe(1);
      expect(text).toMatch(
        /passphrase: the passphrase is gone, .+dev.+\n {2}-> Put the file back\. .+npm stop -- --forget/,
      );
    }
    expect(checkout.records().map(({ identity }) => identity?.pid)).toEqual(pids);
    renameSync(`${passphrase}.aside`, passphrase);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
  });

  it("begins anew after npm stop -- --forget, with the data that it had", async () => {
    rmSync(join(checkout.dir, ".vitals/passphrase"));
    const forgotten = await checkout.run("stop", "--forget");
    expect(forgotten.code, forgotten.text).toBe(0);
    expect(checkout.processes()).toEqual([]);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
  });
});

describe("a disk that is full", () => {
  const mount = join(mkdtempSync(join(tmpdir(), "vitals-full-")), "disk");
  let mounted = false;
  let checkout: Checkout;
  beforeAll(async () => {
    mkdirSync(mount, { recursive: true });
    // The services' user has to get through.
    chmodSync(join(mount, ".."), 0o711);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=256m,mode=755", "none", mount], { stdio: "ignore" });
      mounted = true;
    } catch {
      // Only root may; the tests say that they were skipped.
    }
    checkout = await freshCheckout({ env: { VITALS_STATE_DIR: mount }, settings: { jaegerStorage: "memory" } });
  });
  afterAll(async () => {
    await checkout.dispose();
    if (mounted) execFileSync("umount", [mount]);
    rmSync(join(mount, ".."), { recursive: true, force: true });
  });
  const why = "skipped: a small file system cannot be mounted here";
  const filler = join(mount, "filler");
  const fill = (): void => {
    rmSync(filler, { force: true });
    const { bavail, bsize } = statfsSync(mount);
    try {
      writeFileSync(filler, Buffer.alloc(bavail * bsize, 1));
    } catch (thrown) {
      // What runs writes there meanwhile: then all of the rest is taken.
      if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
    }
  };

  it("is named before anything starts", async ({ skip }) => {
    if (!mounted) skip(why);
    fill();
    const { code, text } = await checkout.up();
    expect(code).not.toBe(0);
    expect(text).toMatch(
      /the disk that holds this state folder is full: 0 MiB are free, 64 MiB are the least\n +-> Free space/,
    );
    expect(checkout.processes()).toEqual([]);
    rmSync(filler);
    const second = await checkout.up();
    expect(second.code, second.text).toBe(0);
  });

  it("stops a change, and what runs keeps running on the old configuration", async ({ skip }) => {
    if (!mounted) skip(why);
    const pids = () => checkout.records().map(({ identity }) => identity?.pid);
    const before = pids();
    fill();
    checkout.configure({ scrapeInterval: "5s", jaegerStorage: "memory" });
    const { code, text } = await checkout.up();
    expect(code).not.toBe(0);
    expect(text.match(/the disk that holds this state folder is full\n +-> Free space/g)).toHaveLength(1);
    expect(pids()).toEqual(before);
    const config = await fetch(`http://127.0.0.1:${checkout.port(9090)}/api/v1/status/config`);
    expect(await config.text()).toContain("scrape_interval: 15s");
    rmSync(filler);
    const healed = await checkout.up();
    expect(healed.code, healed.text).toBe(0);
    expect(pids()).toEqual(before);
  });
});
