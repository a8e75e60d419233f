// What the tests of alerts share: a stack to make alerts for, and promtool and amtool run on files in a folder of their own.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { AlertInput } from "../../alerts/index.ts";
import { loadConfig, type StackConfig } from "../../components/config.ts";
import type { Tree } from "../../components/spec.ts";
import { findTool } from "../../tools/resolve.ts";
import { withServiceNames } from "../../tools/rules/names.ts";

export const config = (
  values: Readonly<Record<string, unknown>> = {},
  secretKeys: readonly string[] = [],
): StackConfig =>
  loadConfig({
    environment: "test",
    values: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
    secretKeys,
  });

export const billing = {
  name: "billing",
  owner: "payments",
  metrics: { address: "127.0.0.1:9999" },
  slo: { availability: 0.997 },
  dependsOn: ["ledger"],
};
export const ledger = {
  name: "ledger",
  owner: "finance",
  metrics: { address: "127.0.0.1:9998" },
  slo: { availability: 0.95 },
};

export const sample: AlertInput = {
  config: config({ services: [billing, ledger] }),
  services: [
    { name: "prometheus", owner: "platform", hasMetrics: true },
    { name: "jaeger", owner: "platform", hasMetrics: true },
    { name: "redis", owner: "platform", hasMetrics: false },
    { name: "prometheus-backup", owner: "platform", hasMetrics: false, ends: true, backsUp: "prometheus" },
  ],
};

/** The program's path; undefined when nothing has put it in place. */
export const toolPath = (binary: string): string | undefined => findTool(binary)?.path;

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end, which comes by force after `timeout` milliseconds, and gives what it printed. */
export const run = (program: string, args: readonly string[], cwd: string, timeout = 300_000): Promise<Ended> =>
  new Promise((resolve, reject) => {
    // Its memory is short-lived: collected less often, it costs an eighth less time.
    const env = { ...process.env, GOGC: "400" };
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout });
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (output += data.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });

/** Writes files into a new folder, hands it to `use`, and removes it whatever happens. */
export async function inFolder<R>(
  files: Readonly<Record<string, Tree>>,
  use: (folder: string) => Promise<R>,
): Promise<R> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-alerts-"));
  try {
    for (const [name, tree] of Object.entries(files)) await writeFile(join(folder, name), textOf(tree));
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const textOf = (tree: Tree): string => (typeof tree === "string" ? tree : stringify(withServiceNames(tree)));
