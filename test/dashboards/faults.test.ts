// Prometheus that is down, slow, or something else: the viewer says so panel by panel, and stays usable.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startViewer } from "../../dashboards/viewer/server.ts";
import { launch, missing, openPage, skipped, soon, writeDashboards } from "./pages.ts";
import { nowhere, portOf, upstream } from "./serving.ts";

describe.skipIf(missing !== undefined)(`the viewer over a Prometheus that is not well${skipped}`, () => {
  let folder: string;
  let browser: Browser;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-faults-"));
    await writeDashboards(folder);
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
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
  /** Has nothing of all that is asked. */
  const silent: RequestListener = ({ url = "" }, response) => {
    const data = url.includes("exemplars") ? [] : { resultType: "vector", result: [] };
    response.end(JSON.stringify({ status: "success", data }));
  };
  const nothing = "No data in this time range.";
  /** A viewer over it; `timeoutMs` as in the stack unless said. */
  const over = async (prometheus: URL, dashboards: string, timeoutMs?: number) => {
    const server = await startViewer({
      host: "127.0.0.1",
      port: 0,
      dashboards,
      prometheus,
      scrapeSeconds: 15,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${portOf(server)}`;
  };
  const notes = (page: Page) =>
    page
      .locator(".panel")
      .evaluateAll((all) =>
        all.map(
          (panel) =>
            [(panel as HTMLElement).dataset.state, panel.querySelector(".panel-note")?.textContent ?? ""] as const,
        ),
      );

  it.each(faults)("says so in every panel when Prometheus %s, and stays usable", async (what, listener, words) => {
    const prometheus = listener === undefined ? nowhere : await upstream(listener);
    const base = await over(prometheus, folder, what === "hangs" ? 700 : undefined);
    const { page, complaints, close } = await openPage(browser, base, "/d/vitals-overview");
    const panels = await notes(page);
    expect(panels.length).toBeGreaterThan(8);
    for (const [state, note] of panels) {
      expect(state).toBe("error");
      expect(note).toMatch(words);
    }
    await page.getByRole("link", { name: "Stack", exact: true }).click();
    await soon(() => page.title()).toBe("Stack · Vitals");
    expect(complaints.filter((line) => line.startsWith("error:"))).toEqual([]);
    await close();
  });

  it.each(["overview", "alerts", "postgres", "redis", "integrations", "cache", "gateway", "stack"])(
    "calls nothing on %s well, and nothing absent, when nobody tells of it",
    async (name) => {
      const base = await over(await upstream(silent), folder);
      const { page, close } = await openPage(browser, base, `/d/vitals-${name}`);
      for (const [state, note] of await notes(page)) expect([state, note]).toEqual(["empty", nothing]);
      await close();
    },
  );

  it("lets no slow panel keep others waiting when Prometheus takes half a minute for some, and says which are slow", async () => {
    const boards = await mkdtemp(join(tmpdir(), "vitals-slow-"));
    onTestFinished(() => rm(boards, { recursive: true, force: true }));
    // More slow ones, and before the others, than a browser has connections.
    const names = [...Array.from({ length: 9 }, (_, at) => `slow_${at}`), "fast_1", "fast_2", "fast_3"];
    const panels = names.map((name, at) => ({
      ...{ id: at + 1, type: "stat", title: name, gridPos: { x: (at % 6) * 4, y: 4 * Math.floor(at / 6), w: 4, h: 4 } },
      targets: [{ refId: "A", expr: name, instant: true }],
    }));
    for (const uid of ["first", "second"])
      await writeFile(
        join(boards, `${uid}.json`),
        JSON.stringify({ uid, title: uid, panels: uid === "first" ? panels : panels.slice(9) }),
      );
    const result = { resultType: "vector", result: [{ metric: {}, value: [1, "7"] }] };
    const answer = JSON.stringify({ status: "success", data: result });
    let answeredSlowly = 0;
    const prometheus = await upstream((incoming, response) => {
      let body = "";
      incoming.on("data", (part) => {
        body += part;
      });
      incoming.on("end", () => {
        if (!body.includes("slow")) return response.end(answer);
        const timer = setTimeout(() => {
          answeredSlowly += 1;
          response.end(answer);
        }, 30_000);
        response.once("close", () => clearTimeout(timer));
      });
    });
    const base = await over(prometheus, boards);
    const { page, complaints, close } = await openPage(browser, base, "/d/first", { wait: false });
    const states = async () => Map.groupBy(await notes(page), ([state, note]) => `${state}: ${note}`);
    // The fast ones have their data, the slow ones say that they wait.
    await soon(async () => (await states()).get("ok: ")?.length).toBe(3);
    await soon(async () => (await states()).get("loading: Still waiting for Prometheus.")?.length).toBe(9);
    // Meanwhile another dashboard is whole, a menu opens, and the way back leads to the same.
    await page.getByRole("link", { name: "second", exact: true }).click();
    await soon(() => page.title()).toBe("second · Vitals");
    await soon(async () => (await states()).get("ok: ")?.length).toBe(3);
    expect((await notes(page)).length).toBe(3);
    await page.getByRole("button", { name: "Last hour" }).click();
    await page.getByRole("button", { name: "Last 15 minutes" }).click();
    await soon(() => page.url()).toContain("from=now-15m");
    const begun = performance.now();
    await page.getByRole("link", { name: "first", exact: true }).click();
    await soon(async () => (await states()).get("ok: ")?.length).toBe(3);
    const late = "error: Prometheus takes too long to answer. A shorter time range may help.";
    await expect.poll(async () => (await states()).get(late)?.length, { timeout: 50_000 }).toBe(9);
    console.info(`slow panels say so after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
    expect((await states()).get("ok: ")?.length).toBe(3);
    // What nobody waits for any more is let go of.
    expect(answeredSlowly).toBe(0);
    expect(complaints.filter((line) => line.startsWith("error:"))).toEqual([]);
    await close();
  });
});
