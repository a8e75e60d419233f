// A stack of this checkout with settings and a state of its own, and an empty program beside it: what Pulumi itself costs here.
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { preparePulumi, pulumiEnvironment } from "../stack/pulumi.ts";

export type Pulumi = (...args: readonly string[]) => Promise<string>;

export interface Beside {
  /** Pulumi on the stack, and on the empty program. Each resolves with its standard output and rejects when Pulumi fails. */
  readonly own: Pulumi;
  readonly empty: Pulumi;
}

/** Everything of both lies in `folder`. */
export async function besideEmpty(
  folder: string,
  stack: string,
  settings: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = {},
): Promise<Beside> {
  await preparePulumi();
  const file = join(folder, `Pulumi.${stack}.yaml`);
  const config = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`vitals:${key}`, value]));
  writeFileSync(file, stringify({ config }));
  const withBackend = { ...env, PULUMI_BACKEND_URL: `file://${folder}` };
  // Pulumi writes the new stack's salt into the checkout; a benchmark keeps its settings elsewhere.
  const written = join(codeRoot, `Pulumi.${stack}.yaml`);
  await pulumi(codeRoot, ["stack", "init", stack, "--no-select"], withBackend);
  appendFileSync(file, readFileSync(written));
  rmSync(written);
  const project = emptyProject(folder);
  await pulumi(project, ["stack", "init", "empty", "--no-select"], withBackend);
  return {
    own: (...args) => pulumi(codeRoot, [...args, "--stack", stack, "--config-file", file], withBackend),
    // As anybody's program runs: without what our commands do for speed.
    empty: (...args) =>
      pulumi(project, [...args, "--stack", "empty"], { ...withBackend, NODE_OPTIONS: process.env.NODE_OPTIONS }),
  };
}

/** The project's files without its program. */
function emptyProject(folder: string): string {
  const project = join(folder, "empty");
  mkdirSync(project);
  writeFileSync(
    join(project, "Pulumi.yaml"),
    readFileSync(join(codeRoot, "Pulumi.yaml"), "utf8")
      .replace("name: vitals", "name: empty")
      .replace(/^plugins:[\s\S]*/m, ""),
  );
  writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(project, "index.ts"), 'import "@pulumi/pulumi";\n');
  symlinkSync(join(codeRoot, "node_modules"), join(project, "node_modules"));
  return project;
}

function pulumi(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(
      process.execPath,
      [join(codeRoot, "node_modules/pulumi/run.js"), ...args, "--non-interactive"],
      { cwd, env: { ...pulumiEnvironment(), ...env }, stdio: ["ignore", "pipe", "pipe"] },
    );
    let [stdout, all] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      all += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      all += chunk;
    });
    child.once("error", failed);
    child.once("close", (code) =>
      code === 0 ? done(stdout) : failed(new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${all}`)),
    );
  });
}
