// The tests' runner, as a command's child.
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/**
 * Runs vitest with these arguments on our own standard streams; resolves with its exit code. What interrupts us interrupts it, and it
 * ends what its tests have started: of all signals it does so on SIGINT alone.
 */
export function runTests(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  // A terminal's Ctrl-C reaches both of us.
  const onSignal = (name: NodeJS.Signals) =>
    name === "SIGINT" && process.stdin.isTTY ? undefined : child.kill("SIGINT");
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, onSignal);
  return new Promise((settle, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      for (const name of signals) process.off(name, onSignal);
      settle(code ?? 1);
    });
  });
}
