// Runs a program to its end and keeps what it said.
import { spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  /** Each line of its standard error, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that could not be run to its good end, as one line. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}

const kept = 2_000_000;

/** Resolves with the exit code; rejects when it cannot start, takes too long or is aborted. Its own children end with it. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, env, signal, timeoutMs, onLine } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    // A group of its own, so that a compiler that it started can be ended with it.
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let stdout = "";
    let stderr = "";
    let line = "";
    let ended: Error | undefined;
    const end = (why: Error) => {
      ended = why;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    };
    const onAbort = () => end(new CommandError("interrupted"));
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => end(new CommandError(`${command}: no end within ${timeoutMs / 1_000} s`)), timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout = (stdout + text).slice(-kept);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-kept);
      const lines = (line + text).split("\n");
      line = lines.pop() ?? "";
      if (onLine !== undefined) lines.forEach(onLine);
    });
    child.once("error", (error) => {
      settle();
      reject(error);
    });
    child.once("close", (code) => {
      settle();
      if (ended !== undefined) reject(ended);
      else resolve({ code: code ?? 1, stdout, stderr });
    });
  });
}

/** Standard output of a program that must succeed; its last words are the error. */
export async function output(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new CommandError(`${command} failed: ${lastLines(stderr || stdout, 3)}`);
  return stdout;
}

/** The end of a program's messages on one line. */
export const lastLines = (text: string, count: number): string =>
  text
    .trim()
    .split("\n")
    .slice(-count)
    .map((line) => line.trim())
    .join(" | ")
    .slice(-500) || "it said nothing";
