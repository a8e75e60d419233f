// What people do with a dashboard in the viewer: look closer, choose, zoom, follow a link.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { panelPath } from "../../dashboards/index.ts";
import { missing, type Shown, settled, showWorld, skipped, soon } from "./pages.ts";
import { traceId } from "./world.ts";

const everDown = "min by (job) (min_over_time(up[15m])) == 0";

describe.skipIf(missing !== undefined)(`dashboards in use${skipped}`, () => {
  let shown: Shown;
  beforeAll(async () => {
    shown = await showWorld();
  });
  afterAll(() => shown?.end());

  it("name what fires", async () => {
    const { page, close } = await shown.open("/d/vitals-overview");
    const rows = await page.locator('[aria-label="What is wrong"] tbody tr').allInnerTexts();
    expect(rows.map((row) => row.split("\t").slice(0, 3))).toEqual([
      ["IntegrationDown", "firing", "page"],
      ["TargetDown", "pending", "ticket"],
    ]);
    await soon(() => page.locator('[aria-label="Alerts firing"] .stat-value').innerText()).toBe("1");
    await close();
  });

  it("have the platform's state on one screen", async () => {
    const { page, close } = await shown.open("/d/vitals-overview");
    const bottoms = await page
      .locator(".panel")
      .evaluateAll((all) => all.map((panel) => panel.getBoundingClientRect().bottom));
    expect(Math.max(...bottoms)).toBeLessThanOrEqual(800);
    await close();
  });

  it("name the services that are down, and lead from a number to the dashboard that explains it", async () => {
    const { page, complaints, close } = await shown.open("/d/vitals-overview?from=now-15m&to=now");
    const rows = page.locator('[aria-label="Services that are or were down"] .timeline-row[role=group]');
    const states = () => rows.evaluateAll((all) => all.map((row) => row.getAttribute("aria-label")));
    // The viewer asks at whole steps: what is down since the world began is seen at the first that follows.
    const again = async () => {
      await page.reload();
      await settled(page);
      return (await states())[0];
    };
    await expect.poll(again, { timeout: 40_000, interval: 1_000 }).toBe("jaeger: Down");
    // What is down now comes first, and what was down after it; nothing else is there. On a busy machine a scrape of others may be late.
    const [, ...others] = await states();
    expect(others).toContain("alertmanager: Up");
    const asked = await fetch(`${shown.world.url}/api/v1/query?query=${encodeURIComponent(everDown)}`);
    const { data } = (await asked.json()) as { data: { result: { metric: { job: string } }[] } };
    expect(data.result.map(({ metric }) => metric.job)).toEqual(
      expect.arrayContaining(others.map((state) => state?.split(":")[0])),
    );
    await page
      .locator('[aria-label="Services"]')
      .getByRole("link", { name: /^down: 1/ })
      .click();
    await soon(() => new URL(page.url()).pathname).toBe("/d/vitals-stack");
    expect(page.url()).toContain("from=now-15m");
    await settled(page);
    expect(complaints).toEqual([]);
    await close();
  });

  it("count as noise what fired, and not what was only pending", async () => {
    const { page, close } = await shown.open("/d/vitals-alerts?from=now-3h&to=now");
    const rows = await page.locator('[aria-label="Noise by alert"] tbody tr').allInnerTexts();
    const cells = rows
      .map((row) => row.split("\t").map((text) => text.trim()))
      .filter(([alert]) => alert === "TargetDown");
    // Another, without a service, is pending all the time: it has told nobody.
    expect(cells.map(([, service]) => service)).toEqual(["jaeger"]);
    // It began to fire each half hour.
    expect(Number(cells[0]?.[3])).toBeGreaterThanOrEqual(4);
    expect(cells[0]?.[4]).toBe("2");
    await close();
  });

  it("open one panel alone by an alert's link, and go back with Escape", async () => {
    const { page, complaints, close } = await shown.open(panelPath("overview/services-up"));
    expect(
      await page.locator(".panel").evaluateAll((all) => all.map((each) => each.getAttribute("aria-label"))),
    ).toEqual(["Services that are or were down"]);
    await page.keyboard.press("Escape");
    await soon(() => page.locator(".panel").count()).toBeGreaterThan(8);
    expect(page.url()).not.toContain("viewPanel");
    await settled(page);
    expect(complaints).toEqual([]);
    await close();
  });

  it("narrow to the chosen values of a variable, by keyboard alone", async () => {
    const { page, close } = await shown.open("/d/vitals-stack");
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
    const { page, close } = await shown.open("/d/vitals-overview");
    await page.getByRole("button", { name: "Last hour" }).click();
    await page.getByRole("button", { name: "Last 15 minutes" }).click();
    await soon(() => page.url()).toContain("from=now-15m");
    await page.getByRole("link", { name: "Stack", exact: true }).click();
    await soon(() => new URL(page.url()).pathname).toBe("/d/vitals-stack");
    expect(page.url()).toContain("from=now-15m");
    await close();
  });

  it("tell the values under the cursor, hide and show lines, and zoom by dragging", async () => {
    const { page, complaints, close } = await shown.open("/d/vitals-overview");
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
    const { page, complaints, close } = await shown.open("/d/vitals-gateway");
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
    const { page, complaints, close } = await shown.open("/d/vitals-integrations?from=now-1h&to=now");
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
    const { page, close } = await shown.open("/d/vitals-overview");
    await page.getByRole("button", { name: "Switch between light and dark" }).click();
    await page.reload();
    await settled(page);
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    await close();
  });

  it("follow a changed file at the next refresh", async () => {
    const path = join(shown.folder, "overview.json");
    const before = await readFile(path, "utf8");
    const { page, close } = await shown.open("/d/vitals-overview");
    await page.getByRole("combobox", { name: "Refresh every" }).selectOption("5s");
    await writeFile(path, before.replace("What is wrong", "What has changed"));
    await soon(() => page.locator('[aria-label="What has changed"]').count()).toBeGreaterThan(0);
    await writeFile(path, before);
    await close();
  });

  it("say that this is a viewer and where Grafana is to be had", async () => {
    const { page, close } = await shown.open("/");
    expect(await page.locator("footer").innerText()).toContain("read-only viewer");
    expect(await page.getByRole("link", { name: "Get Grafana" }).getAttribute("href")).toBe(
      "https://grafana.com/grafana/download",
    );
    await close();
  });
});
