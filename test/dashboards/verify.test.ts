// The commands that look at all dashboards of a running stack: verify, and pictures of each.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing, root, type Shown, showWorld, skipped } from "./pages.ts";

describe.skipIf(missing !== undefined)(`the dashboards of a running stack${skipped}`, () => {
  let shown: Shown;
  beforeAll(async () => {
    shown = await showWorld();
  });
  afterAll(() => shown?.end());

  it("are verified item by item, and only what is broken is found", async () => {
    const clean = await verify(shown.folder, shown.world.url);
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
    const variables = clean.findings.filter(({ kind }) => kind === "variable");
    expect(variables.map(({ item }) => item)).toContain("Stack / $service");
    const broken = await mkdtemp(join(tmpdir(), "vitals-broken-"));
    try {
      const text = await readFile(join(shown.folder, "overview.json"), "utf8");
      const spoiled = text.replaceAll("(redis_up)", "(redis_upp)").replaceAll("min by (job) (up)", "min by (job (up)");
      await writeFile(join(broken, "overview.json"), spoiled);
      const { findings } = await verify(broken, shown.world.url);
      expect(findings.filter(({ kind, status }) => kind === "panel" && status !== "ok")).toMatchObject([
        { item: "Overview / Redis / A", status: "empty" },
        { item: "Overview / Redis / B", status: "empty" },
        { item: "Overview / Services that are or were down / A", status: "error" },
        { item: "Overview / Services that are or were down / B", status: "error" },
      ]);
    } finally {
      await rm(broken, { recursive: true, force: true });
    }
  });

  it("are found broken by a variable that has no values, and by one that cannot be asked", async () => {
    const broken = await mkdtemp(join(tmpdir(), "vitals-broken-"));
    try {
      const query = (text: string) => ({ type: "query", multi: true, includeAll: true, query: { query: text } });
      const list = [
        { ...query("label_values(up, jbo)"), name: "misspelt" },
        { ...query("label_values(metric_that_nobody_has, job)"), name: "gone" },
        { ...query("label_values(up{, job)"), name: "broken" },
        { ...query("label_values(up, job)"), name: "fine" },
      ];
      const file = { uid: "a", title: "A", panels: [], templating: { list } };
      await writeFile(join(broken, "a.json"), JSON.stringify(file));
      const { code, findings } = await verify(broken, shown.world.url);
      expect(code).toBe(1);
      expect(findings.filter(({ kind }) => kind === "variable")).toMatchObject([
        { item: "A / $misspelt", status: "empty", detail: "jbo has no values" },
        { item: "A / $gone", status: "empty", detail: "there is no metric_that_nobody_has" },
        { item: "A / $broken", status: "error", detail: expect.stringContaining("refuses") },
        { item: "A / $fine", status: "ok", detail: expect.stringMatching(/^\d+ values$/) },
      ]);
    } finally {
      await rm(broken, { recursive: true, force: true });
    }
  });

  it("are found broken in every panel and annotation when no metric is there, also where nothing to show is well", async () => {
    const broken = await mkdtemp(join(tmpdir(), "vitals-broken-"));
    try {
      for (const name of (await readdir(shown.folder)).filter((each) => each.endsWith(".json"))) {
        const spoiled = JSON.parse(await readFile(join(shown.folder, name), "utf8"), (key, value) =>
          key === "expr" ? "metric_that_nobody_has" : value,
        );
        await writeFile(join(broken, name), JSON.stringify(spoiled));
      }
      const { findings } = await verify(broken, shown.world.url);
      const panels = findings.filter(({ kind }) => kind === "panel");
      expect(panels.length).toBeGreaterThan(100);
      expect(panels.filter(({ status }) => status !== "empty")).toEqual([]);
    } finally {
      await rm(broken, { recursive: true, force: true });
    }
  });

  it("are photographed by the dashboards command", { timeout: 180_000 }, async () => {
    const out = await mkdtemp(join(tmpdir(), "vitals-pictures-"));
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["tools/commands/dashboards.ts", "--out", out, "--pictures", out, "--viewer", shown.base, "--scale", "1"],
        { cwd: root },
      );
      expect(stdout).not.toContain("without data");
      for (const name of ["overview", "stack"]) {
        const picture = await readFile(join(out, `${name}.png`));
        expect([picture.subarray(1, 4).toString(), picture.readUInt32BE(16)]).toEqual(["PNG", 1_280]);
        expect(picture.length).toBeGreaterThan(25_000);
        expect(JSON.parse(await readFile(join(out, `${name}.json`), "utf8"))).toMatchObject({
          uid: `vitals-${name}`,
        });
      }
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  });
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
