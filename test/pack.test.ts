// The libraries as an adopter gets them: tarballs in a project of its own, used from JavaScript and checked by TypeScript.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packWorkspace } from "../tools/pack.ts";
import { startChild } from "./support/children.ts";
import { freePort, untilListening } from "./support/ports.ts";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "vitals-adopter-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runJavaScript = (text: string) => {
  writeFileSync(join(folder, "service.mjs"), text);
  return spawnSync(process.execPath, ["service.mjs"], { cwd: folder, encoding: "utf8" });
};
/** What the compiler finds wrong in each file; one run for all. */
const checkTypeScript = (files: Readonly<Record<string, string>>): string => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
  const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types"), "--skipLibCheck"];
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const args = [compiler, ...options, ...types, ...Object.keys(files)];
  return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).stdout;
};

describe("the packed telemetry library", () => {
  beforeAll(async () => {
    const tarball = await packWorkspace("telemetry", folder);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "adopter", private: true, type: "module" }));
    // What the project's own installation left in npm's cache is enough.
    execFileSync("npm", ["install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball], {
      cwd: folder,
      stdio: "pipe",
    });
  });

  it("runs in a project of its own", () => {
    const { stdout, stderr } = runJavaScript(`
      import { createLog, createMetrics } from "@vitals/telemetry";
      const rows = { orders_total: { kind: "counter", help: "Orders.", labels: { kind: ["new", "repeat"] } } };
      const metrics = createMetrics(rows);
      metrics.counter("orders_total").inc({ kind: "new" }, 3);
      console.log((await metrics.render()).body);
      createLog("lab").info("listening", { port: 1, url: "https://CANARY/" });
    `);
    expect(stderr).toBe("");
    expect(stdout).toContain('orders_total{kind="new"} 3');
    expect(stdout).toContain('"service":"lab","msg":"listening","port":1');
    expect(stdout).not.toContain("CANARY");
  });

  it("observes a server there, with traces", () => {
    const { stdout, stderr } = runJavaScript(`
      import { createServer } from "node:http";
      import { createTelemetry } from "@vitals/telemetry";
      import { observe } from "@vitals/telemetry/node";
      const telemetry = await createTelemetry({ service: "lab", traces: { endpoint: "http://127.0.0.1:1" } });
      const handler = (request, response) => response.end("done");
      const server = createServer(observe(handler, telemetry, { routes: ["/orders/:id"] }));
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = "http://127.0.0.1:" + server.address().port;
      await (await fetch(url + "/orders/1")).text();
      console.log(await (await fetch(url + "/metrics")).text());
      server.closeAllConnections();
      server.close();
      await telemetry.close();
    `);
    expect(stderr).toBe("");
    expect(stdout).toContain('http_requests_total{method="GET",route="/orders/:id",status_code="200"} 1');
    expect(stdout).toMatch(/^trace_spans_ended_total [1-9]/m);
  });

  describe("as its README shows it, which is a section of the project's", () => {
    const block = /^(Fastify|Express|Plain Node)[^\n]*:\n\n((?: {4}[^\n]*\n|\n)+)/gm;
    const shownIn = (file: string) =>
      [...readFileSync(file, "utf8").matchAll(block)].map(([, name = "", text = ""]) => ({
        name,
        text: text.replaceAll(/^ {4}/gm, "").trim(),
      }));
    const shown = shownIn(join(root, "README.md"));
    beforeAll(() => {
      // The frameworks that the project itself has.
      for (const name of ["fastify", "express", "@types"])
        symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    });

    it("is ten lines for each framework, and checked by the compiler", () => {
      expect(shown.map(({ name }) => name)).toEqual(["Fastify", "Express", "Plain Node"]);
      expect(shownIn(join(folder, "node_modules/@vitals/telemetry/README.md"))).toEqual(shown);
      for (const { text } of shown)
        expect(text.split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(10);
      const files = shown.map(({ name, text }, at) => [
        `shown-${at}.ts`,
        name === "Plain Node"
          ? text.replace(
              "(request, response) =>",
              "(request: unknown, response: import('node:http').ServerResponse) =>",
            )
          : text,
      ]);
      expect(checkTypeScript(Object.fromEntries(files))).toBe("");
    });

    it.each(shown)("runs: $name", async ({ text }) => {
      const port = await freePort();
      writeFileSync(
        join(folder, "shown.mjs"),
        text.replaceAll("8080", `${port}`).replace("http://127.0.0.1:4318", "http://127.0.0.1:1"),
      );
      const child = startChild(process.execPath, ["shown.mjs"], { cwd: folder });
      try {
        await untilListening(port, child.alive);
        const url = `http://127.0.0.1:${port}`;
        expect(await (await fetch(`${url}/orders/17`)).text()).toContain("done");
        const metrics = async () => (await fetch(`${url}/metrics`)).text();
        await expect
          .poll(metrics)
          .toContain('http_requests_total{method="GET",route="/orders/:id",status_code="200"} 1');
        expect(await metrics()).toMatch(/^trace_spans_ended_total [1-9]/m);
      } finally {
        await child.end("SIGKILL");
      }
      expect(child.output()).toBe("");
    });
  });

  it("brings its types along: a wrong label does not compile", () => {
    const service = (kind: string) => `
      import { createMetrics } from "@vitals/telemetry";
      const rows = { orders_total: { kind: "counter", help: "Orders.", labels: { kind: ["new", "repeat"] } } } as const;
      createMetrics(rows).counter("orders_total").inc({ kind: "${kind}" });
    `;
    const found = checkTypeScript({ "right.ts": service("new"), "wrong.ts": service("old") });
    expect(found).toMatch(/^wrong\.ts.*'"old"' is not assignable/m);
    expect(found).not.toContain("right.ts");
  });
});

describe("npm run pack", () => {
  it("refuses a name that is no workspace", () => {
    const command = join(root, "tools/commands/pack.ts");
    const { status, stderr } = spawnSync(process.execPath, [command, "gizmo"], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain('"gizmo" is not a workspace.');
  });
});
