// What a panel asks for and how its times are told, whatever the range.
import { describe, expect, it } from "vitest";
import { type Context, loadPanel } from "../../dashboards/viewer/browser/load.ts";
import type { Dashboard, Panel } from "../../dashboards/viewer/browser/model.ts";
import { formatTick } from "../../dashboards/viewer/browser/time.ts";

const panel = { id: 1, type: "timeseries", targets: [{ refId: "A", expr: "up" }] } as unknown as Panel;
const dashboard: Dashboard = { uid: "a", title: "A", panels: [panel] };
const now = 1_700_000_123;

/** A Prometheus that has samples since `since`, and remembers when it was asked for. */
function prometheusSince(since: number) {
  const asked: { readonly start: number; readonly end: number; readonly step: number }[] = [];
  const fetch: Context["fetch"] = async (_path, init) => {
    const given = init?.body as URLSearchParams;
    const [start = 0, end = 0, step = 1] = ["start", "end", "step"].map((name) => Number(given.get(name)));
    asked.push({ start, end, step });
    const values: (readonly [number, string])[] = [];
    for (let at = start; at <= end; at += step) if (at >= since) values.push([at, "1"]);
    const result = values.length === 0 ? [] : [{ metric: { __name__: "up" }, values }];
    return Response.json({ status: "success", data: { resultType: "matrix", result } });
  };
  const range = { from: now - 86_400, to: now };
  const signal = new AbortController().signal;
  return { asked, context: { dashboard, choices: {}, range, scrapeSeconds: 15, signal, fetch } };
}

describe("a panel over a day", () => {
  it("asks for round times, so that its line keeps its shape", async () => {
    const { asked, context } = prometheusSince(now - 50_000);
    const { frames } = await loadPanel(panel, context, 400);
    expect(frames).toHaveLength(1);
    expect(asked).toHaveLength(1);
    const [{ start, end, step } = { start: 0, end: 0, step: 1 }] = asked;
    expect([start % step, end % step]).toEqual([0, 0]);
    expect(end).toBeGreaterThan(now - step);
    expect(start).toBeLessThanOrEqual(now - 86_400);
  });

  it("shows what began within the last minute, too", async () => {
    const { asked, context } = prometheusSince(now - 30);
    const { frames } = await loadPanel(panel, context, 400);
    expect(asked.length).toBe(2);
    expect(frames[0]?.values.filter((value) => value !== null)).toEqual([1]);
    expect(frames[0]?.times.at(-1)).toBe(now);
  });
});

describe("a panel without data", () => {
  const known = { refId: "Told", expr: "watcher", hide: true, instant: true };
  const empty = { ...panel, targets: [...(panel.targets ?? []), known] } as Panel;
  const over = (watchers: number) => {
    const { context } = prometheusSince(now + 1);
    const result = Array.from({ length: watchers }, () => ({ metric: {}, value: [now, "1"] }));
    const fetch: Context["fetch"] = async (path, init) =>
      String(init?.body).includes("query=watcher")
        ? Response.json({ status: "success", data: { resultType: "vector", result } })
        : context.fetch(path, init);
    return { ...context, fetch };
  };

  it("knows whether somebody would know of something to show, and draws nothing of that question", async () => {
    expect(await loadPanel(empty, over(0), 400)).toMatchObject({ frames: [], untold: true });
    const told = await loadPanel(empty, over(1), 400);
    expect(told.frames).toEqual([]);
    expect(told.untold).toBeUndefined();
    expect((await loadPanel(panel, over(0), 400)).untold).toBeUndefined();
  });

  it("asks that of no panel that has something to show", async () => {
    const { asked, context } = prometheusSince(0);
    expect((await loadPanel(empty, context, 400)).untold).toBeUndefined();
    expect(asked).toHaveLength(1);
  });
});

describe("a panel with a time of its own", () => {
  it("shows that time up to the page's end, whatever the page shows", async () => {
    const { asked, context } = prometheusSince(0);
    await loadPanel({ ...panel, timeFrom: "30d" }, context, 400);
    expect(asked[0]?.start).toBeLessThanOrEqual(now - 30 * 86_400);
    expect(asked[0]?.end).toBeGreaterThan(now - 30 * 86_400 * 0.1);
  });
});

describe("a tick on a time axis", () => {
  const tick = (time: string, spacing: number) => formatTick(Date.parse(`${time}Z`) / 1_000, spacing, "utc");

  it("says the time, at midnight the day, and no more than there is room for", () => {
    expect(tick("2026-11-26T12:00:00", 6 * 3_600)).toBe("12:00");
    expect(tick("2026-11-26T00:00:00", 6 * 3_600)).toBe("26 Nov");
    expect(tick("2026-11-26T00:00:00", 86_400)).toBe("26 Nov");
    expect(tick("2026-11-26T00:00:00", 300)).toBe("00:00");
    expect(tick("2026-11-26T00:00:05", 5)).toBe("00:00:05");
  });
});
