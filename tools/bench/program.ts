// A program that a benchmark starts and asks over HTTP, and what it takes of this machine.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { until } from "../../test/support/ports.ts";

export interface Program {
  readonly child: ChildProcess;
  readonly url: string;
}

/** Starts it, and resolves when `path` answers on the port. */
export async function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  { port, path, env, ...options }: { readonly port: number; readonly path: string } & Pick<SpawnOptions, "env" | "cwd">,
): Promise<Program> {
  const child = spawn(program, args, { ...options, env: { ...process.env, ...env }, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await until(
    () =>
      textOf(`${url}${path}`).then(
        () => true,
        () => false,
      ),
    20_000,
  );
  return { child, url };
}

/** One of our exporters, as the stack starts it. */
export const startExporter = (
  name: string,
  file: string,
  port: number,
  env: NodeJS.ProcessEnv = {},
): Promise<Program> =>
  startProgram([process.execPath, "exporters/main.ts", name, "--config", file, "--port", String(port)], {
    port,
    path: "/readyz",
    env,
    cwd: codeRoot,
  });

export async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.text();
}

/** User and system time; /proc counts in hundredths of a second. */
export const cpuSeconds = ({ child }: { readonly child: { readonly pid?: number | undefined } }): number => {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** Resident memory in bytes. */
export const resident = ({ child }: Program): number =>
  1_024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);

export const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
