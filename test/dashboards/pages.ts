// The viewer in Chromium over the world: what the tests that look at pages share.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { loadConfig } from "../../components/config.ts";
import { dashboardFiles } from "../../dashboards/index.ts";
import { findBrowser } from "../../tools/browser.ts";
import { missingTools, startWorld, type World, type WorldOptions } from "./world.ts";

export const root = new URL("../../", import.meta.url).pathname;

const browserPath = findBrowser();
/** A program that is needed and is not there. */
export const missing = missingTools() ?? (browserPath === undefined ? "chromium" : undefined);
if (missing !== undefined)
  console.warn(`skipped: ${missing} is not there; npm run tools -- get, or apt-get install chromium`);
export const skipped = missing === undefined ? "" : ` (skipped: no ${missing})`;

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath as string,
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });

/** A shared machine may be slow; what never comes still fails. */
export const soon = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

/** Until every panel has said what it has to say. */
export const settled = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => {
    if (document.querySelector("main:not([aria-busy])") === null) return false;
    const panels = [...document.querySelectorAll<HTMLElement>(".panel")];
    if (panels.length === 0) return document.querySelector(".card, .notice") !== null;
    return panels.every(({ dataset }) => dataset.state !== "loading" && dataset.busy === undefined);
  });

export interface Opened {
  readonly page: Page;
  /** What the console, the network and the page itself complain of. */
  readonly complaints: readonly string[];
  readonly close: () => Promise<void>;
}

export interface Look extends BrowserContextOptions {
  /** Of the window in pixels; default 1280. */
  readonly width?: number;
  readonly dark?: boolean;
  /** Run in the page before anything of its own. */
  readonly before?: () => void;
  /** Whether the page is waited for. */
  readonly wait?: boolean;
}

/** Opens a path of a viewer, without refresh unless the path says so. */
export async function openPage(browser: Browser, base: string, path: string, look: Look = {}): Promise<Opened> {
  const { width = 1280, dark = false, before, wait = true, ...options } = look;
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? "dark" : "light",
    ...options,
  });
  const page = await context.newPage();
  if (before !== undefined) await page.addInitScript(before);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // The page lets go of questions that nobody waits for; and of a body that a script reads as a stream Chromium says that it was
    // cancelled when it was read to its end. A question that is not answered shows in its panel.
    if (!(request.url().endsWith("/api/questions") && why === "net::ERR_ABORTED"))
      complaints.push(`failed: ${request.url()} ${why}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
    if (!response.url().startsWith(base)) complaints.push(`foreign: ${response.url()}`);
  });
  const quiet = /[?&]refresh=/.test(path) ? path : `${path}${path.includes("?") ? "&" : "?"}refresh=`;
  await page.goto(`${base}${quiet}`);
  if (wait) await settled(page);
  return { page, complaints, close: () => context.close() };
}

/** The dashboards of a demo with one service of its owner's, as files. */
export async function writeDashboards(folder: string): Promise<void> {
  const own = [
    { name: "clinical-service", owner: "clinic", metrics: { address: "127.0.0.1:1" }, slo: { availability: 0.995 } },
  ];
  const values = { demo: "true", services: JSON.stringify(own) };
  const config = loadConfig({ environment: "dev", values, secretKeys: [] });
  const services = ["redis", "gateway"].map((name) => ({ name, owner: "platform", about: "", hasMetrics: true }));
  for (const [name, json] of Object.entries(dashboardFiles({ config, services })))
    await writeFile(join(folder, name), JSON.stringify(json));
}

/** The viewer as the stack runs it. */
export async function startProgram(dashboards: string, prometheus: string) {
  const before = performance.now();
  const child = spawn(
    process.execPath,
    ["dashboards/viewer/main.ts", "--port", "0", "--dashboards", dashboards, "--prometheus", prometheus],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(dashboards, "cache") },
    },
  );
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const url = /http:\S+/.exec(line.toString())?.[0] ?? "";
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { child, url, after: performance.now() - before, end };
}

export interface Shown {
  readonly folder: string;
  readonly world: World;
  readonly browser: Browser;
  readonly viewer: ChildProcess;
  /** The viewer's URL. */
  readonly base: string;
  /** Milliseconds until it listened. */
  readonly startedAfter: number;
  readonly open: (path: string, look?: Look) => Promise<Opened>;
  readonly end: () => Promise<void>;
}

export interface ShowOptions extends WorldOptions {
  /** Whether the time of the viewer's start counts, as at every start but the first: that one fills Node's cache. */
  readonly measured?: boolean;
}

/** The world, its dashboards in a viewer of its own process, and a browser. A shorter history is there sooner. */
export async function showWorld({ measured = false, ...options }: ShowOptions = {}): Promise<Shown> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-pages-"));
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const end = async (): Promise<void> => {
    for (const each of ends.splice(0).reverse()) await each();
  };
  try {
    await writeDashboards(folder);
    const world = await startWorld(options);
    ends.push(world.stop);
    if (measured) await (await startProgram(folder, world.url)).end();
    const { child, url, after, end: endViewer } = await startProgram(folder, world.url);
    ends.push(endViewer);
    const browser = await launch();
    ends.push(() => browser.close());
    const open: Shown["open"] = (path, look) => openPage(browser, url, path, look);
    return { folder, world, browser, viewer: child, base: url, startedAfter: after, open, end };
  } catch (error) {
    await end();
    throw error;
  }
}
