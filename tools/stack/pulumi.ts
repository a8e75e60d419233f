// Pulumi as this project uses it: a local file backend, a generated passphrase, no downloads, and the settings that make it quick.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { stackError } from "../../components/errors.ts";
import { codeRoot, refuseForeignState } from "../../components/platforms/process/checkout.ts";
import { identify } from "../../components/platforms/process/table.ts";
import { toolsDir } from "../cache.ts";
import { output } from "../exec.ts";
import { linkPulumi, pulumiBin } from "../pulumi-home.ts";
import { resolveTool } from "../resolve.ts";
import { settingsFile, settingsIn } from "./settings.ts";

const folder = join(codeRoot, ".vitals");
const backend = join(folder, "backend");
const passphraseFile = join(folder, "passphrase");
/** Without files of attributes beside the others: a kill between the two would leave one that cannot be read. */
const backendUrl = `file://${backend}?metadata=skip`;

/** Stacks whose passphrase is this checkout's own: the salt that Pulumi writes into their settings stays out of git. */
const localStacks = ["dev", "docker"];

/** The language host and our provider start "node": it has to be the one that runs TypeScript. */
export const nodeFolder = dirname(process.execPath);

/** What `pulumi` needs in its environment beside a PATH that begins with `nodeFolder`; what the person has set already wins. */
export function pulumiSettings(): Readonly<Record<string, string>> {
  const own = {
    PULUMI_BACKEND_URL: backendUrl,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Without a network, a provider that is not installed is to be an error at once rather than a long wait.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_PARALLEL_DIFF: "true",
    PULUMI_PARALLEL: "32",
    PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
    // Go asks for it where a user has no name, as in a container that runs under any number.
    USER: String(process.getuid?.()),
    NODE_COMPILE_CACHE: join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "vitals", "node"),
  };
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [name, process.env[name] || value]));
}

/** The whole environment of a Pulumi that we start. */
export const pulumiEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...pulumiSettings(),
  PATH: [nodeFolder, process.env.PATH ?? ""].join(delimiter),
  // Not a setting of the project (Pulumi.yaml's nodeargs): an older language host passes none of those on.
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --require ${JSON.stringify(leanSdk)}`,
});

const leanSdk = join(codeRoot, "components/platforms/lean-sdk.cjs");

/** Creates what Pulumi needs before its first run. Says what is wrong when a passphrase is gone. */
export async function preparePulumi(): Promise<void> {
  refuseForeignState();
  mkdirSync(backend, { recursive: true, mode: 0o700 });
  if (
    !process.env.PULUMI_CONFIG_PASSPHRASE &&
    (process.env.PULUMI_CONFIG_PASSPHRASE_FILE || passphraseFile) === passphraseFile &&
    !existsSync(passphraseFile)
  ) {
    const stacks = knownStacks();
    if (stacks.length > 0)
      throw stackError(
        passphraseFile,
        `the passphrase is gone, and the state of ${stacks.join(", ")} is encrypted with it`,
        `Put the file back. If it is lost for good, end what runs and forget the state: ${stacks.map((stack) => `npm stop -- --forget --stack ${stack}`).join("; ")}. Then npm start begins anew.`,
      );
    for (const stack of localStacks) dropSalt(stack);
    writeFileSync(passphraseFile, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  }
  linkPulumi(toolsDir(), console.error);
  for (const name of ["pulumi", "pulumi-language-nodejs"]) if (!existsSync(join(pulumiBin(), name))) resolveTool(name);
  await keepSaltOutOfGit();
}

/** A salt belongs to one passphrase: with another one Pulumi refuses the settings, and what they hold encrypted is lost. */
export function dropSalt(stack: string): void {
  const path = settingsFile(stack);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (!/^encryptionsalt:/m.test(text)) return;
  const lost = [...text.matchAll(/^ +(\S+):\n +secure:/gm)].map(([, key]) => key);
  if (lost.length > 0)
    throw stackError(
      path,
      `its secrets (${lost.join(", ")}) were encrypted with a passphrase that is gone`,
      `Put ${passphraseFile} back, or take these settings and the line "encryptionsalt" out and set them anew.`,
    );
  writeFileSync(path, text.replace(/^encryptionsalt:.*\n?/m, ""));
}

/** False when the person has chosen another backend; what `pulumi -- env` printed is no choice. */
export const usesOwnBackend = (): boolean => (process.env.PULUMI_BACKEND_URL || backendUrl) === backendUrl;

/** The stacks of the local backend. */
export function knownStacks(): readonly string[] {
  try {
    return readdirSync(join(backend, ".pulumi/stacks/vitals"))
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length));
  } catch {
    return [];
  }
}

const git = (...args: readonly string[]) => output("git", ["-C", codeRoot, ...args]);

/** .gitattributes names this filter for the settings of local stacks; without it git would show them as changed after every start. */
async function keepSaltOutOfGit(): Promise<void> {
  if (existsSync(join(codeRoot, ".git")))
    await git("config", "filter.vitals-salt.clean", "sed -e /^encryptionsalt:/d").catch(() => {});
}

const writtenAt = (stack: string): number | undefined =>
  statSync(settingsFile(stack), { throwIfNoEntry: false })?.mtimeMs;

/** Git believes a new size before it asks the filter: when the filtered text is the same, tell it that nothing has changed. */
async function settleIndex(stack: string): Promise<void> {
  const settings = `Pulumi.${stack}.yaml`;
  try {
    await git("ls-files", "--error-unmatch", settings);
    await git("diff", "--quiet", "--", settings);
    await git("update-index", "--", settings);
  } catch {
    // Not in git, or changed by the person: theirs to see.
  }
}

/**
 * A killed Pulumi leaves its lock behind. Locks whose process is gone are removed; one that may still be ending gets a
 * moment; a living one is left for Pulumi to name. Resolves with the number of locks removed.
 */
export async function dropDeadLocks(stack: string): Promise<number> {
  const locks = join(backend, ".pulumi/locks/organization/vitals", stack);
  let dropped = 0;
  for (const end = Date.now() + 3_000; ; ) {
    const found = existsSync(locks) ? readdirSync(locks).map((name) => join(locks, name)) : [];
    const dead = found.filter(isDead);
    for (const path of dead) rmSync(path, { force: true });
    dropped += dead.length;
    if (dead.length === found.length || Date.now() > end) return dropped;
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** A lock whose process is gone, or a file that was to become one and was not finished. */
function isDead(path: string): boolean {
  try {
    const { pid, hostname: host } = JSON.parse(readFileSync(path, "utf8")) as { pid: number; hostname: string };
    return host === hostname() && identify(pid) === undefined;
  } catch {
    return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 2_000;
  }
}

/**
 * What a killed Pulumi was doing stays in the state as pending, and every later run would warn of it. A refresh asks our
 * provider, for which creating is finding what already runs.
 */
async function settlePending(stack: string): Promise<void> {
  const state = join(backend, ".pulumi/stacks/vitals", `${stack}.json`);
  try {
    const { checkpoint } = JSON.parse(readFileSync(state, "utf8")) as {
      checkpoint?: { latest?: { pending_operations?: readonly unknown[] } };
    };
    if ((checkpoint?.latest?.pending_operations ?? []).length === 0) return;
  } catch {
    return;
  }
  console.error(`${stack}: the last Pulumi was killed; settling what it was doing`);
  await runPulumi(
    ["refresh", "--stack", stack, "--yes", "--skip-preview", "--clear-pending-creates", "--non-interactive"],
    true,
  );
}

/** Pulumi compares settings with the types in Pulumi.yaml too, stops at the first that differs, and knows no remedy: our program tells all. */
const judgedByProgram = ["up", "update", "preview", "pre", "refresh", "destroy", "down", "dn"];

/** Runs Pulumi with its output on this terminal. Resolves with its exit code. */
export async function runPulumi(args: readonly string[], quiet = false): Promise<number> {
  const judged = judgedByProgram.includes(args[0] ?? "") ? ["--skip-config-validation"] : [];
  const child = spawn(process.execPath, [join(codeRoot, "node_modules/pulumi/run.js"), ...args, ...judged], {
    cwd: codeRoot,
    stdio: quiet ? ["ignore", "ignore", "inherit"] : "inherit",
    env: pulumiEnvironment(),
  });
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name));
  const before = localStacks.map(writtenAt);
  const code = await new Promise<number>((done, failed) => {
    child.once("error", failed);
    child.once("exit", (ended) => done(ended ?? 1));
  });
  for (const [turn, stack] of localStacks.entries()) if (writtenAt(stack) !== before[turn]) await settleIndex(stack);
  return code;
}

/** Selects a stack by creating it when this backend does not know it. */
export async function ensureStack(stack: string): Promise<void> {
  // What Pulumi says of a file that it cannot read has no remedy.
  settingsIn(settingsFile(stack));
  await preparePulumi();
  if ((await dropDeadLocks(stack)) > 0) console.error(`${stack}: removed the lock of a Pulumi that was killed`);
  if (!usesOwnBackend()) return;
  if (knownStacks().includes(stack)) return settlePending(stack);
  const code = await runPulumi(["stack", "init", stack, "--non-interactive"], true);
  if (code !== 0) throw stackError(stack, "Pulumi cannot create this stack", "Read its message above.");
}

export const isLocal = (stack: string): boolean => localStacks.includes(stack);
