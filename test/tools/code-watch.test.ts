// The watching of code, down to a change in the moment before it begins.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { codeHash } from "../../components/code-hash.ts";
import { watchCode } from "../../tools/stack/code-watch.ts";
import { until } from "../support/ports.ts";

let beforeWatching: () => void = () => undefined;
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const watch = (folder: string, listener: () => void) => {
    beforeWatching();
    return real.watch(folder, listener);
  };
  return { ...real, watch };
});

const root = mkdtempSync(join(tmpdir(), "vitals-code-watch-"));
const end = new AbortController();
afterEach(() => {
  end.abort();
  rmSync(root, { recursive: true });
});

it("sees what changes between its reading and the watching of its folder, and what changes later", async () => {
  mkdirSync(join(root, "app"));
  writeFileSync(join(root, "package-lock.json"), "{}");
  const write = (name: string, text: string): void => writeFileSync(join(root, "app", name), text);
  write("main.ts", 'import "./part.ts";\n');
  write("part.ts", "export {};\n");
  const running = new Map([["app/main.ts", codeHash(root, "app/main.ts", new Map())]]);
  const told: (readonly string[])[] = [];
  beforeWatching = () => {
    beforeWatching = () => undefined;
    write("part.ts", "export const changed = 1;\n");
  };
  const changed = async (entries: readonly string[]): Promise<void> => void told.push(entries);
  const watching = watchCode({ root, running, changed, broken: () => undefined }, end.signal);
  await until(() => told.length === 1);
  write("part.ts", "export const changed = 2;\n");
  await until(() => told.length === 2);
  expect(told).toEqual([["app/main.ts"], ["app/main.ts"]]);
  end.abort();
  await watching;
});
