import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Collector, CollectorError, type Run, sampler } from "../../exporters/collector.ts";
import type { Exporter } from "../../exporters/exporter.ts";
import { json } from "../../exporters/exporter.ts";
import { budgetOf } from "../../exporters/runtime.ts";
import type { Rows } from "../../telemetry/catalogue/row.ts";
import { until } from "../support/ports.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const rows = {
  thing_up: { kind: "gauge", help: "1 when it is.", labels: { thing: "configured" } },
  thing_size_bytes: { kind: "gauge", help: "Its size.", labels: { thing: "configured", part: ["left", "right"] } },
  thing_other_total: { kind: "counter", help: "Others.", labels: { thing: "configured" } },
} as const satisfies Rows;
const s = sampler(rows, "thing");
type Context = Run & { readonly thing: string };

let open: Scraped | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** An exporter of these collectors, with one target for each configured name. */
async function run(collectors: readonly Collector<Context>[], things: readonly string[] = ["a"]): Promise<Scraped> {
  const toy: Exporter<{ things: string[] }, typeof rows> = {
    name: "toy",
    about: "for tests",
    rows,
    probe: "thing",
    config: z.strictObject({ things: z.array(z.string()) }),
    start: () => {
      let names: readonly string[] = [];
      return {
        apply: (config) => {
          names = config.things;
        },
        size: () => names.length,
        targets: () =>
          names.map((thing) => ({
            name: thing,
            labels: { thing },
            collectors: collectors as readonly Collector<never>[],
            context: (each) => ({ ...each, thing }) as never,
          })),
        routes: { "/things/:name": ({ params }) => json(params) },
        close: async () => undefined,
      };
    },
  };
  open = await runExporter(toy, { things });
  return open;
}

const collector = (part: Partial<Collector<Context>>): Collector<Context> => ({
  name: "fine",
  emits: ["thing_up", "thing_size_bytes"],
  timeout: "5s",
  collect: async () => [s("thing_up", 1)],
  ...part,
});
const frozen = collector({ name: "frozen", timeout: "300ms", collect: () => new Promise(() => undefined) });

describe("the engine of the exporters", () => {
  it("ends a frozen collector at its deadline, shows all others, and says which ran out of time", async () => {
    const { metrics } = await run([collector({}), frozen]);
    const began = performance.now();
    const page = await metrics();
    expect(performance.now() - began).toBeLessThan(3 * 300);
    expect(page.value('thing_up{thing="a"}')).toBe(1);
    expect(page.value('collector_success{collector="fine",target="a"}')).toBe(1);
    expect(page.value('collector_success{collector="frozen",target="a"}')).toBe(0);
    const last = (name: string) =>
      page.value(`collector_last_success_timestamp_seconds{collector="${name}",target="a"}`);
    expect(Math.abs((last("fine") ?? 0) - Date.now() / 1_000)).toBeLessThan(5);
    expect(last("frozen")).toBeUndefined();
    expect(page.value('collector_timeouts_total{collector="frozen",target="a"}')).toBe(1);
    expect(page.value('collector_timeouts_total{collector="fine",target="a"}')).toBe(0);
    expect(page.value('target_failures_total{target="a",cause="timeout"}')).toBe(1);
  });

  it("does not start a frozen collector a second time while its first run has not ended", async () => {
    let starts = 0;
    const { metrics } = await run([
      {
        ...frozen,
        collect: () => {
          starts++;
          return new Promise(() => undefined);
        },
      },
    ]);
    await metrics();
    const page = await metrics();
    expect(starts).toBe(1);
    expect(page.value('target_failures_total{target="a",cause="busy"}')).toBe(1);
  });

  it("aborts the run of a collector at its deadline, so that it can let go", async () => {
    let aborted = false;
    const { metrics } = await run([
      collector({
        timeout: "100ms",
        collect: ({ signal }) =>
          new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              aborted = true;
              reject(new Error("let go"));
            }),
          ),
      }),
    ]);
    const page = await metrics();
    expect(aborted).toBe(true);
    expect(page.value('target_failures_total{target="a",cause="timeout"}')).toBe(1);
    // It has ended, so it is tried again and not counted as busy.
    expect((await metrics()).value('target_failures_total{target="a",cause="busy"}')).toBe(0);
  });

  it("answers within the scrape timeout that Prometheus announces", async () => {
    const { metrics } = await run([collector({}), { ...frozen, timeout: "60s" }]);
    const began = performance.now();
    const page = await metrics({ "x-prometheus-scrape-timeout-seconds": "1" });
    expect(performance.now() - began).toBeLessThan(3 * 1_000);
    expect(page.value('thing_up{thing="a"}')).toBe(1);
    expect(page.value('collector_success{collector="frozen",target="a"}')).toBe(0);
  });

  it("takes a part of the announced time for the way back, and 10 s when none is announced", () => {
    expect(budgetOf({ "x-prometheus-scrape-timeout-seconds": "10" })).toBe(9_500);
    expect(budgetOf({ "x-prometheus-scrape-timeout-seconds": "1" })).toBe(900);
    for (const text of ["0", "-1", "soon", "", undefined])
      expect(budgetOf({ "x-prometheus-scrape-timeout-seconds": text })).toBe(10_000);
  });

  it("keeps a failing collector to itself, whether it throws at once or later, and names the class only", async () => {
    const { metrics, lines } = await run([
      collector({}),
      collector({
        name: "at-once",
        collect: () => {
          throw new Error("CANARY at once");
        },
      }),
      collector({
        name: "later",
        collect: async () => Promise.reject(new CollectorError("permission", new Error("CANARY later"))),
      }),
    ]);
    const page = await metrics();
    expect(page.value('thing_up{thing="a"}')).toBe(1);
    expect(page.value('collector_success{collector="at-once",target="a"}')).toBe(0);
    expect(page.value('target_failures_total{target="a",cause="permission"}')).toBe(1);
    expect(page.value('target_failures_total{target="a",cause="other"}')).toBe(1);
    expect(lines.filter((line) => line.includes("collector fails"))).toHaveLength(2);
    expect(`${page.body}${lines.join("")}`).not.toContain("CANARY");
  });

  it("says once that a collector fails and once that it works again", async () => {
    let broken = true;
    const { metrics, lines } = await run([
      collector({
        collect: async () => {
          if (broken) throw new Error("x");
          return [];
        },
      }),
    ]);
    await metrics();
    await metrics();
    broken = false;
    await metrics();
    await metrics();
    expect(lines.map((line) => JSON.parse(line).msg).filter((msg) => msg.startsWith("collector"))).toEqual([
      "collector fails",
      "collector works again",
    ]);
  });

  it("shows what a failing collector stands for and takes its other series away", async () => {
    let broken = false;
    const { metrics } = await run([
      collector({
        failed: () => [s("thing_up", 0)],
        collect: async () => {
          if (broken) throw new Error("x");
          return [s("thing_up", 1), s("thing_size_bytes", 5, { part: "left" })];
        },
      }),
    ]);
    expect((await metrics()).value('thing_size_bytes{thing="a",part="left"}')).toBe(5);
    broken = true;
    const page = await metrics();
    expect(page.value('thing_up{thing="a"}')).toBe(0);
    expect(page.names).not.toContain("thing_size_bytes");
    broken = false;
    expect((await metrics()).value('thing_up{thing="a"}')).toBe(1);
  });

  it("shares one collection among all who ask while it is under way", async () => {
    let runs = 0;
    const { metrics } = await run([
      collector({
        collect: async () => {
          runs++;
          await new Promise((resolve) => setTimeout(resolve, 200));
          return [s("thing_up", 1)];
        },
      }),
    ]);
    const pages = await Promise.all(Array.from({ length: 10 }, () => metrics()));
    expect(runs).toBe(1);
    for (const page of pages) expect(page.value('thing_up{thing="a"}')).toBe(1);
    expect((await metrics()).value("exporter_scrapes_shared_total")).toBe(9);
    expect(runs).toBe(2);
  });

  it("reads and shows one target alone where it is named, and nothing for another word", async () => {
    const asked: string[] = [];
    const { metrics, page } = await run(
      [
        collector({
          collect: async ({ thing, dropped }) => {
            asked.push(thing);
            dropped(3);
            return [s("thing_up", 1)];
          },
        }),
      ],
      ["a", "b"],
    );
    const one = await page("/probe?thing=b");
    expect(asked).toEqual(["b"]);
    const text = await one.text();
    expect(text).toContain('thing_up{thing="b"} 1');
    expect(text).toContain('collector_series_dropped{collector="fine",target="b"} 3');
    expect(text).not.toMatch(/"a"/);
    for (const word of ["postgres://u:CANARY@10.0.0.1/x", "c", ""]) {
      const refused = await page(`/probe?thing=${encodeURIComponent(word)}`);
      expect(refused.status).toBe(404);
      expect(await refused.text()).not.toContain("CANARY");
    }
    expect(asked).toEqual(["b"]);
    expect((await metrics()).value('thing_up{thing="a"}')).toBe(1);
  });

  it("runs collectors at the same time", async () => {
    let running = 0;
    let most = 0;
    const collect = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 50));
      running--;
      return [];
    };
    const { metrics } = await run(["x", "y", "z"].map((name) => collector({ name, collect })));
    await metrics();
    expect(most).toBe(3);
  });

  it("does not ask again within a collector's ttl, except after a failure", async () => {
    let runs = 0;
    const { metrics } = await run([
      collector({
        ttl: "1m",
        collect: async () => {
          if (++runs === 1) throw new Error("x");
          return [s("thing_up", runs)];
        },
      }),
    ]);
    await metrics();
    await metrics();
    const page = await metrics();
    expect(page.value('thing_up{thing="a"}')).toBe(2);
    expect(page.value('collector_runs_total{collector="fine",target="a"}')).toBe(2);
  });

  it("lets go of the scrapes that are over, with all that they have read", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const runs: WeakRef<AbortSignal>[] = [];
    const read = async ({ signal }: Context) => {
      runs.push(new WeakRef(signal));
      if (runs.length % 2 === 0) throw new CollectorError("connect");
      return [s("thing_up", 1)];
    };
    const { metrics } = await run([collector({ collect: read })]);
    for (let scrape = 0; scrape < 20; scrape++) await metrics();
    await until(() => {
      collectGarbage();
      return runs.filter((run) => run.deref() !== undefined).length <= 1;
    });
  });

  it("refuses metrics that a collector does not declare and label values that the catalogue does not have, and counts them", async () => {
    const { metrics } = await run([
      collector({
        collect: async () => [
          s("thing_other_total", 1),
          s("thing_size_bytes", 1, { part: "Jane Doe" as "left" }),
          { metric: "thing_up", labels: { url: "https://x.example/" }, value: 1 },
          s("thing_up", 1),
        ],
      }),
    ]);
    await metrics();
    const page = await metrics();
    expect(page.names).not.toContain("thing_other_total");
    expect(page.body).not.toMatch(/Jane|x\.example/);
    expect(page.value('thing_up{thing="a"}')).toBe(1);
    expect(page.value("exporter_samples_refused_total")).toBeGreaterThanOrEqual(4);
  });

  it("takes away all series of a target that left the configuration, and keeps the counters of the others", async () => {
    const { metrics, configure } = await run([collector({})], ["a", "b"]);
    await metrics();
    await configure({ things: ["b"] });
    await until(async () => !(await metrics()).body.includes('"a"'));
    const page = await metrics();
    expect(page.value('collector_runs_total{collector="fine",target="b"}')).toBeGreaterThan(1);
    expect(page.value("exporter_targets")).toBe(1);
  });

  it("has pages for being alive and ready, patterns for an exporter's own, and nothing else", async () => {
    const { page } = await run([]);
    for (const path of ["/healthz", "/readyz", "/metrics"]) expect((await page(path)).status).toBe(200);
    expect(await (await page("/things/x?y=1")).json()).toEqual({ name: "x" });
    expect((await page("/things/")).status).toBe(404);
    expect((await page("/secret")).status).toBe(404);
    const refused = await page("/metrics", { method: "POST" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(
      (await page("/metrics", { headers: { accept: "application/openmetrics-text" } })).headers.get("content-type"),
    ).toContain("application/openmetrics-text");
  });
});

describe("the configuration file", () => {
  it("is taken up when it is replaced, refused with one line when it is broken, and taken up again when it is mended", async () => {
    const { configure, metrics, lines } = await run([collector({})], ["a"]);
    const refusals = () => lines.filter((line) => line.includes("configuration refused"));
    await configure({ things: ["b"] });
    await until(async () => (await metrics()).value('thing_up{thing="b"}') === 1);
    for (const [index, broken] of ['{"things": ["CANARY"', { things: [1], extra: "CANARY" }].entries()) {
      await configure(broken);
      await until(() => refusals().length === index + 1);
      const page = await metrics();
      expect(page.value('thing_up{thing="b"}')).toBe(1);
      expect(page.value("exporter_config_reload_success")).toBe(0);
    }
    // It is refused once, not at every look.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(refusals()).toHaveLength(2);
    expect(JSON.parse(refusals()[1] ?? "")).toMatchObject({ level: "error", problems: 2, setting: "things[0]" });
    expect(lines.join("")).not.toContain("CANARY");
    await configure({ things: ["c"] });
    await until(async () => (await metrics()).value('thing_up{thing="c"}') === 1);
    expect((await metrics()).value("exporter_config_reload_success")).toBe(1);
  });
});
