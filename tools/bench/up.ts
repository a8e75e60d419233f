// What the engine and the supervisor cost: a warm `up` beside a plain start of the same programs, a preview beside an empty one.
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { readRecords } from "../../components/platforms/process/records.ts";
import { usage } from "../../components/platforms/process/table.ts";
import { demo } from "../../components/services/demo.ts";
import { splitPort } from "../../components/spec.ts";
import { preparePulumi, pulumiEnvironment } from "../stack/pulumi.ts";
import { runningStack } from "../stack/running.ts";
import { interleave, timed, type Verdict } from "./measure.ts";
import { plainStart } from "./plain.ts";

const stack = "bench";
const portOffset = 30_000;
const idleSeconds = 30;

export async function benchUp(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-"));
  const settings = join(folder, "Pulumi.bench.yaml");
  writeFileSync(settings, `config:\n  vitals:demo: "true"\n  vitals:portOffset: "${portOffset}"\n`);
  const backend = { PULUMI_BACKEND_URL: `file://${folder}` };
  const own = (...args: string[]) => pulumi(codeRoot, [...args, "--stack", stack, "--config-file", settings], backend);
  const empty = emptyProject(folder);
  const other = (...args: string[]) => pulumi(empty, [...args, "--stack", "empty"], backend);
  await preparePulumi();
  try {
    // Pulumi writes the new stack's salt into the checkout; the benchmark keeps its settings elsewhere.
    const written = join(codeRoot, `Pulumi.${stack}.yaml`);
    await pulumi(codeRoot, ["stack", "init", stack, "--no-select"], backend);
    appendFileSync(settings, readFileSync(written));
    rmSync(written);
    await pulumi(empty, ["stack", "init", "empty", "--no-select"], backend);
    say("first up, so that data and caches are warm");
    await own("up", "--yes", "--skip-preview");
    await other("up", "--yes", "--skip-preview");
    const { root } = runningStack(stack);
    const records = readRecords(layout(root));
    const cost = await idleCost(say);

    say("preview without changes, beside an empty program's");
    const previews = await interleave(
      [
        { name: "empty preview", run: () => timed(() => other("preview", "--expect-no-changes")) },
        { name: "stack preview", run: () => timed(() => own("preview", "--expect-no-changes")) },
      ],
      rounds + 2,
      say,
    );
    say("up from nothing running, beside a plain parallel start and an empty program's up");
    const needs = new Map(demo.map(({ name, needs: on = [] }) => [name, on.map((each) => splitPort(each.on).service)]));
    const files = keepFiles(root, folder);
    const ups = await interleave(
      [
        {
          name: "stack up",
          run: async () => {
            await own("destroy", "--yes", "--skip-preview");
            return timed(() => own("up", "--yes", "--skip-preview"));
          },
        },
        {
          name: "plain start",
          run: async () => {
            files.save();
            await own("destroy", "--yes", "--skip-preview");
            files.restore();
            return plainStart(root, records, needs);
          },
        },
        { name: "empty up", run: () => timed(() => other("up", "--yes", "--skip-preview")) },
      ],
      rounds,
      say,
    );
    const of = (all: typeof ups, name: string) => all.find((each) => each.name === name)?.medianMs ?? Number.NaN;
    const allowed = 1.5 * of(ups, "plain start") + of(ups, "empty up");
    const preview = of(previews, "stack preview") / of(previews, "empty preview");
    return [
      {
        what: "warm up / (1.5 x plain start + empty up)",
        seen: `${(of(ups, "stack up") / allowed).toFixed(2)}  (${seconds(of(ups, "stack up"))} / (1.5 x ${seconds(of(ups, "plain start"))} + ${seconds(of(ups, "empty up"))}))`,
        promised: "1.00",
        kept: of(ups, "stack up") <= allowed,
      },
      {
        what: "no-op preview / empty preview",
        seen: `${preview.toFixed(2)}  (${seconds(of(previews, "stack preview"))} / ${seconds(of(previews, "empty preview"))})`,
        promised: "1.30",
        kept: preview <= 1.3,
      },
      ...cost,
    ];
  } finally {
    await own("destroy", "--yes", "--skip-preview").catch(() => {});
    rmSync(runningStack(stack).root, { recursive: true, force: true });
    rmSync(join(codeRoot, ".vitals", stack), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** The project's files without its program: what Pulumi itself costs here. */
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

function pulumi(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn(
      process.execPath,
      [join(codeRoot, "node_modules/pulumi/run.js"), ...args, "--non-interactive"],
      { cwd, env: { ...pulumiEnvironment(), ...env }, stdio: ["ignore", "pipe", "pipe"] },
    );
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(chunk));
    child.once("error", failed);
    child.once("exit", (code) =>
      code === 0
        ? done()
        : failed(new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${Buffer.concat(said).toString("utf8")}`)),
    );
  });
}

/** A destroy removes the generated files; the plain start needs them. */
function keepFiles(root: string, folder: string): { readonly save: () => void; readonly restore: () => void } {
  const [from, copy] = [join(root, "files"), join(folder, "files")];
  // With owners and modes: some of these files only their program's user may read.
  const copyAll = (source: string, target: string) => {
    rmSync(target, { recursive: true, force: true });
    execFileSync("cp", ["-a", source, target]);
  };
  return { save: () => copyAll(from, copy), restore: () => copyAll(copy, from) };
}

async function idleCost(say: (line: string) => void): Promise<readonly Verdict[]> {
  const { supervisor, instances } = runningStack(stack);
  const pid = supervisor?.identity.pid ?? 0;
  say(`the supervisor for ${idleSeconds} s, idle`);
  await new Promise((settle) => setTimeout(settle, 5_000));
  const before = usage(pid);
  await new Promise((idle) => setTimeout(idle, idleSeconds * 1_000));
  const after = usage(pid);
  const cpu = ((after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0)) / idleSeconds;
  const bare = await bareNode();
  const beside = `${mebibytes(bare)} bare Node on one .ts file`;
  const resident = after?.residentBytes ?? Number.NaN;
  return [
    {
      what: "supervisor, resident",
      seen: `${mebibytes(resident)}  (${beside})`,
      promised: "95 MB",
      kept: resident <= 95 * 2 ** 20,
    },
    { what: "supervisor, CPU when idle", seen: `${(cpu * 100).toFixed(2)} %`, promised: "0.50 %", kept: cpu < 0.005 },
    ...["integration-health", "db-stats"].map((service) => {
      const bytes = usage(instances.find((each) => each.service === service)?.pid ?? 0)?.residentBytes ?? Number.NaN;
      return {
        what: `${service}, resident`,
        seen: `${mebibytes(bytes)}  (${beside})`,
        promised: "130 MB",
        kept: bytes <= 130 * 2 ** 20,
      };
    }),
  ];
}

/** Resident memory of Node running one TypeScript file that only waits. */
async function bareNode(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-bare-"));
  const entry = join(folder, "wait.ts");
  writeFileSync(entry, "const wait: number = 10_000;\nsetTimeout(() => {}, wait);\n");
  const child = spawn(process.execPath, [entry], { stdio: "ignore" });
  try {
    await new Promise((settle) => setTimeout(settle, 1_500));
    return usage(child.pid ?? 0)?.residentBytes ?? Number.NaN;
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
