// The hash that decides whether a process of our own runs the current code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeHash, importGraph } from "../components/code-hash.ts";

let made: string[] = [];
/** A checkout with these files; each has a folder of its own, because a process reads a file once. */
const checkout = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), "vitals-hash-"));
  made.push(folder);
  mkdirSync(join(folder, "lib"));
  for (const [path, text] of Object.entries({ "package-lock.json": "{}", ...files }))
    writeFileSync(join(folder, path), text);
  return folder;
};
const sources = {
  "main.ts": 'import { a } from "./lib/a.ts";\nimport { x } from "library";\n',
  "lib/a.ts": 'import type { B } from "./b.ts";\nexport const a = () => import("./lazy.ts");\n',
  "lib/b.ts": 'import "../main.ts";\nexport type B = 1;\n',
  "lib/lazy.ts": "export {};\n",
  "lib/other.ts": "export {};\n",
};
const hashOf = (files: Readonly<Record<string, string>>) => codeHash(checkout(files), "main.ts");

beforeEach(() => {
  made = [];
});
afterEach(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

describe("code hash", () => {
  it("follows static, type and lazy imports, circles included, and no libraries", () => {
    const folder = checkout(sources);
    expect(importGraph(join(folder, "main.ts"))).toEqual(
      ["lib/a.ts", "lib/b.ts", "lib/lazy.ts", "main.ts"].map((path) => join(folder, path)),
    );
  });

  it("is the same for the same files wherever they lie", () => {
    expect(hashOf(sources)).toBe(hashOf(sources));
  });

  it.each(["main.ts", "lib/b.ts", "lib/lazy.ts", "package-lock.json"])("changes with %s", (path) => {
    const changed = { "package-lock.json": "{}", ...sources };
    expect(hashOf({ ...changed, [path]: `${changed[path as keyof typeof changed]}// changed\n` })).not.toBe(
      hashOf(sources),
    );
  });

  it("does not change with a file that the entry does not load", () => {
    expect(hashOf({ ...sources, "lib/other.ts": "export const changed = 1;\n" })).toBe(hashOf(sources));
  });

  it("sees every import of the real entries that exists as a file", () => {
    expect(importGraph(join(import.meta.dirname, "../exporters/main.ts")).length).toBeGreaterThan(20);
  });
});
