import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { exporter } from "../../telemetry/catalogue/exporter.ts";
import { integrations, probeCauses } from "../../telemetry/catalogue/integrations.ts";
import { postgres } from "../../telemetry/catalogue/postgres.ts";
import { redis } from "../../telemetry/catalogue/redis.ts";
import type { Rows } from "../../telemetry/catalogue/row.ts";
import { createMetrics, oneOf, type Sample } from "../../telemetry/metrics.ts";
import { serviceRows } from "../../telemetry/service.ts";
import { findTool } from "../../tools/resolve.ts";

const series = (body: string, name: string): readonly string[] =>
  body.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

describe("metrics typed by the catalogue", () => {
  it("does not compile with a metric, kind, label or value that the catalogue does not have", () => {
    const metrics = createMetrics(integrations);
    // @ts-expect-error there is no such metric
    expect(() => metrics.counter("integration_probs_total")).toThrow("integration_probs_total");
    // @ts-expect-error it is a counter
    metrics.gauge("integration_probes_total");
    const failures = metrics.counter("integration_probe_failures_total");
    // @ts-expect-error the label is missing
    failures.inc({ integration: "a" });
    // @ts-expect-error there is no such cause
    failures.inc({ integration: "a", cause: "gremlins" });
    // @ts-expect-error there is no such label
    failures.inc({ integration: "a", cause: "dns", url: "x" });
    failures.inc({ integration: "a", cause: "dns" });
    expect(metrics.refused()).toBe(2);
  });

  it("shows a foreign value of an enumerated label as other, or not at all where there is no other", async () => {
    const metrics = createMetrics(integrations);
    metrics
      .counter("integration_probe_failures_total")
      .inc({ integration: "a", cause: "ECONNRESET 10.0.0.1" as "dns" });
    metrics
      .histogram("integration_probe_duration_seconds")
      .observe({ integration: "a", phase: "https://a.example/?token=1" as "tls" }, 1);
    const { body } = await metrics.render();
    expect(series(body, "integration_probe_failures_total")).toEqual([
      'integration_probe_failures_total{integration="a",cause="other"} 1',
    ]);
    expect(body).not.toContain("token");
    expect(metrics.refused()).toBe(1);
  });

  it("refuses free label values that look like an address or a sentence", async () => {
    const metrics = createMetrics(integrations);
    const up = metrics.gauge("integration_up");
    for (const integration of [
      "https://vendor.example/x",
      "jane@example.org",
      "a b",
      "",
      "x".repeat(200),
      'a"b',
      "a?b=1",
    ])
      up.set({ integration }, 1);
    up.set({ integration: "vendor-1" }, 1);
    expect(series((await metrics.render()).body, "integration_up")).toEqual([
      'integration_up{integration="vendor-1"} 1',
    ]);
    expect(metrics.refused()).toBe(7);
  });

  it("starts known series at 0 without touching those that have a value, and forgets a target's series", async () => {
    const metrics = createMetrics(integrations);
    const failures = metrics.counter("integration_probe_failures_total");
    failures.inc({ integration: "a", cause: "dns" }, 3);
    metrics.start({ integration: "a" });
    metrics.start({ integration: "b" });
    const shown = series((await metrics.render()).body, "integration_probe_failures_total");
    expect(shown).toHaveLength(2 * probeCauses.length);
    expect(shown).toContain('integration_probe_failures_total{integration="a",cause="dns"} 3');
    expect(shown).toContain('integration_probe_failures_total{integration="b",cause="dns"} 0');
    metrics.forget({ integration: "a" });
    const left = series((await metrics.render()).body, "integration_probe_failures_total");
    expect(left).toHaveLength(probeCauses.length);
    expect(left.join()).not.toContain('integration="a"');
    metrics.start({ integration: "a" });
    expect(series((await metrics.render()).body, "integration_probe_failures_total")).toContain(
      'integration_probe_failures_total{integration="a",cause="dns"} 0',
    );
  });

  it("counts in a series that was found once as in one that is found each time, also after it was forgotten", async () => {
    const metrics = createMetrics(integrations);
    const failures = metrics.counter("integration_probe_failures_total");
    const labels = { integration: "a", cause: "dns" } as const;
    const dns = failures.with(labels);
    const durations = metrics.histogram("integration_response_duration_seconds");
    const responses = durations.with({ integration: "a" });
    dns.inc();
    failures.inc(labels, 2);
    responses.observe(0.2);
    durations.observe({ integration: "a" }, 0.3);
    const shown = async (name: string) => series((await metrics.render()).body, name);
    expect(await shown("integration_probe_failures_total")).toEqual([
      'integration_probe_failures_total{integration="a",cause="dns"} 3',
    ]);
    expect(await shown("integration_response_duration_seconds_count")).toEqual([
      'integration_response_duration_seconds_count{integration="a"} 2',
    ]);
    metrics.forget({ integration: "a" });
    expect(await shown("integration_probe_failures_total")).toEqual([]);
    dns.inc(5);
    expect(await shown("integration_probe_failures_total")).toEqual([
      'integration_probe_failures_total{integration="a",cause="dns"} 5',
    ]);
    failures.with({ integration: "jane@example.org", cause: "dns" }).inc();
    expect(metrics.refused()).toBe(1);
  });

  it("puts what it observes into cumulative buckets whose bounds belong to them", async () => {
    const metrics = createMetrics(integrations);
    const responses = metrics.histogram("integration_response_duration_seconds");
    const bounds = integrations.integration_response_duration_seconds.buckets;
    const most = Math.max(...bounds);
    for (const value of [bounds[0], most, most * 2]) responses.observe({ integration: "a" }, value);
    const { body } = await metrics.render();
    const bucket = (le: string, count: number) =>
      `integration_response_duration_seconds_bucket{le="${le}",integration="a"} ${count}`;
    for (const line of [bucket(`${bounds[0]}`, 1), bucket(`${bounds[1]}`, 1), bucket(`${most}`, 2), bucket("+Inf", 3)])
      expect(body).toContain(line);
    expect(body).toContain(`integration_response_duration_seconds_sum{integration="a"} ${bounds[0] + most + most * 2}`);
    expect(() => responses.observe({ integration: "a" }, Number.NaN)).toThrow(TypeError);
    expect(() => metrics.counter("integration_probes_total").inc({ integration: "a" }, -1)).toThrow(TypeError);
  });

  it("shows what a source gives, and no more of it as soon as the source gives it no more", async () => {
    const metrics = createMetrics(postgres);
    let samples: readonly Sample[] = [{ metric: "pg_deadlocks_total", labels: { database: "main" }, value: 12 }];
    metrics.source(() => samples);
    expect((await metrics.render()).body).toContain('pg_deadlocks_total{database="main"} 12');
    samples = [{ metric: "pg_up", labels: { database: "main", host: "db.internal" }, value: 1 }];
    const { body } = await metrics.render();
    expect(body).not.toContain("pg_deadlocks_total");
    expect(body).not.toContain("pg_up");
    expect(metrics.refused()).toBe(1);
  });

  it("answers in OpenMetrics when asked, with exemplars, and in text again afterwards with the same names", async () => {
    const metrics = createMetrics(integrations);
    metrics.counter("integration_probes_total").inc({ integration: "a" }, 2);
    metrics.histogram("integration_response_duration_seconds").observe({ integration: "a" }, 0.2, "f".repeat(32));
    const before = await metrics.render("text/plain;version=0.0.4");
    const open = await metrics.render("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2");
    expect(open.contentType).toContain("application/openmetrics-text");
    expect(open.body).toContain("# TYPE integration_probes counter");
    expect(open.body).toContain('integration_probes_total{integration="a"} 2');
    expect(open.body).toContain(`# {trace_id="${"f".repeat(32)}"} 0.2`);
    expect(open.body.endsWith("# EOF\n")).toBe(true);
    expect(await metrics.render()).toEqual(before);
    expect(before.body).toContain("# TYPE integration_probes_total counter");
    expect(before.body).not.toContain("trace_id");
  });

  it("turns a word that is not on the list into other", () => {
    expect(oneOf(["active", "idle"], "idle")).toBe("idle");
    expect(oneOf(["active", "idle"], "napping")).toBe("other");
  });
});

const promtool = findTool("promtool");
describe("the catalogue of the exporters and of observed services", () => {
  it.skipIf(promtool === undefined)(
    `is clean for promtool check metrics${promtool ? "" : " (skipped: promtool is not there)"}`,
    async () => {
      const rows: Rows = { ...integrations, ...postgres, ...redis, ...exporter, ...serviceRows };
      const metrics = createMetrics(rows);
      const labels = (name: string): Readonly<Record<string, string>> =>
        Object.fromEntries(
          Object.entries(rows[name]?.labels ?? {}).map(([label, values]) => [
            label,
            values === "configured" ? "a" : (values[0] ?? ""),
          ]),
        );
      for (const [name, { kind }] of Object.entries(rows)) {
        if (kind === "counter") metrics.counter(name).inc(labels(name));
        else if (kind === "gauge") metrics.gauge(name).set(labels(name), 1);
        else metrics.histogram(name).observe(labels(name), 1);
      }
      const { body } = await metrics.render();
      const check = (input: string) =>
        spawnSync(promtool?.path ?? "", ["check", "metrics"], { input, encoding: "utf8" });
      expect(check(body)).toMatchObject({ status: 0, stdout: "", stderr: "" });
      // The check itself can fail: a counter without _total is reported.
      expect(check("# HELP a_b x\n# TYPE a_b counter\na_b 1\n").status).not.toBe(0);
    },
  );
});
