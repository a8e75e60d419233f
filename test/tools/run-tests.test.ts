// The command that runs the tests, interrupted: nothing that a test started outlives it.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startChild } from "../support/children.ts";
import { until } from "../support/ports.ts";
import { commandLine } from "../support/processes.ts";

const root = resolve(import.meta.dirname, "../..");
const quoted = (...path: readonly string[]) => JSON.stringify(join(root, ...path));

let folder: string;
let pidFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitals-run-tests-"));
  pidFile = join(folder, "pid");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("runTests", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("hands %s on, and leaves nothing behind", async (signal) => {
    writeFileSync(
      join(folder, "long.test.ts"),
      `import { writeFileSync } from "node:fs";
       import { startChild } from ${quoted("test/support/children.ts")};
       it("starts a program and waits", async () => {
         const { pid } = startChild("sleep", ["97"]);
         writeFileSync(${JSON.stringify(pidFile)}, String(pid));
         await new Promise(() => {});
       }, 90_000);`,
    );
    const command = startChild(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { runTests } from ${quoted("tools/run-tests.ts")};
       process.exitCode = await runTests(["--root", ${JSON.stringify(folder)}, "--globals"]);`,
    ]);
    const pid = await until(() => {
      if (!command.alive()) throw new Error(command.output());
      return existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : undefined;
    }, 50_000);
    expect(commandLine(pid)).toBe("sleep 97");
    expect(await command.end(signal)).toBe(130);
    await until(() => commandLine(pid) === "", 5_000);
  });
});
