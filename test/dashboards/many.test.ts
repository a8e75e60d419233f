// Thousands of series in one panel: it draws some of them, says so, and the page stays usable. A real Prometheus has them.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Frame, PanelData } from "../../dashboards/viewer/browser/model.ts";
import { limited, shownOf } from "../../dashboards/viewer/browser/panels/limits.ts";
import { launch, missing, openPage, skipped, soon, startProgram } from "./pages.ts";
import { startWorld } from "./world.ts";

describe.skipIf(missing !== undefined)(`panels of 3 400 series${skipped}`, () => {
  const ends: (() => Promise<unknown>)[] = [];
  let browser: Awaited<ReturnType<typeof launch>>;
  let base = "";
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-many-"));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    const grid = { w: 12, h: 8 };
    const panel = (id: number, type: string, expr: string, more: object = {}) => ({
      ...{ id, type, title: `${type} of ${expr}`, gridPos: { x: 12 * (id % 2), y: 8 * Math.floor(id / 2), ...grid } },
      targets: [
        { refId: "A", expr, legendFormat: type === "table" ? "" : "{{number}}", instant: type === "table", ...more },
      ],
    });
    const panels = [
      ...["timeseries", "stat", "bargauge", "state-timeline", "table"].map((type, at) =>
        panel(at, type, "many_values"),
      ),
      panel(5, "timeseries", "many_values < 60"),
    ];
    await writeFile(
      join(folder, "a.json"),
      JSON.stringify({ uid: "a", title: "A", panels, time: { from: "now-5m", to: "now" } }),
    );
    const world = await startWorld({ hours: 0.1, many: 3_400 });
    ends.push(world.stop);
    const viewer = await startProgram(folder, world.url);
    ends.push(viewer.end);
    browser = await launch();
    ends.push(() => browser.close());
    base = viewer.url;
  });
  afterAll(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  it("draw fifty of them, the largest, or five hundred rows, and say of how many", async () => {
    const { page, complaints, close } = await openPage(browser, base, "/d/a");
    const said = (title: string) => page.locator(`[aria-label="${title}"] .left-out`).allInnerTexts();
    const left = "Showing 50 of 3\u202f400 series";
    await soon(() => page.locator('.panel[data-state="ok"]').count()).toBe(6);
    for (const kind of ["timeseries", "stat", "bargauge", "state-timeline"])
      expect(
        (await said(`${kind} of many_values`)).filter((text) => text !== ""),
        kind,
      ).toEqual([left]);
    expect((await said("table of many_values")).filter((text) => text !== "")).toEqual([
      "Showing 500 of 3\u202f400 rows",
    ]);
    const drawn = page.locator('[aria-label="timeseries of many_values"] .legend-item');
    expect(await drawn.count()).toBe(50);
    // Of the first thousand that Prometheus sends; its order is that of the labels.
    for (const name of await drawn.allInnerTexts()) expect(Number(name)).toBeGreaterThan(900);
    expect(await page.locator('[aria-label="table of many_values"] tbody tr').count()).toBe(500);
    expect((await said("timeseries of many_values < 60")).filter((text) => text !== "")).toEqual([
      "Showing 50 of 60 series",
    ]);
    // It can be used: a table is sorted, a legend's entry answers.
    await page.locator('[aria-label="table of many_values"] th button', { hasText: "Value" }).click();
    await soon(() => page.locator('[aria-label="table of many_values"] th[aria-sort="ascending"]').count()).toBe(1);
    expect(complaints).toEqual([]);
    await close();
  });
});

describe("what a panel draws of too many series", () => {
  const frame = (name: string, values: Frame["values"]): Frame => ({
    refId: "A",
    name,
    labels: {},
    times: [],
    values,
    config: {},
  });
  const data = (frames: readonly Frame[]): PanelData => ({
    frames,
    total: frames.length,
    exemplars: [],
    from: 0,
    to: 1,
  });

  it("is the largest of them, in the order they had", () => {
    const frames = Array.from({ length: 120 }, (_, at) => frame(String(at), [at % 7 === 0 ? -1_000 - at : at, null]));
    const { frames: kept } = limited("timeseries", data(frames));
    expect(kept).toHaveLength(50);
    expect(kept.slice(0, 3).map(({ name }) => name)).toEqual(["0", "7", "14"]);
    expect(kept.at(-1)?.name).toBe("119");
    expect(limited("table", data(frames)).frames).toHaveLength(120);
  });

  it("is what changes most where values are states", () => {
    const still = Array.from({ length: 100 }, (_, at) => frame(`still ${at}`, [1, 1, 1]));
    const { frames: kept } = limited("state-timeline", data([...still, frame("flaps", [1, 0, 1])]));
    expect(kept.map(({ name }) => name)).toContain("flaps");
  });

  it("is told in numbers, also where nobody knows how many there are", () => {
    expect(shownOf(50, 1_000, 12_345, "series")).toBe("Showing 50 of 12\u202f345 series");
    expect(shownOf(50, 1_000, Infinity, "series")).toBe("Showing 50 of more than 1\u202f000 series");
    expect(shownOf(50, 50, 50, "series")).toBeUndefined();
  });
});
