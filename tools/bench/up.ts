// What the engine and the supervisor cost: a warm `up` beside a plain start of the same programs, a preview beside an empty one.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../components/config.ts";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { readRecords } from "../../components/platforms/process/records.ts";
import { usage } from "../../components/platforms/process/table.ts";
import { demo } from "../../components/services/demo.ts";
import { splitPort } from "../../components/spec.ts";
import { runningStack } from "../stack/running.ts";
import { besideEmpty } from "./beside.ts";
import { interleave, medianOf, seconds, timed, type Verdict } from "./measure.ts";
import { plainStart } from "./plain.ts";

const stack = "bench";
const portOffset = 14_000;
const idleSeconds = 30;

export async function benchUp(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-"));
  const { own, empty } = await besideEmpty(folder, stack, { demo: true, portOffset });
  try {
    say("first up, so that data and caches are warm");
    await own("up", "--yes", "--skip-preview");
    await empty("up", "--yes", "--skip-preview");
    const { root } = runningStack(stack);
    const records = readRecords(layout(root));
    const cost = await idleCost(say);

    say("preview without changes, beside an empty program's");
    const previews = await interleave(
      [
        { name: "empty preview", run: () => timed(() => empty("preview", "--expect-no-changes")) },
        { name: "stack preview", run: () => timed(() => own("preview", "--expect-no-changes")) },
      ],
      rounds + 2,
      say,
    );
    say("up from nothing running, beside a plain parallel start and an empty program's up");
    const specs = demo(loadConfig({ environment: stack, values: { demo: "true" }, secretKeys: [] }));
    const needs = new Map(
      specs.map(({ name, needs: on = [] }) => [name, on.map((each) => splitPort(each.on).service)]),
    );
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
        { name: "empty up", run: () => timed(() => empty("up", "--yes", "--skip-preview")) },
      ],
      rounds,
      say,
    );
    const allowed = 1.5 * medianOf(ups, "plain start") + medianOf(ups, "empty up");
    const preview = medianOf(previews, "stack preview") / medianOf(previews, "empty preview");
    return [
      {
        what: "warm up / (1.5 x plain start + empty up)",
        seen: `${(medianOf(ups, "stack up") / allowed).toFixed(2)}  (${seconds(medianOf(ups, "stack up"))} / (1.5 x ${seconds(medianOf(ups, "plain start"))} + ${seconds(medianOf(ups, "empty up"))}))`,
        promised: "1.00",
        kept: medianOf(ups, "stack up") <= allowed,
      },
      {
        what: "no-op preview / empty preview",
        seen: `${preview.toFixed(2)}  (${seconds(medianOf(previews, "stack preview"))} / ${seconds(medianOf(previews, "empty preview"))})`,
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

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;

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
