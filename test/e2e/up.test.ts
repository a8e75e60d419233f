// From nothing to a stack that runs, and back to nothing, through the real engine.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { listenersOf } from "../support/processes.ts";

describe("a fresh checkout", () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await freshCheckout({ settings: { demo: true } });
  });
  afterAll(() => checkout.dispose());

  it("comes up with npm start, which ends with a table of what runs and where", async () => {
    const { code, text, seconds } = await checkout.run("start");
    expect(text).toMatch(/^SERVICE +STATE +READY AFTER +VERSION +PID +URL +WHAT$/m);
    expect(text).toMatch(new RegExp(`^prometheus +ready .*http://127.0.0.1:${checkout.port(9090)}/`, "m"));
    expect(text).toMatch(/^demo-seed +done /m);
    expect(text).toMatch(/^supervisor +ready /m);
    expect(code).toBe(0);
    console.log(`npm start with warm tools: ${seconds.toFixed(1)} s`);
  });

  it("says the same to programs", async () => {
    const rows = await checkout.status();
    expect(rows.map(({ service }) => service)).toEqual(
      expect.arrayContaining([
        "redis",
        "prometheus",
        "alertmanager",
        "jaeger",
        "db-stats",
        "integration-health",
        "demo-postgres",
        "demo-slack",
      ]),
    );
    for (const { state, ready, pid } of rows) {
      expect(ready).toBe(true);
      expect(pid === null).toBe(state === "completed");
    }
    expect(rows.find(({ service }) => service === "prometheus")).toMatchObject({
      url: `http://127.0.0.1:${checkout.port(9090)}/`,
      version: expect.stringMatching(/^3\./),
    });
  });

  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: checkout.dir, encoding: "utf8" });

  it("leaves the git tree clean", () => {
    expect(git("status", "--porcelain")).toBe("");
  });

  it("changes nothing at a second up, and starts nothing anew", async () => {
    const before = await checkout.status();
    // As git leaves the settings after a switch of branches: without the salt, which Pulumi puts there again.
    checkout.write("Pulumi.dev.yaml", "");
    git("checkout", "HEAD", "--", "Pulumi.dev.yaml");
    const { code, text, seconds } = await checkout.up();
    expect(code).toBe(0);
    expect(text).toMatch(/^ +\d+ unchanged$/m);
    expect(text).not.toMatch(/updated|created|replaced|deleted/);
    expect(await checkout.status()).toEqual(before);
    expect(checkout.read("Pulumi.dev.yaml")).toContain("encryptionsalt:");
    expect(git("status", "--porcelain")).toBe("");
    console.log(`an up without changes: ${seconds.toFixed(1)} s`);
  });

  it("expects no changes in a preview, many times in a row", async () => {
    const seconds: number[] = [];
    for (let turn = 0; turn < (process.env.VITALS_PROVE === undefined ? 6 : 20); turn++) {
      const ran = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
      expect(ran.code, ran.text).toBe(0);
      seconds.push(ran.seconds);
    }
    console.log(
      `a preview without changes: ${seconds.toSorted((a, b) => a - b)[seconds.length >> 1]?.toFixed(2)} s (median of ${seconds.length})`,
    );
  });

  it("survives a refresh, after which there is still nothing to change", async () => {
    const refreshed = await checkout.pulumi("refresh", "-s", "dev", "--yes", "--non-interactive");
    expect(refreshed.code, refreshed.text).toBe(0);
    const preview = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(preview.code, preview.text).toBe(0);
  });

  it("listens on the loopback address and nowhere else", () => {
    const pids = checkout.processes();
    const listeners = pids.flatMap(listenersOf);
    expect(listeners.length).toBeGreaterThan(15);
    expect(listeners.filter(({ address }) => address !== "127.0.0.1")).toEqual([]);
  });

  it("is driven by hand as any Pulumi project, after eval of what `pulumi -- env` prints", async () => {
    const script = `set -e
eval "$(npm run --silent pulumi -- env)"
npx pulumi preview -s dev --expect-no-changes --non-interactive
npx pulumi up -s dev --yes --skip-preview --non-interactive
npx pulumi stack output -s dev`;
    const { code, text } = await checkout.start("/bin/sh", ["-c", script]).ended;
    expect(code, text).toBe(0);
    expect(text).toContain(`http://127.0.0.1:${checkout.port(9090)}/`);
  });

  it("is ended by npm stop: no process, no port, the data still there", async () => {
    const ports = checkout.processes().flatMap(listenersOf);
    const { code, text, seconds } = await checkout.run("stop");
    expect(code, text).toBe(0);
    expect(checkout.processes()).toEqual([]);
    expect(ports.length).toBeGreaterThan(15);
    for (const { port } of ports) await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    expect(existsSync(`${checkout.root()}/data/prometheus-0/data`)).toBe(true);
    expect(existsSync(`${checkout.root()}/data/demo-postgres-0/data/18/PG_VERSION`)).toBe(true);
    console.log(`npm stop: ${seconds.toFixed(1)} s`);
  });

  it("comes back with its data", async () => {
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
  });

  it("loses its data to npm stop -- --purge, and only then", async () => {
    const root = checkout.root();
    const { code, text } = await checkout.run("stop", "--purge");
    expect(code, text).toBe(0);
    expect(existsSync(root)).toBe(false);
    expect(checkout.processes()).toEqual([]);
  });
});
