// A command that is called wrongly does nothing but say so: a word too many must not end the wrong stack.
import { spawnSync } from "node:child_process";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const commands = join(import.meta.dirname, "../../tools/commands");
const call = (name: string, ...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(commands, `${name}.ts`), ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};

/** These hand what they do not know to a program, which refuses it itself. */
const handOn = ["exporter", "prove", "pulumi", "test"];
const strict = readdirSync(commands)
  .map((file) => file.replace(/\.ts$/, ""))
  .filter((name) => !handOn.includes(name));

describe("usage", () => {
  it.each(strict)("%s refuses an option that it does not have, with its help text", (name) => {
    const { status, stdout, stderr } = call(name, "--nope");
    expect(stderr).toMatch(/^Unknown option '--nope'.*\n\nnpm /);
    expect(stdout).toBe("");
    expect(status).toBe(2);
  });

  it.each(strict)("%s explains itself", (name) => {
    for (const asked of ["--help", "-h"]) {
      const { status, stdout } = call(name, asked);
      expect(stdout).toMatch(/^npm /);
      expect(status).toBe(0);
    }
  });

  it.each([
    ["check", ""],
    ["rules", " Did you mean --stack components?"],
  ])("%s refuses a word that is no option", (name, hint) => {
    const { status, stdout, stderr } = call(name, "components");
    expect(stderr.startsWith(`"components" is not an option.${hint}\n\nnpm `), stderr).toBe(true);
    expect([status, stdout]).toEqual([2, ""]);
  });

  it.each([
    ["bench", "up", "first"],
    ["bench", "up", "--rounds", "none"],
    ["dashboards", "--pictures", "/nowhere", "--theme", "drak"],
    ["dashboards", "--pictures", "/nowhere", "--width", "wide"],
  ])("%s refuses %s %s %s", (name, ...args) => {
    const { status, stdout, stderr } = call(name, ...args);
    expect(stderr).toMatch(/^(?:"first" is too much|--\w+ \w+ is (?:not|neither)).*\n\nnpm /);
    expect([status, stdout]).toEqual([2, ""]);
  });

  it("exporter and pulumi -- env refuse a word too many", () => {
    for (const [name, ...args] of [
      ["exporter", "db-stats", "more", "--config", "/nowhere"],
      ["pulumi", "env", "more"],
    ] as const) {
      const { status, stdout, stderr } = call(name, ...args);
      expect(stderr).toMatch(/"more" is a word too many\n {2}-> Usage: /);
      expect([status !== 0, stdout]).toEqual([true, ""]);
    }
  });

  it.each(["stop", "start", "status", "health-check", "verify"])(
    "%s refuses a word that is no option, and guesses what was meant",
    (name) => {
      const { status, stdout, stderr } = call(name, "prod");
      expect(stderr).toMatch(/^"prod" is not an option\. Did you mean --stack prod\?/);
      expect(stdout).toBe("");
      expect(status).toBe(2);
    },
  );

  it.each(["", "..", "../other", "backend", "passphrase", "A", "a b", "a/b"])(
    "stop refuses %j as the name of a stack",
    (stack) => {
      const { status, stdout, stderr } = call("stop", "--stack", stack, "--purge");
      expect(stderr).toContain("is not the name of a stack.");
      expect(stdout).toBe("");
      expect(status).toBe(2);
    },
  );

  it("stop of a stack that nobody knows says so and deletes nothing", () => {
    const { status, stdout } = call("stop", "--stack", "never-there-before");
    expect(stdout).toBe("There is no stack never-there-before in this checkout.\n");
    expect(status).toBe(0);
  });

  it.each(["restart", "drill", "bench"])("%s names what it knows when it is asked for something else", (name) => {
    const { status, stderr } = call(
      name,
      "no-such-thing",
      ...(name === "bench" ? [] : ["--stack", "never-there-before"]),
    );
    expect(stderr).toMatch(/ {2}-> (Use one of: .+|Start it: npm start -- --stack never-there-before\.)/);
    expect(status).toBe(1);
  });

  it("of every command is as it is told in texts and in other commands' words: each flag exists", () => {
    const root = join(import.meta.dirname, "../..");
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const texts = ["README.md", "docs", "alerts", "backup", "components", "demo", "exporters", "tools"].flatMap(
      (path) => (path.endsWith(".md") ? [path] : globSync(`${path}/**/*.{ts,mjs,md}`, { cwd: root })),
    );
    const helps = new Map<string, string>();
    const unknown = texts.flatMap((path) =>
      [
        ...readFileSync(join(root, path), "utf8").matchAll(
          /npm (?:run )?(?:--silent )?([a-z][a-z:-]*) -- ([^`"\n;)]*)/g,
        ),
      ].flatMap(([told, script = "", rest = ""]) => {
        const name = scripts[script]?.split(" ").at(-1) ?? "";
        if (["prove", "pulumi", "test"].includes(name)) return [];
        const help = helps.get(name) ?? call(name, "--help").stdout;
        helps.set(name, help);
        const flags = rest.match(/(?<!\S)--[a-z][a-z-]*/g) ?? [];
        return flags.filter((flag) => !help.includes(flag)).map((flag) => `${path}: ${told}: ${flag}`);
      }),
    );
    expect(helps.size).toBeGreaterThan(8);
    expect(unknown).toEqual([]);
  });
});
