// The status page and the badges, in a real browser: what they show, to whom, and what they keep to themselves.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { findBrowser } from "../../tools/browser.ts";
import { until } from "../support/ports.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const executablePath = findBrowser();
const day = 86_400_000;
/** A folder for pictures to look at. */
const pictures = process.env.VITALS_PICTURES;

describe("the status page", () => {
  let exporter: Scraped;
  let browser: Browser | undefined;
  let vendor: Server;
  let data: string;

  beforeAll(async () => {
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args });
    data = await mkdtemp(join(tmpdir(), "vitals-page-"));
    const now = Date.now();
    const spans = [
      [now - 80 * day, "up"],
      [now - 30 * day, "down"],
      [now - 30 * day + 40 * 60_000, "up"],
      [now - 3 * day, "down"],
      [now - 3 * day + 5 * 60_000, "up"],
    ];
    const past = { spans, until: now, points: [] };
    await writeFile(
      join(data, "history.json"),
      JSON.stringify({ version: 1, integrations: { payments: past, fax: past } }),
    );
    vendor = createServer((request, response) => {
      if (request.url?.startsWith("/fine")) return void response.end("CANARY");
      if (request.url !== "/summary.json") return void response.writeHead(503).end("CANARY");
      const incident = { id: "x1", name: "CANARY <script>", impact: "critical", status: "investigating" };
      response.end(
        JSON.stringify({
          status: { indicator: "critical" },
          components: [{ name: "Fax", status: "major_outage" }],
          incidents: [
            { ...incident, started_at: new Date(now).toISOString(), shortlink: "https://evil.example/CANARY" },
          ],
        }),
      );
    });
    await new Promise<void>((resolve) => vendor.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(vendor.address() as { port: number }).port}`;
    const common = { probe: "http", interval: "1s", allow: ["loopback"] };
    exporter = await runExporter(integrationHealth, {
      data,
      integrations: [
        { ...common, name: "payments", url: `${url}/fine?ref=CANARY` },
        { ...common, name: "fax", url: `${url}/CANARY`, feed: { kind: "statuspage", url: `${url}/summary.json` } },
        { ...common, name: "lab", url: `${url}/fine`, expectStatus: [299] },
        { ...common, name: "telephony", url: `${url}/later`, interval: "1h", confirm: { failures: 10, of: 10 } },
        {
          ...common,
          name: "pharmacy",
          url: `${url}/later`,
          maintenance: [{ from: new Date(now - day).toISOString(), until: new Date(now + day).toISOString() }],
        },
      ],
    });
    // Each has its first turn at a moment of its own.
    await until(
      async () => (await exporter.metrics()).value('integration_status{integration="payments",status="healthy"}') === 1,
    );
    await until(
      async () => (await exporter.metrics()).value('integration_probe_success{integration="telephony"}') === 0,
    );
    for (const name of ["lab", "pharmacy"])
      await until(async () => (await exporter.metrics()).value(`integration_up{integration="${name}"}`) === 0);
    await until(
      async () =>
        (await exporter.metrics()).value('integration_failure_source{integration="fax",source="vendor_confirmed"}') ===
        1,
    );
  }, 30_000);
  afterAll(async () => {
    await browser?.close();
    await exporter?.close();
    vendor?.closeAllConnections();
    await new Promise((resolve) => vendor.close(resolve));
    await rm(data, { recursive: true });
  });

  it("tells each state and cause in words, and no other side's words, address or key", async () => {
    const answer = await exporter.page("/");
    const text = await answer.text();
    expect(answer.headers.get("content-security-policy")).toMatch(/default-src 'none'/);
    expect(text).toContain("Some integrations are down");
    expect(text).toContain("It answers with an error. The vendor confirms it.");
    expect(text).toContain("It answers other than expected. For 1 min, since ");
    expect(text).toContain("It answers with an error. Further checks have yet to confirm it.");
    expect(text).toContain("It answers with an error. We have planned this. For 1 min, since ");
    expect(text).toMatch(/payments, last 90 days: outages on 2 of 8[01] known days: \d{4}-\d\d-\d\d, 40 min;/);
    expect(text).not.toMatch(/canary|evil|<script/i);
    // Of the numbers on the page, only the milliseconds of its times and the vendor's port may hold these digits.
    expect(text.replace(/\.\d{3}Z|127\.0\.0\.1:\d+/g, "")).not.toContain("503");
    const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
    expect(links).toEqual([`http://127.0.0.1:${(vendor.address() as { port: number }).port}/incidents/x1`, "/?renew"]);
  });

  it("stays as it is while somebody reads it, and renews itself for who asks for that", async () => {
    const refreshes = async (path: string) =>
      (await (await exporter.page(path)).text()).includes('http-equiv="refresh"');
    expect([await refreshes("/"), await refreshes("/?renew")]).toEqual([false, true]);
  });

  it("has a badge for each integration, and none for others", async () => {
    const answer = await exporter.page("/badges/fax.svg");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/svg+xml; charset=utf-8"]);
    expect(await answer.text()).toContain('aria-label="fax: down"');
    const badges = { payments: "works", telephony: "not known", pharmacy: "in maintenance" };
    for (const [name, word] of Object.entries(badges))
      expect(await (await exporter.page(`/badges/${name}.svg`)).text()).toContain(`aria-label="${name}: ${word}"`);
    for (const path of ["/badges/nobody.svg", "/badges/fax", "/badges/..%2f.svg"])
      expect((await exporter.page(path)).status).toBe(404);
  });

  describe.skipIf(executablePath === undefined)(
    `in a browser${executablePath === undefined ? " (skipped: chromium is not there)" : ""}`,
    () => {
      it.each([
        [1280, "light"],
        [1280, "dark"],
        [390, "light"],
        [390, "dark"],
      ] as const)(
        "fits %i px in %s, without a script or anything foreign, and every text has contrast",
        async (width, colorScheme) => {
          const context = await (browser as Browser).newContext({
            viewport: { width, height: 800 },
            colorScheme,
            javaScriptEnabled: true,
          });
          const page = await context.newPage();
          const complaints: string[] = [];
          page.on("console", (message) => complaints.push(message.text()));
          page.on("request", (request) => {
            if (!request.url().startsWith(exporter.url) || request.resourceType() === "script")
              complaints.push(request.url());
          });
          await page.goto(`${exporter.url}/`);
          if (pictures !== undefined)
            await page.screenshot({ path: join(pictures, `status-${width}-${colorScheme}.png`), fullPage: true });
          const seen = await page.evaluate(contrasts);
          expect(seen.overflows).toBe(false);
          expect(seen.texts).toBeGreaterThan(10);
          expect(seen.weak).toEqual([]);
          expect(complaints.filter((each) => !each.includes("favicon"))).toEqual([]);
          expect(await page.getByRole("img", { name: /^fax, last 90 days/ }).count()).toBe(1);
          expect(await page.getByRole("heading", { level: 2 }).allTextContents()).toEqual([
            "payments",
            "fax",
            "lab",
            "telephony",
            "pharmacy",
          ]);
          expect(await page.getByRole("listitem").count()).toBe(5);
          expect(await page.getByRole("link", { name: "The vendor's report on fax" }).count()).toBe(1);
          for (const reached of ["The vendor's report", "Renew this page every minute"]) {
            await page.keyboard.press("Tab");
            expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(reached);
          }
          await context.close();
        },
      );

      it("has the API's documentation, from its own origin alone and with its policy kept", async () => {
        const page = await (browser as Browser).newPage();
        const complaints: string[] = [];
        page.on("console", (message) => complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(error.message));
        page.on("request", (request) => {
          if (!/^(?:data|blob):/.test(request.url()) && !request.url().startsWith(exporter.url))
            complaints.push(request.url());
        });
        await page.goto(`${exporter.url}/docs`);
        await page.getByRole("button", { name: "GET /api/v1/performance How" }).click();
        await page.getByRole("button", { name: "Try it out" }).click();
        await page.getByRole("button", { name: "Execute" }).click();
        await page.getByText("A bearer token is needed.").first().waitFor({ timeout: 10_000 });
        if (pictures !== undefined) await page.screenshot({ path: join(pictures, "docs.png"), fullPage: true });
        expect(await page.locator(".opblock-summary-path").allTextContents()).toEqual([
          "/api/v1/health",
          "/api/v1/health/{name}",
          "/api/v1/performance",
          "/",
          "/badges/{file}",
          "/runbooks/{alert}",
          "/metrics",
          "/healthz",
          "/readyz",
          "/openapi.json",
          "/docs",
        ]);
        // The browser itself tells of an answer that is no success.
        expect(complaints.filter((each) => !each.includes("status of 401"))).toEqual([]);
        await page.close();
      });
    },
  );
});

/** Runs in the page: texts whose contrast with their ground is below WCAG's 4.5 to 1, and whether anything is cut off. */
function contrasts(): { readonly weak: string[]; readonly texts: number; readonly overflows: boolean } {
  const parts = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = parts(colour)
      .slice(0, 3)
      .map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element: Element | null): string => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (parts(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const weak: string[] = [];
  let texts = 0;
  for (const element of document.querySelectorAll("main *:not(svg *)")) {
    const own = [...element.childNodes].some(
      ({ nodeType, textContent }) => nodeType === 3 && textContent?.trim() !== "",
    );
    if (!own) continue;
    texts++;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) weak.push(`${element.textContent?.trim()} ${ratio.toFixed(2)}`);
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  return { weak, texts, overflows: scrollWidth > clientWidth };
}
