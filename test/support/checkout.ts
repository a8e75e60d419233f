// A fresh checkout of this project in a temporary folder, with ports of its own, and everything that it started gone afterwards.
import { execFileSync, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { stateRoot } from "../../components/platforms/process/checkout.ts";
import { findSupervisor } from "../../components/platforms/process/client.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import type { SupervisorRecord } from "../../components/platforms/process/main.ts";
import { type RunRecord, readRecords } from "../../components/platforms/process/records.ts";
import { freeOffset } from "./offsets.ts";
import { commandLine, endProcesses, isRunning, parentOf, processesOf, sessionOf } from "./processes.ts";

const project = resolve(import.meta.dirname, "../..");

export type Settings = Readonly<Record<string, string | number | boolean | object>>;

export interface CheckoutOptions {
  /** Settings of stack dev under `vitals:`, beside its port offset. */
  readonly settings?: Settings;
  /** Folders between the temporary folder and the checkout. */
  readonly below?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Ran {
  readonly code: number | null;
  /** Standard output and standard error as they came. */
  readonly text: string;
  readonly stdout: string;
  readonly seconds: number;
}

export interface StatusRow {
  readonly service: string;
  readonly instance: string;
  readonly url: string | null;
  readonly ready: boolean;
  readonly pid: number | null;
  readonly version: string;
  readonly state: string;
}

export interface Running {
  /** Pid of the first process; its session holds the command and all that it started but for supervisors. */
  readonly pid: number;
  readonly ended: Promise<Ran>;
  /** What it has written so far. */
  readonly output: () => string;
  /** SIGKILL to every process of the command's session at once. */
  readonly kill: () => void;
}

export interface Checkout {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly offset: number;
  /** `node run.mjs COMMAND ARGUMENTS` to its end. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<Ran>;
  /** The same with further variables. */
  readonly runWith: (env: NodeJS.ProcessEnv, command: string, ...args: readonly string[]) => Promise<Ran>;
  /** Any program in the checkout. */
  readonly start: (program: string, args: readonly string[], env?: NodeJS.ProcessEnv) => Running;
  /** `pulumi up` as a person runs it by our command. */
  readonly up: (stack?: string) => Promise<Ran>;
  readonly pulumi: (...args: readonly string[]) => Promise<Ran>;
  readonly status: (stack?: string) => Promise<readonly StatusRow[]>;
  readonly pidOf: (service: string, stack?: string) => Promise<number>;
  /** The stack's state folder. */
  readonly root: (stack?: string) => string;
  /** What the state folder itself says, read at once. */
  readonly records: (stack?: string) => readonly RunRecord[];
  /** What belongs to no service of any stack here, or to one twice; empty when all is in order. */
  readonly strays: () => readonly string[];
  readonly supervisor: (stack?: string) => SupervisorRecord | undefined;
  /** Writes the settings of a stack; keeps the salt that Pulumi put there. */
  readonly configure: (settings: Settings, stack?: string) => void;
  readonly port: (standard: number) => number;
  /** Every process that works for this checkout. */
  readonly processes: () => readonly number[];
  readonly read: (path: string) => string;
  readonly write: (path: string, text: string) => void;
  readonly dispose: () => Promise<void>;
}

export async function freshCheckout({
  settings = {},
  below = "",
  env: more = {},
}: CheckoutOptions = {}): Promise<Checkout> {
  const top = mkdtempSync(join(tmpdir(), "vitals-e2e-"));
  const dir = join(top, below, "vitals");
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(PULUMI|VITALS|VITEST|NODE_ENV)/.test(name)),
    ),
    // What Pulumi keeps for a person is kept apart too.
    PULUMI_HOME: join(top, "pulumi"),
    ...(process.env.VITALS_TOOLS_DIR === undefined ? {} : { VITALS_TOOLS_DIR: process.env.VITALS_TOOLS_DIR }),
    ...more,
  };
  const stacks = new Set<string>(["dev"]);
  const root = (stack = "dev") => stateRoot(stack, dir, env.VITALS_STATE_DIR);
  const leaveNothing = () => {
    // A supervisor whose state folder is gone ends its services and leaves: the last resort when a run is cut off.
    for (const stack of stacks) rmSync(root(stack), { recursive: true, force: true });
    rmSync(top, { recursive: true, force: true });
  };
  process.once("exit", leaveNothing);

  copyProject(dir);
  const offset = await freeOffset();
  const configure = (next: Settings, stack = "dev") => {
    stacks.add(stack);
    const path = join(dir, `Pulumi.${stack}.yaml`);
    const salt = existsSync(path) ? /^encryptionsalt:.*$/m.exec(readFileSync(path, "utf8"))?.[0] : undefined;
    const config = Object.fromEntries(
      Object.entries({ portOffset: offset, ...next }).map(([key, value]) => [
        `vitals:${key}`,
        typeof value === "object" ? value : String(value),
      ]),
    );
    writeFileSync(path, `${stringify({ config })}${salt === undefined ? "" : `${salt}\n`}`);
  };
  rmSync(join(dir, "Pulumi.dev.yaml"), { force: true });
  configure(settings);
  for (const args of [
    ["init", "-q"],
    ["add", "-A"],
    ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "checkout"],
  ])
    execFileSync("git", args, { cwd: dir, stdio: "ignore" });

  const start = (program: string, args: readonly string[], extra: NodeJS.ProcessEnv = {}): Running => {
    const begun = performance.now();
    const child = spawn(program, args, {
      cwd: dir,
      env: { ...env, ...extra },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let text = "";
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const ended = new Promise<Ran>((done, failed) => {
      child.once("error", failed);
      // Not "close": what a killed command left behind may hold its pipes open.
      child.once("exit", (code) =>
        setTimeout(() => done({ code, text, stdout, seconds: (performance.now() - begun) / 1_000 }), 20),
      );
    });
    const pid = child.pid ?? 0;
    return { pid, ended, output: () => text, kill: () => endProcesses(sessionOf(pid)) };
  };
  const runWith: Checkout["runWith"] = (extra, command, ...args) =>
    start(process.execPath, ["run.mjs", command, ...args], extra).ended;
  const run: Checkout["run"] = (command, ...args) => runWith({}, command, ...args);
  const pulumi: Checkout["pulumi"] = (...args) => run("pulumi", ...args);
  const status: Checkout["status"] = async (stack = "dev") =>
    JSON.parse((await run("status", "--json", "--stack", stack)).stdout) as readonly StatusRow[];

  return {
    dir,
    env,
    offset,
    run,
    runWith,
    start,
    pulumi,
    up: (stack = "dev") => {
      stacks.add(stack);
      return pulumi(
        "up",
        "--stack",
        stack,
        "--yes",
        "--skip-preview",
        "--suppress-outputs",
        "--non-interactive",
        "--color",
        "never",
      );
    },
    status,
    pidOf: async (service, stack) => {
      const found = (await status(stack)).find((each) => each.service === service)?.pid;
      if (typeof found !== "number") throw new Error(`${service} does not run`);
      return found;
    },
    root,
    records: (stack = "dev") => readRecords(layout(root(stack))),
    strays: () => {
      const supervisors = [...stacks].flatMap((stack) => findSupervisor(root(stack))?.identity.pid ?? []);
      const services = [...stacks].flatMap((stack) =>
        readRecords(layout(root(stack))).flatMap(({ identity }) => identity?.pid ?? []),
      );
      const known = new Set([...supervisors, ...services]);
      const belongs = (pid: number): boolean => known.has(pid) || (pid > 1 && belongs(parentOf(pid)));
      // Looked at once more: the parent of one that has just ended, such as a check's program, is not to be found.
      return processesOf([dir, ...[...stacks].map(root)])
        .filter((pid) => !belongs(pid) && isRunning(pid))
        .map((pid) => `${pid} ${commandLine(pid)}`);
    },
    supervisor: (stack = "dev") => findSupervisor(root(stack)),
    configure,
    port: (standard) => standard + offset,
    processes: () => processesOf([dir, ...[...stacks].map(root)]),
    read: (path) => readFileSync(join(dir, path), "utf8"),
    write: (path, text) => {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    },
    dispose: async () => {
      try {
        for (const stack of stacks) await run("stop", "--stack", stack, "--forget", "--purge");
      } finally {
        endProcesses(processesOf([dir, ...[...stacks].map(root)]));
        process.off("exit", leaveNothing);
        const homes = new Set([...stacks].map((stack) => dirname(root(stack))));
        leaveNothing();
        for (const home of homes) rmSync(home, { recursive: true, force: true });
      }
    },
  };
}

/** What git would track, as it lies here now, with the dependencies linked rather than copied. */
function copyProject(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const names = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: project,
    encoding: "utf8",
  });
  for (const name of names.split("\0").filter((each) => each !== "" && existsSync(join(project, each)))) {
    mkdirSync(join(dir, dirname(name)), { recursive: true });
    copyFileSync(join(project, name), join(dir, name));
  }
  symlinkSync(join(project, "node_modules"), join(dir, "node_modules"));
}
