// Drills as data: each leads to an alert that exists and is told, and to a metric that the alert's runbook names.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { topics } from "../../alerts/index.ts";
import { planner } from "../../components/platforms/process/platform.ts";
import { describe as describeStack, serviceInfo } from "../../components/stack.ts";
import { seriesNames } from "../../telemetry/catalogue/index.ts";
import { checkExpression } from "../../telemetry/promql-check.ts";
import { drills } from "../../tools/drills/index.ts";
import { isLate, report } from "../../tools/drills/report.ts";
import { alertOf, needWhatItBreaks } from "../../tools/drills/run.ts";
import type { RunningStack } from "../../tools/stack/running.ts";
import { config } from "../alerts/tools.ts";

const demo = config({ platform: "process", demo: "true" });
const services = describeStack(demo, planner.surroundings(demo)).specs.map(serviceInfo);
const alerts = topics({ config: demo, services }).flatMap((topic) => topic.alerts);
const runbook = (alert: string) => readFileSync(join(import.meta.dirname, `../../docs/runbooks/${alert}.md`), "utf8");

/** A stack that runs, with these services. */
const runningWith = (...names: readonly string[]): RunningStack => ({
  stack: "lab",
  root: "/nowhere",
  supervisor: { socket: "/nowhere/socket" } as unknown as NonNullable<RunningStack["supervisor"]>,
  instances: names.map((service) => ({ service }) as unknown as RunningStack["instances"][0]),
});

describe("the drills", () => {
  it("are at least twelve, each with a name of its own", () => {
    expect(new Set(drills.map(({ name }) => name)).size).toBe(drills.length);
    expect(drills.length).toBeGreaterThanOrEqual(12);
  });

  it.each(drills.map((drill) => [drill.name, drill] as const))(
    "%s: breaks what the demo's stack has, and waits for an alert that is told",
    (_, { alert, about, breaks, within }) => {
      expect(services.map(({ name }) => name)).toContain(breaks);
      const found = alerts.filter(({ name, service }) => name === alert && (service === about || /\{\{/.test(service)));
      expect(found.length).toBeGreaterThan(0);
      if (alert !== "Watchdog") for (const { severity } of found) expect(severity).not.toBe("info");
      expect(within).toBeLessThanOrEqual(600);
    },
  );

  it.each(drills.flatMap(({ alert, cause, name }) => (cause === undefined ? [] : [[name, alert, cause] as const])))(
    "%s: its walk ends at a metric that the runbook names",
    (_, alert, cause) => {
      expect(checkExpression(cause.text)).toEqual([]);
      const named = seriesNames().filter((series) => new RegExp(`\\b${series}\\b`).test(cause.text));
      expect(named.some((series) => new RegExp(`\`${series}[\`{]`).test(runbook(alert)))).toBe(true);
    },
  );

  it.each(drills.filter(({ cause }) => cause !== undefined).map((drill) => [drill.name, drill] as const))(
    "%s: waits for a message whose every part is known",
    (_, drill) => {
      expect(alertOf(drill, alerts).name).toBe(drill.alert);
      expect(() => alertOf({ ...drill, about: "nobody", alert: "NoSuchAlert" }, alerts)).toThrow(/does not have/);
    },
  );

  it("say what a stack has not that they would break, before they touch anything", () => {
    for (const drill of drills)
      expect(() => needWhatItBreaks(drill, runningWith("demo-slack"))).toThrow(
        new RegExp(`^${drill.name}: the stack lab runs no ${drill.breaks} of its own .*\n {2}-> .*vitals:redis[^\n]*$`),
      );
  });

  it("report each fault, whether it was told in time, and the times of all", () => {
    const [first, second, third] = drills;
    if (first === undefined || second === undefined || third === undefined) throw new Error("There are three.");
    const results = [
      { drill: first, firedAfterMs: 40_000, resolvedAfterMs: 90_500, problems: [] },
      { drill: second, firedAfterMs: 121_000, resolvedAfterMs: 80_000, problems: [] },
      { drill: third, problems: [{ where: "x", what: "is not told", remedy: "Look." }] },
    ];
    expect(results.map(isLate)).toEqual([false, true, true]);
    const text = report(results);
    expect(text).toMatch(/^redis-down +RedisDown +40\.0 s +120 s +90\.5 s +reached$/m);
    expect(text).toMatch(/^vendor-down +IntegrationDown +none +180 s +none +see below$/m);
    expect(text).toContain("2 of 3 told; fault -> message: p50 40.0 s, p95 121.0 s");
    expect(text).toContain("hard down (3): p95 none (promised 120 s)");
    expect(report(results.slice(0, 2))).toContain("hard down (2): p95 121.0 s (promised 120 s)");
  });
});
