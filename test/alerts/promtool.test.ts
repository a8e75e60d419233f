// Every rule is accepted by promtool's strictest lint and proven by its unit tests; a broken rule fails them.
import { describe, expect, it } from "vitest";
import { inUnit, shownBy } from "../../alerts/finish.ts";
import { proofFiles, ruleFiles } from "../../alerts/index.ts";
import type { Unit } from "../../alerts/rule.ts";
import type { Tree } from "../../components/spec.ts";
import { inFolder, run, sample, toolPath } from "./tools.ts";

const promtool = toolPath("promtool") ?? "";
const skip = promtool === "" ? "skipped: promtool is not there; npm run tools -- get" : undefined;
const rules = ruleFiles(sample);
const proofs = proofFiles(sample);

describe.skipIf(skip !== undefined)(`promtool ${skip ?? ""}`, () => {
  it("has no complaint about any rule file, every lint on", { timeout: 60_000 }, async () => {
    const { code, output } = await inFolder(rules, (folder) =>
      run(promtool, ["check", "rules", "--lint=all", "--lint-fatal", ...Object.keys(rules)], folder),
    );
    expect(output.match(/SUCCESS/g)).toHaveLength(Object.keys(rules).length);
    expect(code).toBe(0);
  });

  it.each(Object.keys(proofs))("proves every alert of %s", { timeout: 300_000 }, async (file) => {
    const { code, output } = await inFolder({ ...rules, ...proofs }, (folder) =>
      run(promtool, ["test", "rules", file], folder),
    );
    expect(output).toMatch(/SUCCESS/);
    expect(code).toBe(0);
  });

  it("writes a value as a message writes its threshold", { timeout: 60_000 }, async () => {
    const numbers: Readonly<Record<Unit, readonly number[]>> = {
      number: [0, 1, 2.25, 100, 999.9, 1_000, 1_500_000_000, 0.05, 0.1333],
      count: [0, 1, 20, 999],
      ratio: [0, 0.005, 0.95, 0.1234567, 1.2],
      seconds: [0, 0.005, 0.2, 2, 59.5, 60, 90, 3_600, 86_400, 1_209_600],
      bytes: [0, 500, 1_024, 1_610_612_736, 10_737_418_240],
    };
    const cases = (Object.keys(numbers) as Unit[]).flatMap((unit) => numbers[unit].map((value) => ({ unit, value })));
    const files = {
      "shown.rules.yaml": {
        groups: [
          {
            name: "shown",
            rules: cases.map(({ unit, value }, index) => ({
              alert: `Shown${index}`,
              expr: `vector(${value})`,
              annotations: { value: `{{ $value | ${shownBy[unit].template} }}` },
            })),
          },
        ],
      },
      "shown.test.yaml": {
        rule_files: ["shown.rules.yaml"],
        tests: [
          {
            interval: "15s",
            alert_rule_test: cases.map(({ unit, value }, index) => ({
              eval_time: "1m",
              alertname: `Shown${index}`,
              exp_alerts: [{ exp_annotations: { value: inUnit(value, unit) } }],
            })),
          },
        ],
      },
    };
    const { code, output } = await inFolder(files, (folder) =>
      run(promtool, ["test", "rules", "shown.test.yaml"], folder),
    );
    expect(output).toMatch(/SUCCESS/);
    expect(code).toBe(0);
  });

  it.each([
    ["compares the other way round", "max by (database) (redis_up) == 0", "max by (database) (redis_up) != 0"],
    ["asks one exporter", "max by (database) (redis_up) == 0", "min by (database) (redis_up) == 0"],
    ["fires at once", "for: 30s", "for: 0s"],
    ["fires one evaluation later", "for: 30s", "for: 45s"],
    ["resolves at once", "keep_firing_for: 1m", "keep_firing_for: 0s"],
    ["wakes nobody", "severity: page", "severity: ticket"],
    ["says something else", "does not answer.", "is gone."],
  ])("fails when RedisDown %s", { timeout: 60_000 }, async (_what, from, to) => {
    const broken = JSON.parse(JSON.stringify(rules["databases.rules.yaml"])) as {
      groups: { rules: Record<string, unknown>[] }[];
    };
    const [field = "", value = ""] = /^\w+: /.test(from) ? from.split(": ") : ["", from];
    const target = to.slice(field === "" ? 0 : field.length + 2);
    const rule = broken.groups[0]?.rules.find(({ alert }) => alert === "RedisDown") as Record<
      string,
      Record<string, string> | string
    >;
    const before = JSON.stringify(rule);
    for (const [key, each] of Object.entries(rule)) {
      if (typeof each === "string" && (field === "" || field === key)) rule[key] = each.replace(value, target);
      else if (typeof each !== "string")
        for (const [inner, text] of Object.entries(each))
          if (typeof text === "string" && (field === "" || field === inner)) each[inner] = text.replace(value, target);
    }
    expect(JSON.stringify(rule)).not.toBe(before);
    const { code, output } = await inFolder(
      { ...proofs, "databases.rules.yaml": broken as unknown as Tree },
      (folder) => run(promtool, ["test", "rules", "databases.test.yaml"], folder),
    );
    expect(output).toMatch(/FAILED/);
    expect(output).toMatch(/RedisDown/);
    expect(code).toBe(1);
  });
});
