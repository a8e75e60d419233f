// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Grafana writes its variables so.
// The viewer by keyboard alone: the whole way by Tab, menus and choices, what is under the focus, and a focus that no refresh takes away.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing, type Shown, settled, showWorld, skipped, soon } from "./pages.ts";

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at === null || at === document.body
      ? "nothing"
      : (at.getAttribute("aria-label") ?? at.getAttribute("title") ?? at.textContent ?? "").trim();
  });
/** As the timer does it. */
const refresh = async (page: Page): Promise<void> => {
  await page.evaluate(() => document.querySelector<HTMLElement>('[aria-label="Refresh now"]')?.click());
  await settled(page);
};

describe.skipIf(missing !== undefined)(`the viewer by keyboard${skipped}`, () => {
  let shown: Shown;
  beforeAll(async () => {
    shown = await showWorld({ hours: 0.2 });
    const link = { title: "To the stack", url: "/d/vitals-stack?${__url_time_range}" };
    const place = (at: number) => ({ gridPos: { x: (at % 2) * 12, y: Math.floor(at / 2) * 8, w: 12, h: 8 } });
    const panels = [
      { type: "stat", title: "Linked", fieldConfig: { defaults: { links: [link] } }, legend: "{{job}}", expr: "up" },
      { type: "table", title: "Rows", expr: "up", instant: true },
      { type: "timeseries", title: "Lines", legend: "{{job}}", expr: "up", description: "What is up." },
      { type: "state-timeline", title: "States", legend: "{{job}}", expr: "up", links: [link] },
    ].map(({ legend, expr, instant, ...panel }, at) => ({
      ...panel,
      ...place(at),
      id: at + 1,
      targets: [{ refId: "A", expr, legendFormat: legend, instant }],
    }));
    const variable = { name: "job", type: "query", multi: true, includeAll: true, query: "label_values(up, job)" };
    const file = { uid: "keys", title: "Keys", panels, templating: { list: [variable] } };
    await writeFile(join(shown.folder, "keys.json"), JSON.stringify(file));
  });
  afterAll(() => shown?.end());

  it("is gone through by Tab: first the way past the tabs, then each thing in its order, always seen", async () => {
    const { page, complaints, close } = await shown.open("/d/keys");
    const seen: string[] = [];
    for (let step = 0; step < 150; step++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        if (element === document.body) return undefined;
        const { width, height, top, bottom } = element.getBoundingClientRect();
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const outlined = outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0;
        return {
          seen:
            width > 0 && height > 0 && bottom > 0 && top < innerHeight && (outlined || element.className === "skip"),
          name: (
            element.getAttribute("aria-label") ??
            element.getAttribute("title") ??
            element.textContent ??
            ""
          ).trim(),
        };
      });
      if (at === undefined) break;
      expect(at.name).not.toBe("");
      expect(at, at.name).toMatchObject({ seen: true });
      seen.push(at.name);
    }
    const inOrder = (names: readonly string[]) => names.map((name) => seen.findIndex((each) => each.startsWith(name)));
    const order = inOrder([
      "Skip to",
      "All dashboards",
      "Overview",
      "Keys",
      "job",
      "Time range",
      "Zoom out",
      "Refresh now",
      "Refresh every",
      "Switch between",
      "alertmanager: 1. To the stack",
      "Rows",
      "About this panel",
      "To the stack",
      "Get Grafana",
    ]);
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((left, right) => left - right));
    // However many lines and states there are: one stop each.
    expect(seen.filter((name) => name.endsWith("with Ctrl to hide it"))).toHaveLength(1);
    expect(seen.filter((name) => /: [01], /.test(name))).toHaveLength(1);
    expect(complaints).toEqual([]);
    await close();
  });

  it("skips to the dashboard without loading it anew", async () => {
    const { page, close } = await shown.open("/d/keys");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("View this panel alone");
    await close();
  });

  it("keeps the focus where it is when all is drawn anew", async () => {
    const { page, close } = await shown.open("/d/keys");
    const stops = [
      page.locator('[aria-label="Linked"] a.stat').nth(2),
      page.locator('[aria-label="Rows"] th button').nth(1),
      page.locator('[aria-label="Lines"] .legend-item').nth(3),
      page.locator('[aria-label="States"] .segment').first(),
    ];
    for (const stop of stops) {
      await stop.focus();
      const before = await focused(page);
      await stop.evaluate((element) => element.setAttribute("data-old", ""));
      await refresh(page);
      // It is another element, and stands for the same.
      expect(await page.evaluate(() => document.activeElement?.hasAttribute("data-old"))).toBe(false);
      const [name] = before.split(/[,:]/);
      expect((await focused(page)).split(/[,:]/)[0]).toBe(name);
    }
    await close();
  });

  it("keeps the focus on the head of the column by which a table is sorted", async () => {
    const { page, close } = await shown.open("/d/keys");
    const heads = page.locator('[aria-label="Rows"] th');
    const head = heads.locator("button", { hasText: "job" });
    await head.focus();
    for (const direction of ["ascending", "descending"]) {
      await page.keyboard.press("Enter");
      expect(await focused(page)).toBe("job");
      expect(await heads.filter({ hasText: "job" }).getAttribute("aria-sort")).toBe(direction);
    }
    await close();
  });

  it("keeps the focus in a panel that has nothing to show for a while, and gives it back", async () => {
    const { page, close } = await shown.open("/d/keys");
    await page.locator('[aria-label="Lines"] .legend-item').nth(2).focus();
    const before = await focused(page);
    await page.route("**/api/questions", (route) => route.abort());
    await refresh(page);
    expect(await focused(page)).toBe("The viewer itself does not answer.");
    await page.unroute("**/api/questions");
    await refresh(page);
    expect(await focused(page)).toBe(before);
    await close();
  });

  it("keeps the focus on a control whose choice has changed the page", async () => {
    const { page, close } = await shown.open("/d/keys");
    await page.getByRole("button", { name: "Last hour" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await soon(() => page.url()).toContain("from=now-15m");
    await settled(page);
    expect(await focused(page)).toBe("Time range");
    // Escape closes a menu and leaves everything as it is.
    await page.keyboard.press("Enter");
    await soon(() => page.locator(":popover-open").count()).toBe(1);
    await page.keyboard.press("Escape");
    expect(await page.locator(":popover-open").count()).toBe(0);
    expect(await focused(page)).toBe("Time range");
    await page.getByRole("combobox", { name: "Refresh every" }).focus();
    await page.keyboard.press("ArrowDown");
    await soon(() => page.url()).toContain("refresh=5s");
    await settled(page);
    expect(await focused(page)).toBe("Refresh every");
    await close();
  });

  it("opens a panel alone and comes back to it", async () => {
    const { page, close } = await shown.open("/d/keys");
    await page.locator('[aria-label="States"] .view').focus();
    await page.keyboard.press("Enter");
    await soon(() => page.url()).toContain("viewPanel=panel-4");
    await settled(page);
    expect(await focused(page)).toBe("Back to the dashboard");
    await page.keyboard.press("Escape");
    await soon(() => page.url()).not.toContain("viewPanel");
    await settled(page);
    expect(await focused(page)).toBe("View this panel alone");
    expect(await page.evaluate(() => document.activeElement?.closest("section")?.ariaLabel)).toBe("States");
    await close();
  });

  it("goes through lines, states and entries by arrow keys, says what is there, and is silent after Escape", async () => {
    const { page, close } = await shown.open("/d/keys?from=now-1h&to=now");
    const tooltip = page.locator(".tooltip");
    await page.locator('[aria-label="Lines"] .chart').focus();
    await page.keyboard.press("ArrowLeft");
    expect(await tooltip.innerText()).toContain("gateway");
    await page.keyboard.press("Escape");
    expect(await tooltip.count()).toBe(0);
    await page.keyboard.press("Tab");
    const first = await focused(page);
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).not.toBe(first);
    await page.keyboard.press("Home");
    expect(await focused(page)).toBe(first);
    const states = page.locator('[aria-label="States"] .timeline-row');
    await states.nth(0).locator(".segment").first().focus();
    expect(await tooltip.innerText()).toContain("alertmanager");
    await page.keyboard.press("ArrowDown");
    expect(await tooltip.innerText()).toContain("business-service");
    await page.keyboard.press("Escape");
    expect(await tooltip.count()).toBe(0);
    const about = page.getByRole("button", { name: "About this panel" });
    await about.focus();
    expect(await page.getByRole("tooltip").isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    expect(await page.getByRole("tooltip").isVisible()).toBe(false);
    await close();
  });

  it("follows a number's link with the time of the page", async () => {
    const { page, close } = await shown.open("/d/keys?from=now-15m&to=now");
    await page.locator('[aria-label="Linked"] a.stat').first().focus();
    await page.keyboard.press("Enter");
    await soon(() => new URL(page.url()).pathname).toBe("/d/vitals-stack");
    expect(page.url()).toContain("from=now-15m&to=now");
    await close();
  });
});
