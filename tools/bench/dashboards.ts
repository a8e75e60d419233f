// What each dashboard asks of a Prometheus that holds thirty days of the demo's series: samples touched, time.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { seconds as secondsOf } from "../../components/units.ts";
import { neededMetrics } from "../../dashboards/verify-items.ts";
import { type Context, loadPanel } from "../../dashboards/viewer/browser/load.ts";
import { marksOf } from "../../dashboards/viewer/browser/marks.ts";
import { type Dashboard, panelsOf } from "../../dashboards/viewer/browser/model.ts";
import { choicesOf } from "../../dashboards/viewer/browser/variables.ts";
import { recordedEvery, recordedRates } from "../../telemetry/catalogue/recorded.ts";
import { freePort, until } from "../../test/support/ports.ts";
import { output } from "../exec.ts";
import { resolveTool } from "../resolve.ts";
import { stackApart } from "../stack/apart.ts";
import { runningStack } from "../stack/running.ts";
import { table } from "../stack/table.ts";
import { turns } from "../turns.ts";
import { type Seed, writeHistory } from "./history.ts";
import { median, seconds, timed, type Verdict } from "./measure.ts";
import { mebibytes, type Program, pause, resident, startProgram, textOf } from "./program.ts";

const stack = "bench-dashboards";
const portOffset = 15_500;
const scrapeSeconds = 15;
const day = 86_400;
const days = 30;
/** How long the demo runs until its series are read. */
const demoSeconds = 180;
const allowedMs = 2_000;
/** A browser has that many requests under way at once, and a screen that wide. */
const parallel = 6;
const screen = 1_280;

export async function benchDashboards(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-"));
  let prometheus: Program | undefined;
  try {
    const dashboards = await dashboardsOfDemo(folder);
    say(`the demo for ${demoSeconds} s, for the series that dashboards read`);
    const seeds = await seedsOfDemo(folder, metricsOf(dashboards));
    prometheus = await startPrometheus(folder);
    const to = Math.floor(Date.now() / 1_000 / scrapeSeconds) * scrapeSeconds;
    const rare = seeds.filter(({ step }) => step !== scrapeSeconds).length;
    say(`${seeds.length} series over ${days} days, a sample each ${scrapeSeconds} s, of ${rare} each ${recordedEvery}`);
    let samples = 0;
    const { url } = prometheus;
    const filling = await timed(async () => {
      samples = await writeHistory(url, seeds, { from: to - days * day, to }, demoSeconds, say);
    });
    say(`  ${(samples / 1e6).toFixed(0)} million samples in ${seconds(filling)}`);
    await compacted(url);
    const results = await measure(dashboards, url, { from: to - days * day, to }, rounds, say);
    say(
      `\n${table([
        ["DASHBOARD", "QUERIES", "SAMPLES TOUCHED", "TIME", "SLOWEST PANEL"],
        ...results.map(({ title, queries, touched, allMs, slowest }) => [
          title,
          `${queries}`,
          `${(touched / 1e6).toFixed(1)} million`,
          seconds(median(allMs)),
          slowest,
        ]),
      ])}`,
    );
    say(`Prometheus: ${mebibytes(resident(prometheus))} resident`);
    return results.map(({ title, allMs }) => ({
      what: `${title}: its queries over ${days} days`,
      seen: seconds(median(allMs)),
      promised: seconds(allowedMs),
      kept: median(allMs) <= allowedMs,
    }));
  } finally {
    prometheus?.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The dashboards of the demo, as the command writes them. */
async function dashboardsOfDemo(folder: string): Promise<readonly Dashboard[]> {
  const out = join(folder, "dashboards");
  await output(process.execPath, ["tools/commands/dashboards.ts", "--out", out], { cwd: codeRoot });
  return readdirSync(out).map((name) => JSON.parse(readFileSync(join(out, name), "utf8")) as Dashboard);
}

function metricsOf(dashboards: readonly Dashboard[]): readonly string[] {
  const names = dashboards
    .flatMap((dashboard) => [
      ...panelsOf(dashboard).flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr, hide }) => (hide === true ? [] : expr)),
      ),
      ...(dashboard.annotations?.list ?? []).map(({ target }) => target?.expr ?? ""),
    ])
    // A variable is no PromQL; any duration and any value stand for it.
    .flatMap((expr) => neededMetrics(expr.replaceAll(/\$__\w+/g, "1m").replaceAll(/\$\w+/g, "x")));
  return [...new Set(names)].toSorted();
}

/** Brings the demo up, lets it run, and reads what it shows. */
async function seedsOfDemo(folder: string, metrics: readonly string[]): Promise<readonly Seed[]> {
  const { pulumi } = await stackApart(folder, stack, { "vitals:demo": true, "vitals:portOffset": portOffset });
  try {
    await pulumi("up", "--yes", "--skip-preview");
    await pause(demoSeconds * 1_000);
    const url = `http://127.0.0.1:${9_090 + portOffset}`;
    const query = `{__name__=~"${metrics.join("|")}"}`;
    const response = await fetch(`${url}/api/v1/query`, { method: "POST", body: new URLSearchParams({ query }) });
    const { data } = (await response.json()) as {
      data: { result: readonly { metric: Seed["labels"]; value: readonly [number, string] }[] };
    };
    return data.result
      .map(({ metric, value }) => ({ labels: metric, value: Number(value[1]), step: stepOf(metric.__name__) }))
      .filter(({ value }) => Number.isFinite(value));
  } finally {
    await pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
    rmSync(runningStack(stack).root, { recursive: true, force: true });
    rmSync(join(codeRoot, ".vitals", stack), { recursive: true, force: true });
  }
}

/** How often it gets a sample. */
const stepOf = (name = ""): number => (Object.hasOwn(recordedRates, name) ? secondsOf(recordedEvery) : scrapeSeconds);

async function startPrometheus(folder: string): Promise<Program> {
  const home = join(folder, "prometheus");
  mkdirSync(home);
  writeFileSync(join(home, "prometheus.yml"), "{}\n");
  const port = await freePort();
  return startProgram(
    [
      resolveTool("prometheus").path,
      `--config.file=${join(home, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(home, "data")}`,
      `--storage.tsdb.retention.time=${days + 1}d`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-remote-write-receiver",
    ],
    { port, path: "/-/ready" },
  );
}

/** Until the blocks are merged as they would be after a month. */
async function compacted(url: string): Promise<void> {
  const count = async () =>
    Number(/^prometheus_tsdb_compactions_total (\d+)/m.exec(await textOf(`${url}/metrics`))?.[1]);
  let before = await count();
  await until(async () => {
    await pause(5_000);
    const now = await count();
    const still = now === before;
    before = now;
    return still;
  }, 600_000);
}

interface Result {
  readonly title: string;
  readonly queries: number;
  readonly touched: number;
  readonly allMs: number[];
  slowest: string;
}

/** Every dashboard in turn, as the viewer asks it; each round meets the same moments of the machine. */
async function measure(
  dashboards: readonly Dashboard[],
  prometheus: string,
  range: Context["range"],
  rounds: number,
  say: (line: string) => void,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const [index, dashboard] of dashboards.entries()) {
      let [queries, touched] = [0, 0];
      const turn = turns(parallel, 0);
      const context: Context = {
        dashboard,
        choices: choicesOf(dashboard, new URLSearchParams()),
        range,
        scrapeSeconds,
        signal: AbortSignal.timeout(300_000),
        fetch: (path, init) =>
          turn(1, async () => {
            const body = new URLSearchParams(init?.body as URLSearchParams);
            body.set("stats", "all");
            const response = await fetch(new URL(path, prometheus), { ...init, body });
            const text = await response.text();
            queries += 1;
            touched += Number(/"totalQueryableSamples":(\d+)/.exec(text)?.[1] ?? 0);
            return new Response(text, response);
          }),
      };
      const panels: { title: string; ms: number }[] = [];
      const ms = await timed(() =>
        Promise.all([
          ...(dashboard.annotations?.list ?? []).map((annotation) => marksOf(annotation, context)),
          ...panelsOf(dashboard).map(async (panel) => {
            const took = await timed(() => loadPanel(panel, context, (panel.gridPos.w / 24) * screen));
            panels.push({ title: panel.title ?? "", ms: took });
          }),
        ]),
      );
      const slowest = panels.toSorted((left, right) => right.ms - left.ms)[0]?.title ?? "";
      // The first round warms what a Prometheus that runs has warm.
      if (round === 0) results[index] = { title: dashboard.title, queries, touched, allMs: [], slowest };
      else {
        say(`  round ${round}: ${dashboard.title} ${seconds(ms)}`);
        results[index]?.allMs.push(ms);
        if (results[index] !== undefined) results[index].slowest = slowest;
      }
    }
  }
  return results;
}
