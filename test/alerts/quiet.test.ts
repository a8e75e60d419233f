// Days on which nothing is wrong, with all the noise of real ones, and two with an incident: the rules page for the incidents alone.
import { describe, expect, it } from "vitest";
import { ruleFiles, topics } from "../../alerts/index.ts";
import { recordings } from "../../alerts/recorded.ts";
import { planner } from "../../components/platforms/process/platform.ts";
import type { Tree } from "../../components/spec.ts";
import { describe as describeStack, serviceInfo } from "../../components/stack.ts";
import { seriesNames } from "../../telemetry/catalogue/index.ts";
import type { Level } from "./quiet/courses.ts";
import { type Day, day, notation, stepSeconds } from "./quiet/day.ts";
import { levels, valuesOf } from "./quiet/levels.ts";
import { config, inFolder, run, toolPath } from "./tools.ts";

const promtool = toolPath("promtool") ?? "";
const skip = promtool === "" ? "skipped: promtool is not there; npm run tools -- get" : undefined;
const full = process.env.VITALS_PROVE !== undefined;
/** A month; else two hours with an incident and a deploy, and two without. */
const days = full ? Array.from({ length: 30 }, (_, index) => index + 1) : [9, 10];
const hours = full ? 24 : 2;

const demo = config({
  platform: "process",
  demo: "true",
  services: [
    { name: "clinical-service", owner: "clinic", metrics: { address: "127.0.0.1:1" }, slo: { availability: 0.99 } },
  ],
});
const services = describeStack(config({ platform: "process", demo: "true" }), planner.surroundings(demo)).specs.map(
  serviceInfo,
);
const jobs = services.filter(({ hasMetrics }) => hasMetrics).map(({ name }) => name);
const input = { config: demo, services };
/** Without the objectives' windows of a day and more, which no day can fill; they wake nobody. */
const rules = Object.fromEntries(Object.entries(ruleFiles(input)).filter(([name]) => !/^slo-\dd/.test(name)));

/** From an hour of the day on, for so many minutes, series with these labels have this value. */
interface Incident {
  readonly series: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
interface Planted {
  readonly page: string;
  readonly hour: number;
  readonly minutes: number;
  readonly changes: readonly Incident[];
}
const planted: Readonly<Record<number, Planted>> = {
  9: {
    page: "RedisDown redis",
    hour: 1,
    minutes: 10,
    changes: [{ series: "redis_up", labels: { database: "redis" }, value: 0 }],
  },
  21: {
    page: "IntegrationDown eligibility",
    hour: 11,
    minutes: 30,
    changes: [
      { series: "integration_up", labels: { integration: "eligibility" }, value: 0 },
      { series: "integration_status", labels: { integration: "eligibility", status: "healthy" }, value: 0 },
      { series: "integration_status", labels: { integration: "eligibility", status: "unhealthy" }, value: 1 },
    ],
  },
};

/** Milliseconds for all of them, which a busy machine may spend on a single one. */
const patience = full ? 3_600_000 : 60_000;
const firing = 'ALERTS{alertstate="firing", alertname!="Watchdog", severity!="info"}';

/** What fired on a day: `RedisDown redis`, by severity. The expectation is that nothing did; promtool tells what did instead. */
async function firedOn(
  number: number,
): Promise<{ readonly page: readonly string[]; readonly ticket: readonly string[] }> {
  const given = day(number, jobs, hours);
  const test = {
    rule_files: Object.keys(rules),
    evaluation_interval: `${stepSeconds}s`,
    tests: [
      {
        interval: `${stepSeconds}s`,
        input_series: seriesOf(given, planted[number]),
        promql_expr_test: [
          {
            expr: `group by (alertname, service, severity) (max_over_time(${firing}[${hours}h]))`,
            eval_time: `${hours}h`,
            exp_samples: [],
          },
        ],
      },
    ],
  };
  const { code, output } = await inFolder({ ...rules, "day.test.yaml": test }, (folder) =>
    run(promtool, ["test", "rules", "day.test.yaml"], folder, patience),
  );
  const found = [...output.matchAll(/alertname="(\w+)", service="([^"]+)", severity="(\w+)"/g)];
  if (code !== 0 && found.length === 0) throw new Error(output.slice(-4_000));
  const of = (wanted: string) =>
    found.flatMap(([, alert, service, severity]) => (severity === wanted ? [`${alert} ${service}`] : [])).toSorted();
  return { page: of("page"), ticket: of("ticket") };
}

function seriesOf(given: Day, incident: Planted | undefined): Tree[] {
  const ups = jobs.map((job) => ({
    series: selected("up", { job, instance: `${job}-0` }),
    values: notation(given.of(job).map(({ answered }) => (answered ? 1 : 0))),
  }));
  const others = (Object.entries(levels) as [string, Level][]).flatMap(([name, level]) =>
    level.jobs.flatMap((job) =>
      (level.labels ?? [{}]).map((labels) => ({
        series: selected(name, { ...labels, job, instance: `${job}-0` }),
        values: notation(struck(valuesOf(name, level, job, labels, given), name, labels, incident)),
      })),
    ),
  );
  return [...ups, ...others];
}

function struck(
  values: readonly (number | undefined)[],
  series: string,
  labels: Readonly<Record<string, string>>,
  incident: Planted | undefined,
): readonly (number | undefined)[] {
  const change = incident?.changes.find(
    (each) => each.series === series && Object.entries(each.labels).every(([name, value]) => labels[name] === value),
  );
  if (incident === undefined || change === undefined) return values;
  const from = (incident.hour * 3_600) / stepSeconds;
  const until = from + (incident.minutes * 60) / stepSeconds;
  return values.map((value, tick) => (value !== undefined && tick >= from && tick < until ? change.value : value));
}

const selected = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`;

describe.skipIf(skip !== undefined)(`quiet days ${skip ?? ""}`, () => {
  it("have everything that an alert looks at", () => {
    const asked = topics(input).flatMap(({ alerts }) => alerts.map(({ expr }) => expr.text));
    // What is recorded for panels alone tells nobody anything.
    const known = Object.values(recordings).flatMap(({ all }) => all);
    const recorded = known.filter(({ record }) => asked.some((text) => text.includes(record)));
    const expressions = [...asked, ...recorded.map(({ expr }) => expr.text)];
    const used = seriesNames().filter((name) => expressions.some((text) => new RegExp(`\\b${name}\\b`).test(text)));
    const made: readonly string[] = recorded.map(({ record }) => record);
    expect(used.filter((name) => !(name in levels) && !made.includes(name))).toEqual([]);
  });

  it(
    full ? "of a month page for two incidents and nothing else" : "page for an incident and nothing else",
    async () => {
      const fired = new Map<number, Awaited<ReturnType<typeof firedOn>>>();
      for (const number of days) {
        const begun = performance.now();
        fired.set(number, await firedOn(number));
        if (full) process.stdout.write(`day ${number}: ${((performance.now() - begun) / 1_000).toFixed(0)} s\n`);
      }
      const tickets = [...fired].flatMap(([number, { ticket }]) => ticket.map((each) => `day ${number}: ${each}`));
      console.log(
        `${days.length} days of ${hours} hours: ${tickets.length} tickets${tickets.map((each) => `\n  ${each}`).join("")}`,
      );
      const pages = [...fired].flatMap(([number, { page }]) => page.map((each) => `day ${number}: ${each}`));
      const expected = days.flatMap((number) => (number in planted ? [`day ${number}: ${planted[number]?.page}`] : []));
      expect(pages).toEqual(expected);
    },
    patience,
  );
});
