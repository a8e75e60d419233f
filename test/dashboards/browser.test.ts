// Every dashboard in a real browser, wide and narrow, light and dark.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dashboards, dashboardUid } from "../../dashboards/index.ts";
import { missing, type Shown, showWorld, skipped, soon } from "./pages.ts";

/** `VITALS_PROVE=1` opens every dashboard anew at each width; else at one, the next one at the other, and then the window changes. */
const full = process.env.VITALS_PROVE !== undefined;
const openings = dashboards.flatMap(({ name }, index) => {
  const widths = index % 2 === 0 ? [1280, 390] : [390, 1280];
  return (full ? widths.map((width) => [width]) : [widths]).flatMap((order) =>
    [false, true].map((dark) => ({ uid: dashboardUid(name), order, look: dark ? "dark" : "light" })),
  );
});

describe.skipIf(missing !== undefined)(`the dashboards in a browser${skipped}`, () => {
  let shown: Shown;
  beforeAll(async () => {
    shown = await showWorld({ measured: true });
  });
  afterAll(() => shown?.end());

  it.each(openings)("draw $uid with data in every panel, $look, $order wide", async ({ uid, order, look }) => {
    const dark = look === "dark";
    const { page, complaints, close } = await shown.open(`/d/${uid}`, { width: order[0] as number, dark });
    for (const [at, width] of order.entries()) {
      if (at > 0) {
        // What was drawn at the width before proves nothing of this one.
        await page.evaluate(() => {
          for (const each of document.querySelectorAll("canvas")) each.width += 0;
        });
        await page.setViewportSize({ width, height: 800 });
      }
      const panels = () => page.locator(".panel").evaluateAll(drawings);
      await soon(async () => (await panels()).filter(({ inside, drawn }) => !inside || !drawn)).toEqual([]);
      const all = await panels();
      expect(all.length).toBeGreaterThan(2);
      for (const panel of all) {
        expect(panel).toMatchObject({ state: "ok", inside: true, drawn: true });
        expect(panel.points, panel.title ?? "").toBeGreaterThan(0);
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(Number(/\d+/.exec(ground)?.[0]) < 128).toBe(dark);
    expect(complaints).toEqual([]);
    await close();
  });

  it("are all listed, in their order", async () => {
    const { page, close } = await shown.open("/");
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
    await close();
  });

  it("cost at most 100 MB and start within a second", async () => {
    if (process.platform === "linux") {
      const kib = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${shown.viewer.pid}/status`, "utf8"))?.[1]);
      console.info(
        `viewer: ${Math.round(kib / 1_024)} MiB resident after all of the above, ready after ${Math.round(shown.startedAfter)} ms`,
      );
      expect(kib * 1_024).toBeLessThan(100e6);
    }
    expect(shown.startedAfter).toBeLessThan(3_000);
  });

  it("say that Prometheus is gone when it stops, and draw again what they can", async () => {
    const { page, close } = await shown.open("/d/vitals-overview");
    await shown.world.stop();
    await page.getByRole("button", { name: "Refresh now" }).click();
    const states = () =>
      page
        .locator(".panel")
        .evaluateAll((all) => [...new Set(all.map((panel) => (panel as HTMLElement).dataset.state))]);
    await soon(states).toEqual(["error"]);
    await close();
  });
});

/** Runs in the page. */
function drawings(all: readonly Element[]) {
  return all.map((panel) => {
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
    const drawn = kind === "panel-timeseries" ? hasInk(panel.querySelector("canvas")) : panel.textContent !== "";
    return { title: panel.getAttribute("aria-label"), state, points: Number(points), inside, drawn };

    function hasInk(canvas: HTMLCanvasElement | null): boolean {
      if (canvas === null || canvas.width === 0 || canvas.height === 0) return false;
      // Read from a copy: Chromium complains of a canvas that is read more than once.
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy?.drawImage(canvas, 0, 0);
      const pixels = copy?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return pixels.some((value) => value !== 0);
    }
  });
}
