// Programs that a test starts: known by pid, and ended with the test whatever happens to it.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
// A runner that is interrupted ends the process that runs the tests, or leaves it: without an "exit" of its own.
process.once("SIGTERM", () => process.exit(143));
process.once("SIGINT", () => process.exit(130));
process.once("disconnect", () => process.exit(1));

export interface Child {
  readonly pid: number;
  readonly alive: () => boolean;
  /** What it has written to standard output and standard error so far. */
  readonly output: () => string;
  /** Sends the signal, and SIGKILL when that did not end it in 10 s; resolves with the exit code when it has ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  readonly ended: Promise<number | null>;
}

export function startChild(path: string, args: readonly string[], options: SpawnOptions = {}): Child {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", () => {
      running.delete(child);
      resolve(null);
    });
    child.once("exit", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  return {
    pid: child.pid ?? 0,
    alive: () => running.has(child),
    output: () => output,
    ended,
    end: async (signal = "SIGTERM") => {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}
