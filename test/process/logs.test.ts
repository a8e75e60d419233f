// Logs stay small while programs write to them.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { logTail, rotateLogs } from "../../components/platforms/process/logs.ts";
import { startChild } from "../support/children.ts";
import { until } from "../support/ports.ts";

describe("the logs of a stack", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vitals-logs-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are rotated under a program that goes on writing to the same file", async () => {
    const path = join(folder, "service-0.log");
    const fd = openSync(path, "a", 0o600);
    const child = startChild("/bin/sh", ["-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"], {
      stdio: ["ignore", fd, fd],
    });
    closeSync(fd);
    try {
      await until(() => statSync(path).size > 200);
      rotateLogs(folder, 200);
      expect(readFileSync(`${path}.1`, "utf8")).toMatch(/^line 1\nline 2\n/);
      expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
      await until(() => statSync(path).size > 0);
      // No hole where the old text was: the next line stands at the beginning.
      expect(readFileSync(path, "utf8")).toMatch(/^line \d+\n/);
    } finally {
      await child.end();
    }
  });

  it("keep three older ones, the youngest first, and leave small files and others alone", () => {
    const path = join(folder, "service-0.log");
    for (const text of ["first", "second", "third", "fourth", "fifth"]) {
      writeFileSync(path, text);
      rotateLogs(folder, 3);
    }
    writeFileSync(join(folder, "notes.txt"), "not a log");
    writeFileSync(join(folder, "small.log"), "s");
    rotateLogs(folder, 3);
    expect(readdirSync(folder).toSorted()).toEqual([
      "notes.txt",
      "service-0.log",
      "service-0.log.1",
      "service-0.log.2",
      "service-0.log.3",
      "small.log",
    ]);
    expect([1, 2, 3].map((age) => readFileSync(`${path}.${age}`, "utf8"))).toEqual(["fifth", "fourth", "third"]);
  });

  it("are quoted from their end, without secrets", () => {
    const path = join(folder, "service-0.log");
    writeFileSync(path, `${"x".repeat(20_000)}\none\ntwo with pass-word\nthree\n`);
    expect(logTail(path, 2, ["pass-word", ""])).toBe("two with ***\nthree");
    expect(logTail(join(folder, "none.log"), 2, [])).toBe("");
  });
});
