// `npm run rules`: the files, what an environment changes, and each alert's message as it will look.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { topics } from "../../alerts/index.ts";
import { stackAlerts } from "../../tools/rules/input.ts";
import { toolPath } from "./tools.ts";

const command = resolve(import.meta.dirname, "../../tools/commands/rules.ts");
const skip = toolPath("amtool") === undefined ? "skipped: amtool is not there; npm run tools -- get" : undefined;

async function rules(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [command, ...args]);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

describe("npm run rules", () => {
  let folder = "";
  const settings = (text: string): string => {
    const path = join(folder, "Pulumi.test.yaml");
    writeFileSync(path, text);
    return path;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "vitals-rules-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("writes a rule file and a test file for each topic", async () => {
    const { code, text } = await rules("--out", join(folder, "out"));
    expect(code).toBe(0);
    const files = readdirSync(join(folder, "out"));
    expect(text).toBe(`${files.length} files in ${join(folder, "out")}\n`);
    expect(files).toEqual(expect.arrayContaining(["databases.rules.yaml", "databases.test.yaml"]));
  });

  it("tells what a stack changes of the alerts, field by field", async () => {
    const path = settings(`config:
  vitals:alertOverrides:
    DiskFilling: { threshold: 0.2, severity: page }
    PostgresDown: { enabled: false }
    RedisDown: { labels: { team: data } }
`);
    const { code, text } = await rules("--diff", "--stack", "test", "--settings", path);
    expect(code).toBe(0);
    expect(text.trimEnd().split("\n")).toEqual([
      "ALERT         FIELD        STANDARD  TEST",
      "RedisDown     labels.team  –         data",
      "PostgresDown  enabled      true      false",
      "DiskFilling   threshold    10%       20%",
      "DiskFilling   severity     ticket    page",
    ]);
    expect(await rules("--diff", "--stack", "test", "--settings", settings("config: {}\n"))).toEqual({
      code: 0,
      text: "test changes nothing: every alert is as it is written.\n",
    });
  });

  it("refuses an override that cannot be, and wrong usage", async () => {
    const path = settings("config:\n  vitals:alertOverrides:\n    RedisDwn: { threshold: 2 }\n");
    const refused = await rules("--diff", "--stack", "test", "--settings", path);
    expect(refused.code).toBe(1);
    expect(refused.text).toContain("Did you mean RedisDown?");
    for (const args of [[], ["--diff", "--preview"], ["--post", "--diff"]]) expect((await rules(...args)).code).toBe(2);
  });

  it.skipIf(skip !== undefined)(`shows the message of every alert ${skip ?? ""}`, async () => {
    const { code, text } = await rules("--preview");
    expect(code).toBe(0);
    const names = new Set(topics((await stackAlerts()).input).flatMap(({ alerts }) => alerts.map(({ name }) => name)));
    for (const name of names) expect(text).toMatch(new RegExp(`^▌ \\[\\w+\\] ${name} \\S`, "m"));
    expect(text).toContain(`${names.size} messages.`);
    expect(text).toContain("Alerts lost: 25% (fires above 1%), since 2");
    expect(text).toContain("Misses: 80% (fires above 50%), since 2");
    expect(text).not.toMatch(/\{\{|\}\}|<no value>|\[object|undefined/);
  });
});
