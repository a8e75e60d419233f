import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../components/config.ts";
import { dashboardFiles, dashboards, dashboardUid, panelPath } from "../../dashboards/index.ts";
import { startViewer } from "../../dashboards/viewer/server.ts";
import { missingTools, startWorld, traceId, type World } from "./world.ts";

const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);
const missing = missingTools() ?? (executablePath === undefined ? "chromium" : undefined);
if (missing !== undefined)
  console.warn(`skipped: ${missing} is not there; npm run tools -- get, or apt-get install chromium`);

const root = new URL("../../", import.meta.url).pathname;
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe.skipIf(missing !== undefined)(
  `the dashboards in a browser${missing === undefined ? "" : ` (skipped: no ${missing})`}`,
  () => {
    let folder: string;
    let world: World;
    let browser: Browser;
    let viewer: ChildProcess;
    let base: string;
    let startedAfter: number;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "vitals-browser-"));
      const own = [
        {
          name: "clinical-service",
          owner: "clinic",
          metrics: { address: "127.0.0.1:1" },
          slo: { availability: 0.995 },
        },
      ];
      const values = { demo: "true", services: JSON.stringify(own) };
      const config = loadConfig({ environment: "dev", values, secretKeys: [] });
      const services = ["redis", "gateway"].map((name) => ({ name, owner: "platform", about: "", hasMetrics: true }));
      for (const [name, json] of Object.entries(dashboardFiles({ config, services })))
        await writeFile(join(folder, name), JSON.stringify(json));
      world = await startWorld();
      // The first start fills the cache that every later one has.
      await (await startProgram(folder, world.url)).end();
      const program = await startProgram(folder, world.url);
      ({ child: viewer, url: base, after: startedAfter } = program);
      browser = await chromium.launch({
        executablePath: executablePath as string,
        args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      });
    });

    afterAll(async () => {
      await browser?.close();
      viewer?.kill("SIGTERM");
      await world?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const open = async (path: string, options: { width?: number; dark?: boolean; at?: string } = {}) => {
      const context = await browser.newContext({
        viewport: { width: options.width ?? 1280, height: 800 },
        colorScheme: options.dark === true ? "dark" : "light",
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
      });
      page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
      page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
      page.on("response", (response) => {
        if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
        if (!response.url().startsWith(options.at ?? base)) complaints.push(`foreign: ${response.url()}`);
      });
      await page.goto(`${options.at ?? base}${path}${path.includes("?") ? "&" : "?"}refresh=`);
      await settled(page);
      return { page, complaints, close: () => context.close() };
    };

    for (const uid of dashboards.map(({ name }) => dashboardUid(name)))
      for (const width of [1280, 390])
        for (const dark of [false, true])
          it(`draw ${uid} with data in every panel, ${width} wide, ${dark ? "dark" : "light"}`, async () => {
            const { page, complaints, close } = await open(`/d/${uid}`, { width, dark });
            const panels = await page.locator(".panel").evaluateAll((all) =>
              all.map((panel) => {
                const { state, points } = (panel as HTMLElement).dataset;
                const outer = panel.getBoundingClientRect();
                const inside = [...panel.querySelectorAll("canvas, .panel-body")].every((each) => {
                  const box = each.getBoundingClientRect();
                  return (
                    box.width > 0 &&
                    box.left >= outer.left - 1 &&
                    box.right <= outer.right + 1 &&
                    box.top >= outer.top - 1 &&
                    box.bottom <= outer.bottom + 1
                  );
                });
                const kind = [...panel.classList].find((name) => name.startsWith("panel-"));
                const drawn =
                  kind === "panel-timeseries" ? hasInk(panel.querySelector("canvas")) : panel.textContent !== "";
                return { title: panel.getAttribute("aria-label"), state, points: Number(points), inside, drawn };

                function hasInk(canvas: HTMLCanvasElement | null): boolean {
                  const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
                  return pixels.some((value) => value !== 0);
                }
              }),
            );
            expect(panels.length).toBeGreaterThan(2);
            for (const panel of panels) {
              expect(panel).toMatchObject({ state: "ok", inside: true, drawn: true });
              expect(panel.points, panel.title ?? "").toBeGreaterThan(0);
            }
            expect(complaints).toEqual([]);
            expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
            const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
            expect(Number(/\d+/.exec(ground)?.[0]) < 128).toBe(dark);
            await close();
          });

    it("name what fires", async () => {
      const { page, close } = await open("/d/vitals-overview");
      const rows = await page.locator('[aria-label="What is wrong"] tbody tr').allInnerTexts();
      expect(rows.map((row) => row.split("\t").slice(0, 3))).toEqual([
        ["IntegrationDown", "firing", "page"],
        ["TargetDown", "pending", "ticket"],
      ]);
      await soon(() => page.locator('[aria-label="Alerts firing"] .stat-value').innerText()).toBe("1");
      await close();
    });

    it("open one panel alone by an alert's link, and go back with Escape", async () => {
      const { page, complaints, close } = await open(panelPath("overview/services-up"));
      expect(
        await page.locator(".panel").evaluateAll((all) => all.map((each) => each.getAttribute("aria-label"))),
      ).toEqual(["Services"]);
      await page.keyboard.press("Escape");
      await soon(() => page.locator(".panel").count()).toBeGreaterThan(8);
      expect(page.url()).not.toContain("viewPanel");
      await settled(page);
      expect(complaints).toEqual([]);
      await close();
    });

    it("narrow to the chosen values of a variable, by keyboard alone", async () => {
      const { page, close } = await open("/d/vitals-stack");
      await page
        .locator(".variables")
        .getByRole("button", { name: /^Service/ })
        .focus();
      await page.keyboard.press("Enter");
      await page.getByRole("checkbox", { name: "redis" }).focus();
      await page.keyboard.press("Space");
      await page.keyboard.press("Enter");
      await soon(() => page.url()).toContain("var-service=redis");
      await settled(page);
      expect(await page.locator('[aria-label="Cost by service"] tbody tr').allInnerTexts()).toHaveLength(1);
      await close();
    });

    it("show another time range, and keep it on the way to another dashboard", async () => {
      const { page, close } = await open("/d/vitals-overview");
      await page.getByRole("button", { name: "Last hour" }).click();
      await page.getByRole("button", { name: "Last 15 minutes" }).click();
      await soon(() => page.url()).toContain("from=now-15m");
      await page.getByRole("link", { name: "Stack", exact: true }).click();
      await soon(() => new URL(page.url()).pathname).toBe("/d/vitals-stack");
      expect(page.url()).toContain("from=now-15m");
      await close();
    });

    it("tell the values under the cursor, hide and show lines, and zoom by dragging", async () => {
      const { page, complaints, close } = await open("/d/vitals-overview");
      const chart = page.locator('[aria-label="Requests by service"]').first();
      await chart.scrollIntoViewIfNeeded();
      const over = chart.locator(".u-over");
      await over.hover({ position: { x: 120, y: 60 } });
      await soon(() => page.locator(".tooltip:visible").innerText()).toMatch(/clinical-service\s+[\d.]+ req\/s/);
      const item = chart.getByRole("button", { name: /clinical-service/ });
      await item.click();
      expect(await chart.locator(".legend-item.off").allInnerTexts()).toEqual(["business-service", "gateway"]);
      await item.click();
      expect(await chart.locator(".legend-item.off").count()).toBe(0);
      const box = await over.boundingBox();
      if (box === null) throw new Error("the chart has no box");
      await page.mouse.move(box.x + 60, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + 160, box.y + 40, { steps: 5 });
      await page.mouse.up();
      await soon(() => page.url()).toMatch(/from=\d{13}&to=\d{13}/);
      await settled(page);
      expect(complaints).toEqual([]);
      await close();
    });

    it("show single requests as points that lead to their traces", async () => {
      const { page, complaints, close } = await open("/d/vitals-gateway");
      const chart = page.locator('[aria-label="Answer time"]').first();
      await chart.scrollIntoViewIfNeeded();
      const point = chart.getByRole("link", { name: /^Trace of [\d.]+ ms GET \/api\/patients/ }).first();
      expect(await point.getAttribute("href")).toBe(`/trace/${traceId}`);
      const inside = await chart.locator(".u-over").boundingBox();
      const box = await point.boundingBox();
      expect((box?.x ?? 0) + 8).toBeGreaterThanOrEqual(inside?.x ?? Number.NaN);
      expect((box?.y ?? 0) + 8).toBeGreaterThanOrEqual(inside?.y ?? Number.NaN);
      expect(box?.y).toBeLessThanOrEqual((inside?.y ?? Number.NaN) + (inside?.height ?? 0));
      expect(complaints).toEqual([]);
      await close();
    });

    it("mark the incidents that vendors announce in every graph, and name them under the cursor", async () => {
      const { page, complaints, close } = await open("/d/vitals-integrations?from=now-1h&to=now");
      const chart = page.locator('[aria-label="Traffic"]').first();
      await chart.scrollIntoViewIfNeeded();
      const over = chart.locator(".u-over");
      const { width = 0 } = (await over.boundingBox()) ?? {};
      const said = async (share: number): Promise<readonly string[]> => {
        await over.hover({ position: { x: width * share, y: 60 } });
        await soon(() => page.locator(".tooltip:visible").innerText()).toContain("fax");
        return page.locator(".tooltip:visible .tooltip-mark").allInnerTexts();
      };
      // Twenty minutes before now, and forty.
      expect(await said(0.9)).toEqual(["Incident at the vendor of fax"]);
      expect(await said(0.3)).toEqual([]);
      expect(complaints).toEqual([]);
      await close();
    });

    it("turn dark at a click, and stay so", async () => {
      const { page, close } = await open("/d/vitals-overview");
      await page.getByRole("button", { name: "Switch between light and dark" }).click();
      await page.reload();
      await settled(page);
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
      await close();
    });

    it("follow a changed file at the next refresh", async () => {
      const path = join(folder, "overview.json");
      const before = await readFile(path, "utf8");
      const { page, close } = await open("/d/vitals-overview");
      await page.getByRole("combobox", { name: "Refresh every" }).selectOption("5s");
      await writeFile(path, before.replace("What is wrong", "What has changed"));
      await soon(() => page.locator('[aria-label="What has changed"]').count()).toBeGreaterThan(0);
      await writeFile(path, before);
      await close();
    });

    it("say that this is a viewer and where Grafana is to be had", async () => {
      const { page, close } = await open("/");
      expect(await page.locator(".card h2").allInnerTexts()).toEqual([
        "Overview",
        "Alerts",
        "Cache",
        "Gateway",
        "Integrations",
        "Performance",
        "PostgreSQL",
        "Redis",
        "SLOs",
        "Stack",
        "Tracing",
      ]);
      expect(await page.locator("footer").innerText()).toContain("read-only viewer");
      expect(await page.getByRole("link", { name: "Get Grafana" }).getAttribute("href")).toBe(
        "https://grafana.com/grafana/download",
      );
      await close();
    });

    const faults: readonly (readonly [string, RequestListener | undefined, RegExp])[] = [
      ["is down", undefined, /^Prometheus cannot be reached\.$/],
      ["hangs", () => {}, /^Prometheus takes too long/],
      ["answers garbage", (_, response) => void response.end("<html>hello</html>"), /is not Prometheus/],
      [
        "answers JSON that is no result",
        (_, response) => void response.end('{"status":"success","data":{"a":1}}'),
        /is not Prometheus/,
      ],
      [
        "refuses",
        (_, response) =>
          void response.writeHead(422).end('{"status":"error","errorType":"execution","error":"too many samples"}'),
        /^Prometheus refuses the query: too many samples$/,
      ],
    ];
    it.each(faults)("say so in every panel when Prometheus %s, and stay usable", async (_, listener, words) => {
      const upstream = createServer(listener ?? (() => {})).listen(0, "127.0.0.1");
      await once(upstream, "listening");
      const prometheus = new URL(`http://127.0.0.1:${portOf(upstream)}`);
      if (listener === undefined) upstream.close();
      const server = await startViewer({
        host: "127.0.0.1",
        port: 0,
        dashboards: folder,
        prometheus,
        scrapeSeconds: 15,
        timeoutMs: 700,
      });
      try {
        const { page, complaints, close } = await open("/d/vitals-overview", {
          at: `http://127.0.0.1:${portOf(server)}`,
        });
        const panels = await page
          .locator(".panel")
          .evaluateAll((all) =>
            all.map(
              (panel) =>
                [(panel as HTMLElement).dataset.state, panel.querySelector(".panel-note")?.textContent ?? ""] as const,
            ),
          );
        expect(panels.length).toBeGreaterThan(8);
        for (const [state, note] of panels) {
          expect(state).toBe("error");
          expect(note).toMatch(words);
        }
        await page.getByRole("link", { name: "Stack", exact: true }).click();
        await soon(() => page.title()).toBe("Stack · Vitals");
        expect(complaints.filter((line) => line.startsWith("error:"))).toEqual([]);
        await close();
      } finally {
        server.closeAllConnections();
        server.close();
        upstream.closeAllConnections();
        upstream.close();
      }
    });

    it("are verified item by item, and only what is broken is found", async () => {
      const clean = await verify(folder, world.url);
      expect(clean.code).toBe(1);
      expect(clean.findings.length).toBeGreaterThan(30);
      expect(clean.findings.filter(({ status }) => status !== "ok")).toMatchObject([
        {
          kind: "rule",
          item: "world / Orphan",
          status: "empty",
          detail: "can never fire: there is no metric_that_nobody_has",
        },
      ]);
      expect(clean.findings).toContainEqual({
        kind: "rule",
        item: "world / CutOff",
        status: "ok",
        detail: "silent, there is no standby",
      });
      const broken = await mkdtemp(join(tmpdir(), "vitals-broken-"));
      try {
        const text = await readFile(join(folder, "overview.json"), "utf8");
        const spoiled = text
          .replaceAll("redis_commands_processed_total", "redis_commands_processed")
          .replaceAll("min by (job) (up)", "min by (job (up)");
        await writeFile(join(broken, "overview.json"), spoiled);
        const { findings } = await verify(broken, world.url);
        expect(findings.filter(({ kind, status }) => kind === "panel" && status !== "ok")).toMatchObject([
          { item: "Overview / Services / A", status: "error" },
          { item: "Overview / Redis: commands / A", status: "empty" },
        ]);
      } finally {
        await rm(broken, { recursive: true, force: true });
      }
    });

    it("are found broken in every panel and annotation when no metric is there, also where nothing to show is well", async () => {
      const broken = await mkdtemp(join(tmpdir(), "vitals-broken-"));
      try {
        for (const name of (await readdir(folder)).filter((each) => each.endsWith(".json"))) {
          const spoiled = JSON.parse(await readFile(join(folder, name), "utf8"), (key, value) =>
            key === "expr" ? "metric_that_nobody_has" : value,
          );
          await writeFile(join(broken, name), JSON.stringify(spoiled));
        }
        const { findings } = await verify(broken, world.url);
        const panels = findings.filter(({ kind }) => kind === "panel");
        expect(panels.length).toBeGreaterThan(100);
        expect(panels.filter(({ status }) => status !== "empty")).toEqual([]);
      } finally {
        await rm(broken, { recursive: true, force: true });
      }
    });

    it("are photographed by the dashboards command", async () => {
      const out = await mkdtemp(join(tmpdir(), "vitals-pictures-"));
      try {
        const { stdout } = await promisify(execFile)(
          process.execPath,
          ["tools/commands/dashboards.ts", "--out", out, "--pictures", out, "--viewer", base],
          { cwd: root },
        );
        expect(stdout).not.toContain("without data");
        for (const name of ["overview", "stack"]) {
          expect((await readFile(join(out, `${name}.png`))).subarray(1, 4).toString()).toBe("PNG");
          expect((await stat(join(out, `${name}.png`))).size).toBeGreaterThan(50_000);
          expect(JSON.parse(await readFile(join(out, `${name}.json`), "utf8"))).toMatchObject({
            uid: `vitals-${name}`,
          });
        }
      } finally {
        await rm(out, { recursive: true, force: true });
      }
    });

    it("cost at most 100 MB and start within a second", async () => {
      if (process.platform === "linux") {
        const kib = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${viewer.pid}/status`, "utf8"))?.[1]);
        console.info(
          `viewer: ${Math.round(kib / 1_024)} MiB resident after all of the above, ready after ${Math.round(startedAfter)} ms`,
        );
        expect(kib * 1_024).toBeLessThan(100e6);
      }
      expect(startedAfter).toBeLessThan(3_000);
    });

    it("say that Prometheus is gone when it stops, and draw again what they can", async () => {
      const { page, close } = await open("/d/vitals-overview");
      await world.stop();
      await page.getByRole("button", { name: "Refresh now" }).click();
      const states = () =>
        page
          .locator(".panel")
          .evaluateAll((all) => [...new Set(all.map((panel) => (panel as HTMLElement).dataset.state))]);
      await soon(states).toEqual(["error"]);
      await close();
    });
  },
);

/** A shared machine may be slow; what never comes still fails. */
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

const settled = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => {
    const panels = [...document.querySelectorAll<HTMLElement>(".panel")];
    if (panels.length === 0) return document.querySelector(".card") !== null;
    return panels.every(({ dataset }) => dataset.state !== "loading" && dataset.busy === undefined);
  });

async function verify(dashboards: string, prometheus: string) {
  const args = ["tools/commands/verify.ts", "--json", "--dashboards", dashboards, "--prometheus", prometheus];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const [text, [code]] = await Promise.all([
    new Response(child.stdout as unknown as BodyInit).text(),
    once(child, "exit"),
  ]);
  return {
    code: code as number,
    findings: JSON.parse(text) as { kind: string; item: string; status: string; detail: string }[],
  };
}

/** The viewer as the stack runs it. */
async function startProgram(dashboards: string, prometheus: string) {
  const before = performance.now();
  const child = spawn(
    process.execPath,
    ["dashboards/viewer/main.ts", "--port", "0", "--dashboards", dashboards, "--prometheus", prometheus],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(dashboards, "cache") },
    },
  );
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const url = /http:\S+/.exec(line.toString())?.[0] ?? "";
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { child, url, after: performance.now() - before, end };
}
