// Every small fault of every alert is noticed by its proofs: all mutants in one run of promtool, which tells failures from errors.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { finish } from "../../alerts/finish.ts";
import { type AlertInput, topics } from "../../alerts/index.ts";
import { type Mutant, mutantsOf, staleEquivalents } from "../../alerts/mutants.ts";
import { singleRuleFile, testFile } from "../../alerts/proofs.ts";
import type { Alert } from "../../alerts/rule.ts";
import type { Tree } from "../../components/spec.ts";
import type { Duration } from "../../components/units.ts";
import { billing, config, inFolder, run, toolPath } from "./tools.ts";

const promtool = toolPath("promtool") ?? "";
const skip = promtool === "" ? "skipped: promtool is not there; npm run tools -- get" : undefined;
/** `VITALS_PROVE=1` runs every mutant; else the four windows of one family are one window, and of the largest topics a sample. */
const full = process.env.VITALS_PROVE !== undefined;
/** Fewer of objectives, whose proofs are of hours. */
const sampled = (topic: string): number => (topic.startsWith("slo-") ? 12 : 24);
const large = /^(?:slo-.*|postgres|redis|cache|gateway|monitoring|integration-trouble)$/;
const seed = 20_241;
/** So many to a run of promtool, which a busy machine must not have to end: the proofs of objectives are of hours and days. */
const atOnce = (topic: string): number => (topic.startsWith("slo-") ? 4 : 60);

/** One service and one objective: the members of a family differ in names only. */
const input: AlertInput = {
  config: config({ services: [billing] }),
  services: [
    { name: "prometheus", owner: "platform", hasMetrics: true },
    { name: "redis", owner: "platform", hasMetrics: false },
    { name: "prometheus-backup", owner: "platform", hasMetrics: false, ends: true, backsUp: "prometheus" },
  ],
};
const families = topics(input)
  .filter(({ name }) => full || !name.startsWith("slo-") || name === "slo-1h")
  .map(({ name, alerts, step = "15s" as const }) => ({ name, alerts: first(alerts), step }));

describe.skipIf(skip !== undefined)(`mutants ${skip ?? ""}`, () => {
  it.each(families.map(({ name, alerts, step }, index) => [name, alerts, step, index + 1] as const))(
    "of %s are all noticed",
    { timeout: full ? 3_600_000 : 600_000 },
    async (topic, alerts, step, turn) => {
      const every = alerts.flatMap((alert) => mutantsOf(alert, step).map((mutant) => ({ original: alert, mutant })));
      const chosen = full || !large.test(topic) ? every : draw(every, sampled(topic));
      // Proofs that the alert itself does not pass would seem to notice every mutant.
      const unproven = await judgeAll(alerts.map(asWritten), step, atOnce(topic));
      expect(alerts.filter((_, index) => unproven[index] !== "survived").map(({ name }) => name)).toEqual([]);
      const verdicts = await judgeAll(chosen, step, atOnce(topic));
      const lines = (state: Verdict) =>
        chosen
          .filter((_, index) => verdicts[index] === state)
          .map(({ original, mutant }) => `${original.name}: ${mutant.id}`);
      process.stdout.write(
        `${topic}: ${lines("killed").length} of ${chosen.length} mutants noticed (${every.length} in all, seed ${seed}; topic ${turn} of ${families.length})\n`,
      );
      expect({ broken: lines("broken"), survived: lines("survived") }).toEqual({ broken: [], survived: [] });
      expect(chosen.length).toBeGreaterThan(5);
    },
  );

  it("would be told from an alert that is as it was written", { timeout: 60_000 }, async () => {
    const [family] = families;
    const [original] = family?.alerts ?? [];
    if (family === undefined || original === undefined) throw new Error("there is no alert");
    expect(await judge([asWritten(original)], family.step)).toEqual(["survived"]);
    const unreadable = { ...original, expr: { ...original.expr, text: "up ==" } };
    expect(await judge([{ original, mutant: { id: "bad", alert: unreadable } }], family.step)).toEqual(["broken"]);
  });

  it("that are declared equivalent still exist", () => {
    for (const { alerts, step } of families)
      for (const alert of alerts) expect(staleEquivalents(alert, step)).toEqual([]);
  });
});

type Verdict = "killed" | "survived" | "broken";
interface Case {
  readonly original: Alert;
  readonly mutant: Mutant;
}

const asWritten = (original: Alert): Case => ({ original, mutant: { id: "none", alert: original } });

/** In runs of promtool of so many each. */
async function judgeAll(cases: readonly Case[], step: Duration, many: number): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (let from = 0; from < cases.length; from += many)
    verdicts.push(...(await judge(cases.slice(from, from + many), step)));
  return verdicts;
}

/** Each mutant as a rule file with the proofs of the alert it was made from. */
async function judge(cases: readonly Case[], step: Duration): Promise<readonly Verdict[]> {
  const files: Record<string, Tree> = {};
  for (const [index, { original, mutant }] of cases.entries()) {
    files[`${index}.rules.yaml`] = singleRuleFile(finish(mutant.alert, {}));
    files[`${index}.test.yaml`] = testFile(`${index}.rules.yaml`, [finish(original, {})], step);
  }
  const tests = cases.map((_, index) => `${index}.test.yaml`);
  return inFolder(files, async (folder) => {
    // A rule that cannot be loaded is reported as a failure too, so it is asked first.
    const loaded = await run(
      promtool,
      ["check", "rules", "--lint=none", ...Object.keys(files).filter((name) => name.includes("rules"))],
      folder,
    );
    await run(promtool, ["test", "rules", "--junit=out.xml", ...tests], folder);
    const report = await readFile(join(folder, "out.xml"), "utf8");
    return tests.map((name, index) =>
      new RegExp(`Checking ${index}\\.rules\\.yaml\\s+SUCCESS`).test(loaded.output)
        ? verdictOf(report, name)
        : "broken",
    );
  });
}

function verdictOf(report: string, name: string): Verdict {
  const suite = new RegExp(`<testsuite name="${name.replaceAll(".", "\\.")}"[\\s\\S]*?(?:</testsuite>|/>)`).exec(
    report,
  )?.[0];
  if (suite === undefined) throw new Error(`promtool did not report on ${name}`);
  return suite.includes("<error") ? "broken" : suite.includes("<failure") ? "killed" : "survived";
}

/** The first of each name. */
function first(alerts: readonly Alert[]): readonly Alert[] {
  return alerts.filter(({ name }, index) => alerts.findIndex((other) => other.name === name) === index);
}

/** The same few of many on every run with the same seed. */
function draw<T>(items: readonly T[], count: number): readonly T[] {
  let state = seed;
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  return items
    .map((item) => ({ item, order: next() }))
    .toSorted((left, right) => left.order - right.order)
    .slice(0, count)
    .map(({ item }) => item);
}
