// A command that is called wrongly does nothing but say so: a word too many must not end the wrong stack.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const commands = join(import.meta.dirname, "../../tools/commands");
const call = (name: string, ...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(commands, `${name}.ts`), ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};

describe("usage", () => {
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
});
