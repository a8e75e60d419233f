// Verifying item by item: what is tried again, when it ends, and what is said of a Prometheus that is away.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Item, verify, whenThere } from "../../dashboards/verify.ts";
import { panelItems } from "../../dashboards/verify-items.ts";
import { QueryError } from "../../dashboards/viewer/browser/ask.ts";
import { nowhere, upstream } from "./serving.ts";

const item = (check: Item["check"]): Item => ({ kind: "panel", item: "a / b / A", check });
const ok = item(async () => ({ status: "ok", detail: "" }));
const hanging = item(() => new Promise(() => {}));
const away = item(() => Promise.reject(new QueryError("away", "no")));
const ample = { waitMs: 0, limitMs: 60_000 };

describe("verifying", () => {
  it("tries what is not ok again until the time is up", async () => {
    let tries = 0;
    const late = item(async () => ({ status: ++tries < 2 ? "empty" : "ok", detail: "" }));
    expect(await verify([late], { ...ample, waitMs: 30_000 })).toMatchObject({ findings: [{ status: "ok" }], left: 0 });
    expect(tries).toBe(2);
  });

  it("tries once without a wait, and turns what is thrown into an error of that item alone", async () => {
    const broken = item(() => Promise.reject(new Error("no")));
    expect(await verify([broken, ok], ample)).toMatchObject({
      findings: [{ status: "error", detail: "no" }, { status: "ok" }],
      left: 0,
    });
  });

  it("ends when all of its time is up, whatever hangs, and counts what it did not come to", async () => {
    const items = [...Array.from({ length: 5 }, () => hanging), ok, ...Array.from({ length: 4 }, () => hanging)];
    expect(await verify(items, { waitMs: 0, limitMs: 300 })).toMatchObject({ findings: [{ status: "ok" }], left: 9 });
  });

  it("says of a Prometheus that is away that it is, once, and not of every item", async () => {
    await expect(verify([ok, away, away], ample)).rejects.toMatchObject({ kind: "away" });
    // One that comes within the wait is fine.
    let tries = 0;
    const coming = item(() => (++tries < 2 ? Promise.reject(new QueryError("away", "no")) : ok.check()));
    expect((await verify([coming], { ...ample, waitMs: 30_000 })).findings).toMatchObject([{ status: "ok" }]);
    let reads = 0;
    expect(await whenThere(async () => (++reads < 2 ? Promise.reject(new Error("no")) : "there"), 30_000)).toBe(
      "there",
    );
    await expect(whenThere(() => Promise.reject(new Error("no")), 0)).rejects.toThrow("no");
  });
});

describe("a panel that may be empty while all is well", () => {
  const target = { refId: "A", expr: "standby_lag", instant: true };
  const told = { refId: "Told", expr: "database_up", instant: true, hide: true };
  const panel = {
    id: 1,
    type: "stat",
    title: "Lag",
    gridPos: { x: 0, y: 0, w: 1, h: 1 },
    targets: [target, told],
    fieldConfig: { defaults: { noValue: "No standby" }, overrides: [] },
  };
  const over = async (known: readonly string[]) => {
    const prometheus = await upstream(async (incoming, response) => {
      let body = "";
      for await (const part of incoming.setEncoding("utf8")) body += part;
      const query = new URLSearchParams(body).get("query") ?? "";
      const result = known.some((name) => query.includes(name)) ? [{ metric: {}, value: [1, "1"] }] : [];
      response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
    });
    const items = panelItems([{ uid: "a", title: "A", panels: [panel] }], {
      prometheus,
      scrapeSeconds: 15,
      timeoutMs: 5_000,
    });
    return (await verify(items, ample)).findings;
  };

  it("is well only while somebody would know", async () => {
    expect(await over(["database_up", "count"])).toMatchObject([
      { item: "A / Lag / A", status: "ok", detail: "empty while all is well: No standby" },
    ]);
    expect(await over([])).toMatchObject([
      { item: "A / Lag / A", status: "empty", detail: "nobody tells: there is no database_up" },
    ]);
  });
});

describe("the command", () => {
  const run = async (prometheus: URL, ...more: readonly string[]) => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-verify-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const targets = [{ refId: "A", expr: "up" }];
    const panel = { id: 1, type: "stat", title: "Up", gridPos: { x: 0, y: 0, w: 1, h: 1 }, targets };
    const panels = Array.from({ length: 40 }, () => panel);
    await writeFile(join(folder, "a.json"), JSON.stringify({ uid: "a", title: "A", panels }));
    const args = ["tools/commands/verify.ts", "--dashboards", folder, "--prometheus", prometheus.href, ...more];
    return promisify(execFile)(process.execPath, args, { cwd: new URL("../../", import.meta.url).pathname }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
    );
  };

  it("says in one line that Prometheus is away", async () => {
    expect(await run(nowhere)).toEqual({
      code: 1,
      stdout: "",
      stderr: "http://127.0.0.1:1: cannot be reached\n  -> Run npm run status to see whether Prometheus is ready.\n",
    });
  });

  it("says in one line that it is not Prometheus that answers", async () => {
    const { code, stderr } = await run(await upstream((_, response) => response.end("<html>")));
    expect([code, stderr.split("\n")[0]]).toEqual([
      1,
      expect.stringMatching(/^http:\S+: does not tell its rules: What answers .* is not Prometheus\.$/),
    ]);
  });

  it("ends after its limit when Prometheus is slow, and says what is left", async () => {
    const slow = await upstream((incoming, response) => {
      if (incoming.url?.includes("/rules")) response.end('{"status":"success","data":{"groups":[]}}');
    });
    const { code, stdout, stderr } = await run(slow, "--limit", "1");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^verify: the time was up after 1 s with 40 items left\n {2}-> /);
    expect(stdout).toContain("0 items: 0 ok, 0 empty, 0 error");
  });

  it("shows a table, and the same as JSON, and ends with 0 where all is ok", async () => {
    const answers: Record<string, unknown> = {
      "/api/v1/rules": { groups: [] },
      "/api/v1/query_range": {
        resultType: "matrix",
        result: [{ metric: {}, values: [[Date.now() / 1_000 - 60, "1"]] }],
      },
    };
    const fine = await upstream((incoming, response) =>
      response.end(JSON.stringify({ status: "success", data: answers[(incoming.url ?? "").split("?")[0] ?? ""] })),
    );
    const table = await run(fine);
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toMatch(/^ok {5}panel {5}A \/ Up \/ A {2}1 series\n/);
    expect(table.stdout).toMatch(/40 items: 40 ok, 0 empty, 0 error\n$/);
    const json = await run(fine, "--json");
    expect(JSON.parse(json.stdout)).toHaveLength(40);
    expect(JSON.parse(json.stdout)[0]).toEqual({ kind: "panel", item: "A / Up / A", status: "ok", detail: "1 series" });
  });

  it("refuses times that are none", async () => {
    for (const wrong of [["--wait", "soon"], ["--limit", "0"], ["--wait=-1"]])
      expect(await run(nowhere, ...wrong)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`verify ${wrong[0]?.slice(0, 6)}`),
      });
  });
});
