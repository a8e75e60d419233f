// What pint looks for in alert rules: nothing is found but the exceptions that are argued here.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ruleFiles } from "../../alerts/index.ts";
import type { Tree } from "../../components/spec.ts";
import { inFolder, run, sample, toolPath } from "./tools.ts";

/** "alert: check" -> why it is right. A `*` holds for every alert. */
const exceptions: Readonly<Record<string, string>> = {
  "Watchdog: alerts/comparison": "It fires always: its silence is what means trouble.",
  "*: alerts/for": "Every rule says its time, also where it is none: what is written is what holds.",
};

const required = (kind: "annotation" | "label", name: string, value = ".+") =>
  `  ${kind} "${name}" {\n    required = true\n    severity = "bug"\n    value = "${value}"\n  }\n`;

const settings = `parser {
  include = [".+[.]rules[.]yaml"]
}
rule {
  match {
    kind = "alerting"
  }
${required("label", "severity", "page|ticket|info")}${required("label", "owner")}${required("label", "service")}
${required("annotation", "summary")}${required("annotation", "action")}${required("annotation", "runbook_url")}
}
`;

const pint = toolPath("pint") ?? "";
const skip = pint === "" ? "skipped: pint is not there; npm run tools -- get --tests" : undefined;
const rules = ruleFiles(sample);

/** Every finding as "alert: check". */
const findings = (files: Readonly<Record<string, Tree>>): Promise<readonly string[]> =>
  inFolder(files, async (folder) => {
    await writeFile(join(folder, "pint.hcl"), settings);
    const { output } = await run(
      pint,
      [
        "--no-color",
        "--offline",
        "--config",
        "pint.hcl",
        "lint",
        "--min-severity",
        "info",
        "--json",
        "found.json",
        ".",
      ],
      folder,
    );
    const count = Object.values(files).flatMap(
      (file) => JSON.stringify(file).match(/"(?:alert|record)":/g) ?? [],
    ).length;
    expect(output).toContain(`entries=${count} `);
    const found = JSON.parse(await readFile(join(folder, "found.json"), "utf8")) as readonly {
      readonly path: string;
      readonly reporter: string;
      readonly lines: readonly number[];
    }[];
    return Promise.all(
      found.map(async ({ path, reporter, lines }) => {
        const above = (await readFile(join(folder, path), "utf8")).split("\n").slice(0, lines[0]).join("\n");
        return `${[...above.matchAll(/- alert: (\w+)/g)].at(-1)?.[1]}: ${reporter}`;
      }),
    );
  });

const excuse = (finding: string): string | undefined =>
  [finding, finding.replace(/^\w+/, "*")].find((key) => key in exceptions);

const unexcused = (found: readonly string[]): readonly string[] => found.filter((each) => excuse(each) === undefined);

describe.skipIf(skip !== undefined)(`pint ${skip ?? ""}`, () => {
  it("finds nothing but what is argued, and still finds all of that", async () => {
    const found = await findings(rules);
    expect(unexcused(found)).toEqual([]);
    expect(new Set(found.map(excuse))).toEqual(new Set(Object.keys(exceptions)));
  });

  it.each([
    ["fires always", "max by (database) (redis_up) == 0", "max by (database) (redis_up)", "alerts/comparison"],
    ["reads a label that was aggregated away", "$labels.database", "$labels.instance", "alerts/template"],
    ["has a severity that nobody routes", "severity: page", "severity: critical", "rule/label"],
  ])("notices when RedisDown %s", async (_what, from, to, check) => {
    const [field = "", value = ""] = from.split(": ");
    const swap = from.includes(": ")
      ? ([`"${field}":"${value}"`, `"${field}":"${to.slice(field.length + 2)}"`] as const)
      : ([from, to] as const);
    const file = "databases.rules.yaml";
    const text = JSON.stringify(rules[file]);
    const broken = text.replaceAll(...swap);
    expect(broken).not.toBe(text);
    expect(unexcused(await findings({ ...rules, [file]: JSON.parse(broken) as Tree }))).toContain(
      `RedisDown: ${check}`,
    );
  });
});
