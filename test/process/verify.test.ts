// A configuration is put to the programs' own checks as it will lie on disk, and what they refuse is told whole.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StackError } from "../../components/errors.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { type Draft, verify, whatIsWrong } from "../../components/platforms/process/verify.ts";
import { type Path, secret } from "../../components/spec.ts";
import { findTool } from "../../tools/resolve.ts";

const missing = ["promtool", "amtool"].filter((tool) => findTool(tool) === undefined);
const skipped = missing.length === 0 ? "" : `skipped: ${missing.join(", ")} is not there; npm run tools -- get`;

describe.skipIf(skipped !== "")(`the programs' own checks ${skipped}`, () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "vitals-verify-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const real = (instance: string, path: Path) => layout(root).file(instance, path);
  const draft = (
    instance: string,
    tool: string,
    args: readonly string[],
    texts: Readonly<Record<Path, string>>,
  ): Draft => ({
    instance,
    version: "1",
    files: Object.entries(texts).map(([path, text]) => ({
      path: real(instance, path as Path),
      content: { text },
      apply: "restart",
      seed: false,
    })),
    secretFiles: [],
    verify: [{ tool, args: [...args, real(instance, Object.keys(texts)[0] as Path)] }],
  });
  const prometheus = (rules: Readonly<Record<Path, string>>) =>
    draft("prometheus-0", "promtool", ["check", "config"], {
      "/etc/prometheus.yml": `rule_files: ["${real("prometheus-0", "/etc/rules/")}*.yaml"]\n`,
      ...rules,
    });
  const alertmanager = (receiver: string) =>
    draft("alertmanager-0", "amtool", ["check-config"], {
      "/etc/alertmanager.yml": `route: { receiver: ${receiver} }\nreceivers: [{ name: people }]\n`,
    });
  const rule = (expr: string) => `groups: [{ name: x, rules: [{ alert: Some, expr: "${expr}" }] }]\n`;
  const refusal = async (drafts: readonly Draft[], secrets: Readonly<Record<string, string>> = {}): Promise<string> => {
    try {
      await verify(root, drafts, secrets);
    } catch (error) {
      if (error instanceof StackError) return error.message;
      throw error;
    }
    return "";
  };

  it("say yes to what is right, and leave nothing behind", async () => {
    expect(await refusal([prometheus({ "/etc/rules/a.yaml": rule("up") }), alertmanager("people")])).toBe("");
    expect(existsSync(layout(root).stageDir("prometheus-0"))).toBe(false);
    expect(existsSync(real("prometheus-0", "/etc/prometheus.yml"))).toBe(false);
  });

  it("refuse in several programs and files at once, and only what is wrong is told", async () => {
    const rules = {
      "/etc/rules/a.yaml": rule("sum(up"),
      "/etc/rules/b.yaml": rule("up"),
      "/etc/rules/c.yaml": rule("up)"),
    } as const;
    const text = await refusal([prometheus(rules), alertmanager("nobody")]);
    expect(text).toMatch(
      /^prometheus-0: promtool refuses the new configuration:\n {4}FAILED:\n {2}\/etc\/rules\/a\.yaml: /,
    );
    expect(text).toMatch(/a\.yaml: .*unclosed left parenthesis/);
    expect(text).toMatch(/c\.yaml: .*unexpected right parenthesis/);
    expect(text).toMatch(/\nalertmanager-0: amtool refuses the new configuration:\n.*undefined receiver "nobody"/);
    expect(text).not.toMatch(/SUCCESS|b\.yaml|Checking \//);
    expect(text).not.toContain(root);
    expect(existsSync(layout(root).stageDir("prometheus-0"))).toBe(false);
  });

  it("see secrets in their places, and what they say of them is told without them", async () => {
    const url = "CANARY no url";
    const planned = alertmanager("people");
    const sealed: Draft = {
      ...planned,
      files: planned.files.map((each) => ({
        ...each,
        content: {
          format: "yaml",
          sealed: {
            global: { resolve_timeout: secret("word", "text") },
            route: { receiver: "people" },
            receivers: [{ name: "people" }],
          },
        },
      })),
    };
    expect(await refusal([sealed], { word: "5m" })).toBe("");
    const text = await refusal([sealed], { word: url });
    expect(text).toContain("amtool refuses the new configuration");
    expect(text).toContain("***");
    expect(text).not.toContain("CANARY");
  });
});

describe("what a check says", () => {
  it("is cut down to what is wrong", () => {
    expect(
      whatIsWrong(
        "Checking /etc/p.yml\n  SUCCESS: 3 rule files found\n\nChecking /etc/a.yaml\n  FAILED:\n/etc/a.yaml: wrong\n",
      ),
    ).toEqual(["  FAILED:", "/etc/a.yaml: wrong"]);
    expect(whatIsWrong("Checking '/etc/am.yml'  FAILED: undefined receiver\n")).toEqual([
      "Checking '/etc/am.yml'  FAILED: undefined receiver",
    ]);
  });
});
