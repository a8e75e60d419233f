// Programs that a test starts: known by pid, and ended with the test whatever happens to it.
import { type ChildProcess, fork, type SpawnOptions, spawn } from "node:child_process";
import { join } from "node:path";

const running = new Set<ChildProcess>();
let keeper: ChildProcess | undefined;

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Tells the keeper, who ends what runs when we are killed. */
function tell(pid: number | undefined, runs: boolean): void {
  if (pid === undefined) return;
  if (keeper === undefined) {
    keeper = fork(join(import.meta.dirname, "keeper.ts"), { stdio: "ignore", execArgv: [] });
    keeper.unref();
    keeper.channel?.unref();
    keeper.on("error", () => {});
  }
  if (keeper.connected) keeper.send({ pid, runs });
}

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
  tell(child.pid, true);
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
      tell(child.pid, false);
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
