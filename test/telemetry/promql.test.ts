// Queries as the compiler and the checker see them. The refusals of the compiler stand in promql.types.ts.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { backup } from "../../telemetry/catalogue/backup.ts";
import { cache } from "../../telemetry/catalogue/cache.ts";
import { demo } from "../../telemetry/catalogue/demo.ts";
import { exporter } from "../../telemetry/catalogue/exporter.ts";
import { gateway } from "../../telemetry/catalogue/gateway.ts";
import { http } from "../../telemetry/catalogue/http.ts";
import { rows, seriesNames } from "../../telemetry/catalogue/index.ts";
import { integrations } from "../../telemetry/catalogue/integrations.ts";
import { jaeger } from "../../telemetry/catalogue/jaeger.ts";
import { outgoing } from "../../telemetry/catalogue/outgoing.ts";
import { postgres } from "../../telemetry/catalogue/postgres.ts";
import { recorded } from "../../telemetry/catalogue/recorded.ts";
import { redis } from "../../telemetry/catalogue/redis.ts";
import { relay } from "../../telemetry/catalogue/relay.ts";
import { processRows, runtime } from "../../telemetry/catalogue/runtime.ts";
import { supervisor } from "../../telemetry/catalogue/supervisor.ts";
import { thirdParty } from "../../telemetry/catalogue/third-party.ts";
import { tracing } from "../../telemetry/catalogue/tracing.ts";
import { vitals } from "../../telemetry/catalogue/vitals.ts";
import { agg, promql, rate, sel } from "../../telemetry/promql.ts";
import { checkExpression, labelsOfExpression } from "../../telemetry/promql-check.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

describe("a query's text", () => {
  it("carries every kind of matcher, quoted", () => {
    expect(sel("up", { job: 'a"b', instance: ["x.1", "y"] }).text).toBe('up{job="a\\"b", instance=~"x\\\\.1|y"}');
    expect(sel("up", { job: { not: "a" }, instance: { not: ["x", "y"] } }).text).toBe('up{job!="a", instance!~"x|y"}');
    expect(sel("up", { job: { matches: "a.*" }, instance: { differs: "b.*" } }).text).toBe(
      'up{job=~"a.*", instance!~"b.*"}',
    );
    expect(rate("http_requests_total", "1h30m", { job: "web" }).text).toBe(
      'rate(http_requests_total{job="web"}[1h30m])',
    );
  });

  it("keeps the meaning of a part that is itself an expression", () => {
    const sum = promql`${sel("up", { job: "a" })} + ${1}`;
    expect(promql`${sum} * ${2}`.text).toBe('(up{job="a"} + 1) * 2');
    expect(promql`abs(${sum})`.text).toBe('abs(up{job="a"} + 1)');
    expect(agg("sum", sum, "job").text).toBe('sum by (job) (up{job="a"} + 1)');
    expect(promql`${sum} * ${sum}`.labels).toEqual(["job", "instance"]);
  });
});

describe("the compiler", () => {
  it("refuses every query of promql.types.ts that is marked as wrong", { timeout: 60_000 }, () => {
    expect(diagnose()).toEqual([]);
  });

  it.each([
    [
      "labels",
      "export type Where<S extends Series> =",
      "export type Where<S extends Series> = Readonly<Record<string, Matcher>>; type Was<S extends Series> =",
    ],
    ["values", "type ValueOf<Listed> =", "type ValueOf<Listed> = string; type WasValue<Listed> ="],
    ["counters", "export type CounterSeries =", "export type CounterSeries = Series; type WasCounter ="],
    ["by", "...by: B", "...by: readonly string[]"],
  ])("would notice if the types let wrong %s pass", { timeout: 60_000 }, (_what, from, to) => {
    expect(
      diagnose((text) => text.replace(from, to)).some((message) => message.includes("Unused '@ts-expect-error'")),
    ).toBe(true);
  });
});

describe("a metric with another name in the catalogue", () => {
  it.each([
    ["integration_up", "integrations"],
    ["redis_up", "redis"],
  ])("breaks the build wherever %s is used", { timeout: 120_000 }, (metric, catalogue) => {
    const quoted = new RegExp(`(?<![\\w.])"${metric}"`);
    const using = ["alerts", "dashboards", "exporters", "components"].flatMap((folder) =>
      readdirSync(path(`../../${folder}`), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .map((name) => path(`../../${folder}/${name}`))
        .filter((name) => quoted.test(readFileSync(name, "utf8"))),
    );
    expect(using.length).toBeGreaterThan(1);
    const renamed = (text: string): string => text.replace(`  ${metric}: {`, `  ${metric}_renamed: {`);
    const broken = compiled(using, path(`../../telemetry/catalogue/${catalogue}.ts`), renamed);
    expect([...new Set(broken.map(({ file }) => file))].toSorted()).toEqual(using.toSorted());
  });
});

describe("the catalogue", () => {
  it("has no metric in two files, except what our own services show of what any service may show", () => {
    const services = [relay, backup, cache, runtime, http, outgoing, tracing, demo, gateway];
    const parts = [
      integrations,
      postgres,
      redis,
      exporter,
      supervisor,
      ...services,
      vitals,
      thirdParty,
      jaeger,
      recorded,
    ].map((part) =>
      // Exporters say the same of their process as services do.
      Object.keys(part).filter((name) => part !== exporter || !(name in processRows)),
    );
    const shared = Object.keys(http).filter((name) => name in vitals);
    expect(shared).toEqual(["http_requests_total", "http_request_duration_seconds"]);
    expect(parts.flat().toSorted()).toEqual([...Object.keys(rows), ...shared].toSorted());
    for (const name of ["http_requests_total", "http_request_duration_seconds"] as const) {
      expect(vitals[name].kind).toBe(http[name].kind);
      expect(Object.keys(vitals[name].labels)).toEqual(expect.arrayContaining(Object.keys(http[name].labels)));
    }
  });

  it("has names for every series of a histogram and none for the histogram itself", () => {
    expect(seriesNames()).toContain("http_request_duration_seconds_bucket");
    expect(seriesNames()).not.toContain("http_request_duration_seconds");
  });
});

describe("checkExpression", () => {
  it.each([
    ["up ==", /is not PromQL at/],
    ["upp == 0", /selects upp, which no row/],
    ['{job="a"}', /selector without a metric's name/],
    ['up{servce="a"}', /up has no label servce/],
    ['alertmanager_alerts{state="sleeping"}', /can never match/],
    ['alertmanager_alerts{state=~"sleep.*"}', /can never match/],
    ["sum by (service) (up)", /groups by service/],
    ["sum by (instance) (sum by (job) (up))", /groups by instance/],
    ["rate(up[5m])", /rate\(\) of the gauge up/],
    ["deriv(http_requests_total[5m])", /deriv\(\) of the counter/],
    ["histogram_quantile(0.9, rate(http_request_duration_seconds_sum[5m]))", /without le/],
    ["sum(up) / up", /its sides never match/],
    ["up * on (database) redis_up", /matches on database, which the left side does not have/],
    ["http_request_duration_seconds", /which no row/],
    ["", /is empty|is not PromQL/],
  ])("refuses %s", (query, expected) => {
    expect(
      checkExpression(query)
        .map(({ what }) => what)
        .join("\n"),
    ).toMatch(expected);
  });

  it.each([
    ["up == 0", ["job", "instance"]],
    ['absent(up{job="a", instance!="b"})', ["job"]],
    ["sum without (instance) (up)", ["job"]],
    ["redis_up * on (instance) group_left (job) up", ["database", "instance", "job"]],
    ["redis_up and on (instance) up", ["database", "instance", "job"]],
    ["redis_up * ignoring (database) group_left up", ["database", "instance", "job"]],
    [
      "histogram_quantile(0.9, sum by (le, job) (rate(http_request_duration_seconds_bucket[$__rate_interval])))",
      ["job"],
    ],
    ['label_replace(up, "service", "$1", "job", "(.*)")', ["instance", "job", "service"]],
    ['topk(3, up{job=~"$job"} offset 5m)', ["instance", "job"]],
    ["max_over_time(sum by (job) (up)[10m:1m])", ["job"]],
    ["-sum(up) + 1", []],
    ["vector(1)", []],
    ['alertmanager_alerts{state=~"act.*|unp.*"}', ["instance", "job", "state"]],
    ["sum by (job) (up) or count by (instance) (up)", ["instance", "job"]],
  ])("accepts %s and knows its labels", (query, labels) => {
    expect(checkExpression(query)).toEqual([]);
    expect([...labelsOfExpression(query)].toSorted()).toEqual(labels.toSorted());
  });

  it("says the remedy", () => {
    expect(checkExpression("redis_upp")[0]?.remedy).toBe("Did you mean redis_up?");
  });
});

/** What the compiler says of promql.types.ts, with promql.ts changed as told. */
const diagnose = (change?: (text: string) => string): readonly string[] =>
  compiled(["promql.types.ts"].map(path), path("../../telemetry/promql.ts"), change).map(({ text }) => text);

interface Complaint {
  readonly file: string;
  readonly text: string;
}

/** What the compiler says of the files, once the text of another is changed. */
function compiled(
  files: readonly string[],
  target: string,
  change: (text: string) => string = (text) => text,
): readonly Complaint[] {
  const { config } = ts.readConfigFile(path("../../tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, path("../.."));
  const host = ts.createCompilerHost(options);
  const original = readFileSync(target, "utf8");
  const changed = change(original);
  const readSource = host.getSourceFile;
  host.getSourceFile = (name, version, ...rest) =>
    name === target ? ts.createSourceFile(name, changed, version) : readSource(name, version, ...rest);
  const program = ts.createProgram(files, options, host);
  return files.flatMap((file) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(file))
      .map(({ messageText }) => ({ file, text: ts.flattenDiagnosticMessageText(messageText, "\n") })),
  );
}
