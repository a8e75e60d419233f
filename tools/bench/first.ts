// How long a newcomer waits: a fresh clone, npm start, the first panel with data, the first Slack message of a drill.
import { spawn } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { output } from "../exec.ts";
import { timed, type Verdict } from "./measure.ts";

const portOffset = 14_500;
const minute = 60_000;

interface Row {
  readonly service: string;
  readonly url: string | null;
}

export async function benchFirst(cold: boolean, say: (line: string) => void): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-first-"));
  // As root, programs run as a user who has to reach them.
  chmodSync(folder, 0o711);
  const checkout = join(folder, "vitals");
  const env: NodeJS.ProcessEnv = { ...process.env, ...(cold ? coldCaches(folder) : {}) };
  const npm = (...args: string[]) => run("npm", args, checkout, env);
  try {
    await output("git", ["clone", "--quiet", codeRoot, checkout]);
    appendFileSync(join(checkout, "Pulumi.dev.yaml"), `  vitals:portOffset: "${portOffset}"\n`);
    say(`npm start in a fresh clone, ${cold ? "cold" : "warm"} caches`);
    const ready = await timed(() => npm("start"));
    const status = JSON.parse(
      await output("npm", ["run", "--silent", "status", "--", "--json"], { cwd: checkout, env }),
    ) as readonly Row[];
    const prometheus = status.find(({ service }) => service === "prometheus")?.url ?? "";
    const panel = await timed(() => firstPanel(checkout, prometheus));
    say("npm run drill -- redis-down");
    const drill = await output("npm", ["run", "--silent", "drill", "--", "redis-down"], { cwd: checkout, env });
    const message = Number(/after ([\d.]+) s/.exec(drill)?.[1]) * 1_000;
    return [
      verdict(`fresh checkout -> ready, ${cold ? "cold" : "warm"} caches`, ready, 20 * minute),
      verdict("ready -> first filled panel query", panel, minute),
      verdict("drill: fault -> first Slack message", message, 2 * minute),
    ];
  } finally {
    await npm("stop", "--", "--purge").catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  }
}

const verdict = (what: string, ms: number, promised: number): Verdict => ({
  what,
  seen: `${(ms / 1_000).toFixed(1)} s`,
  promised: `${promised / 1_000} s`,
  kept: ms <= promised,
});

/** As on a new machine: no tools, no Go modules, no compiled code. npm's own cache stays, as it does for most people. */
function coldCaches(folder: string): NodeJS.ProcessEnv {
  const of = (name: string) => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };
  return {
    VITALS_TOOLS_DIR: of("tools"),
    GOCACHE: of("go-build"),
    GOMODCACHE: of("go-mod"),
    GOFLAGS: "-modcacherw",
    NODE_COMPILE_CACHE: of("node"),
    PULUMI_HOME: of("pulumi"),
  };
}

/** Asks the overview's own queries until one has data. */
async function firstPanel(checkout: string, prometheus: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-panels-"));
  try {
    await output("npm", ["run", "--silent", "dashboards", "--", "--out", folder], { cwd: checkout });
    const overview = JSON.parse(readFileSync(join(folder, "overview.json"), "utf8")) as {
      panels: readonly { targets?: readonly { expr?: string }[] }[];
    };
    const queries = overview.panels
      .flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => expr?.replaceAll("$__rate_interval", "1m") ?? []))
      // What a person has to choose first is not what they see first.
      .filter((expr) => !expr.includes("$"));
    for (const limit = Date.now() + 5 * minute; Date.now() < limit; await new Promise((next) => setTimeout(next, 500)))
      for (const query of queries) {
        const body = new URLSearchParams({ query });
        const response = await fetch(new URL("api/v1/query", prometheus), {
          method: "POST",
          body,
          signal: AbortSignal.timeout(5_000),
        });
        const { data } = (await response.json()) as { data?: { result?: readonly unknown[] } };
        if ((data?.result?.length ?? 0) > 0) return;
      }
    throw new Error("no panel of the overview had data within five minutes");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const run = (command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> =>
  new Promise((done, failed) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", failed);
    child.once("exit", (code) =>
      code === 0 ? done() : failed(new Error(`${command} ${args.join(" ")} ended with ${code}`)),
    );
  });
