// Runs everything that proves the project: gets the programs, checks the code, runs the tests.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { messageOf, StackError } from "../../components/errors.ts";
import { acquire } from "../acquire.ts";
import { runTests } from "../run-tests.ts";

const help = `npm test                    get the programs, check types, lint and format, run all tests
npm test -- --quick         without getting programs
npm test -- ARGUMENTS       anything else goes to vitest (a path, -t NAME, ...)`;

const root = resolve(import.meta.dirname, "../..");

/** What only the tests need and Debian alone packages: any of the programs will do, else the first of the package lists that can be had, else what does instead. */
const packaged: readonly Packaged[] = [
  {
    name: "chromium",
    programs: ["chromium-headless-shell"],
    packages: [["chromium-headless-shell"], ["chromium"]],
    // With a page at three times the work.
    instead: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
  },
  { name: "jq", programs: ["jq"], packages: [["jq"]] },
  // From Debian 13 on the client and its builder are packages of their own.
  { name: "docker", programs: ["dockerd"], packages: [["docker.io", "docker-cli", "docker-buildx"], ["docker.io"]] },
  { name: "compose", programs: ["docker-compose"], packages: [["docker-compose"]] },
  // Of which images are made that stand in for published ones.
  { name: "busybox", programs: ["busybox"], packages: [["busybox-static"], ["busybox"]] },
];

interface Packaged {
  readonly name: string;
  readonly programs: readonly string[];
  readonly packages: readonly (readonly string[])[];
  readonly instead?: readonly string[];
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  if (!args.includes("--quick")) {
    const stop = new AbortController();
    const onSignal = () => stop.abort(new Error("stopped"));
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const name of signals) process.once(name, onSignal);
    await getPrograms(stop.signal);
    for (const name of signals) process.off(name, onSignal);
    packaged.forEach(getPackaged);
  }
  const check = join(import.meta.dirname, "check.ts");
  const passed = spawnSync(process.execPath, [check], { cwd: root, stdio: "inherit" }).status === 0;
  if (!passed) console.error("The check failed (see above); the tests run nevertheless.");
  // The runner's own counts are the last thing on the screen.
  const failed = await runTests(args.filter((arg) => arg !== "--quick"));
  return passed ? failed : 1;
}

/** A missing program is not the end: the tests that need it say that they were skipped. */
async function getPrograms(signal: AbortSignal): Promise<void> {
  try {
    await acquire({ signal });
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    console.error(error.message);
  }
}

function getPackaged({ name, programs, packages, instead = [] }: Packaged): void {
  const say = (text: string) => console.error(`${name.padEnd(13)}${text}`);
  if (programs.some(isOnPath)) return;
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    if (!instead.some(isOnPath))
      say("skipped: it is not on PATH, and installing the Debian package needs root on a Debian system");
    return;
  }
  say("installing the Debian package");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: readonly string[]) => spawnSync("apt-get", args, { stdio: ["ignore", 2, 2], env }).status === 0;
  const install = () => packages.some((names) => apt("install", "-y", "-qq", "--no-install-recommends", ...names));
  if (!install() && !(apt("update", "-qq") && install())) say("skipped: the Debian package cannot be installed");
}

const isOnPath = (name: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
