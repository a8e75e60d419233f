// What a tick costs in a process that had nothing to do for a while, as real processes.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const program = join(import.meta.dirname, "support/ticking.ts");
const run = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, ["--expose-gc", ...args])).stdout;
const nanoseconds = async (...args: readonly string[]): Promise<number> => Number(await run(program, ...args));

it("keeps ticks fast where a process that was idle has slow ones", async () => {
  const [kept, plain] = [await nanoseconds("kept"), await nanoseconds()];
  console.log(`  a tick takes ${kept} ns, else ${plain} ns`);
  expect(kept).toBeGreaterThan(0);
  // Six times. As soon as Node has ticks that stay fast by themselves this fails, and components/ticks.ts can go.
  expect(plain).toBeGreaterThan(2 * kept);
});

it("leaves promises as fast as they are: no hook was ever on", async () => {
  const told = await run("--trace-protector-invalidation", program, "kept");
  expect(told).not.toContain("PromiseHook");
  // What V8 says of it when there was one.
  const hook = `data:text/javascript,import { createHook } from "node:async_hooks"; createHook({ init() {} }).enable().disable();`;
  expect(await run("--trace-protector-invalidation", "--import", hook, program)).toContain("PromiseHook");
});
