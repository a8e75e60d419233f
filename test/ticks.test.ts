// What a tick costs in a process that had nothing to do for a while, as real processes.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { keepTicksFast } from "../components/ticks.ts";

const nanoseconds = async (...args: readonly string[]): Promise<number> => {
  const program = join(import.meta.dirname, "support/ticking.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program, ...args]);
  return Number(stdout);
};

it("keeps ticks fast where a process that was idle has slow ones", async () => {
  const [kept, plain] = [await nanoseconds("kept"), await nanoseconds()];
  console.log(`  a tick takes ${kept} ns, else ${plain} ns`);
  expect(kept).toBeGreaterThan(0);
  // Six times. As soon as Node has ticks that stay fast by themselves this fails, and components/ticks.ts can go.
  expect(plain).toBeGreaterThan(2 * kept);
});

it("holds on to one object, however often it is asked", () => {
  expect(keepTicksFast()).toBeTypeOf("object");
  expect(keepTicksFast()).toBe(keepTicksFast());
});
