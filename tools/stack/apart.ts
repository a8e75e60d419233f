// A stack of this checkout with settings and a state of its own, in a folder that nothing else looks into.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { preparePulumi, pulumiEnvironment } from "./pulumi.ts";
import { settingsFile } from "./settings.ts";

/** Resolves with the standard output; rejects with all that Pulumi said when it fails. */
export type Pulumi = (...args: readonly string[]) => Promise<string>;

/** With their namespaces, such as `vitals:scrapeInterval`. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Apart {
  readonly pulumi: Pulumi;
  readonly set: (settings: Settings) => void;
  /** Its state, secrets in clear: for this process alone. */
  readonly state: () => Promise<string>;
  readonly restore: (state: string) => Promise<void>;
}

export interface Listening {
  /** What Pulumi says, as it comes. */
  readonly onText?: (text: string) => void;
  /** Ends the Pulumi that runs, as Ctrl-C would. */
  readonly signal?: AbortSignal;
}

/** Creates it. The folder holds all of it; secrets are encrypted with the checkout's passphrase. */
export async function stackApart(
  folder: string,
  stack: string,
  settings: Settings,
  env: NodeJS.ProcessEnv = {},
  listening: Listening = {},
): Promise<Apart> {
  await preparePulumi();
  const apart = knownApart(folder, stack, env, listening);
  apart.set(settings);
  await pulumiIn(codeRoot, ["stack", "init", stack, "--no-select"], inFolder(folder, env));
  // Pulumi writes the new stack's salt into the checkout; these settings are kept elsewhere.
  const written = settingsFile(stack);
  appendFileSync(configFile(folder, stack), readFileSync(written));
  rmSync(written);
  return apart;
}

/** These run the program, and so read its settings. */
const reading = ["up", "preview", "destroy"];

/** One that `stackApart` has created before. */
export function knownApart(
  folder: string,
  stack: string,
  env: NodeJS.ProcessEnv = {},
  listening: Listening = {},
): Apart {
  const file = configFile(folder, stack);
  const pulumi = (args: readonly string[], how: Listening & { readonly input?: string }) =>
    pulumiIn(codeRoot, [...args, "--stack", stack], inFolder(folder, env), how);
  return {
    pulumi: (...args) => pulumi(reading.includes(args[0] ?? "") ? [...args, "--config-file", file] : args, listening),
    set: (settings) => {
      const { config, ...rest } = existsSync(file) ? parse(readFileSync(file, "utf8")) : {};
      writeFileSync(file, stringify({ config: { ...config, ...settings }, ...rest }));
    },
    state: () => pulumi(["stack", "export", "--show-secrets"], {}),
    restore: async (input) => void (await pulumi(["stack", "import"], { input })),
  };
}

const configFile = (folder: string, stack: string): string => join(folder, `Pulumi.${stack}.yaml`);

export const inFolder = (folder: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...env,
  PULUMI_BACKEND_URL: `file://${folder}`,
});

/** Pulumi's program in a folder, with nobody there to ask. */
export function pulumiIn(
  cwd: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { onText = () => {}, signal, input = "" }: Listening & { readonly input?: string } = {},
): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(
      process.execPath,
      [join(codeRoot, "node_modules/pulumi/run.js"), ...args, "--non-interactive"],
      { cwd, env: { ...pulumiEnvironment(), ...env }, stdio: ["pipe", "pipe", "pipe"] },
    );
    const interrupt = () => child.kill("SIGINT");
    signal?.addEventListener("abort", interrupt, { once: true });
    let [stdout, all] = ["", ""];
    const hear = (chunk: string) => {
      all += chunk;
      onText(chunk);
    };
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      hear(chunk);
    });
    child.stderr.setEncoding("utf8").on("data", hear);
    // It may end before it has read all.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", failed);
    child.once("close", (code) => {
      signal?.removeEventListener("abort", interrupt);
      if (code === 0) done(stdout);
      else failed(new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${all}`));
    });
  });
}
