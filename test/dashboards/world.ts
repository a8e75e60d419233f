// A real Prometheus with three hours of a small platform behind it: backfilled by promtool, then scraped live.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { recordingRules, recordings } from "../../alerts/recorded.ts";
import { recordedRates } from "../../telemetry/catalogue/recorded.ts";
import { findTool } from "../../tools/resolve.ts";
import { jobs, model } from "./world/jobs.ts";
import { clock, counter, type Series, wave } from "./world/series.ts";

export interface World {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

export const missingTools = (): string | undefined =>
  ["prometheus", "promtool"].find((name) => findTool(name) === undefined);

const modelWithout = (job: string, without: readonly string[]): readonly Series[] =>
  model(job).filter(([name]) => !without.includes(name));

const text = (labels: Readonly<Record<string, string>>): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}}`;

export interface WorldOptions {
  /** How far back its history reaches; default three hours. */
  readonly hours?: number;
  /** Metrics that nobody has. */
  readonly without?: readonly string[];
  /** So many series of `many_values`, each with its number as value. */
  readonly many?: number;
}

/** Starts it; about two seconds. */
export async function startWorld({ hours = 3, without = [], many = 0 }: WorldOptions = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-world-"));
  clock.now = Date.now() / 1_000;
  clock.epoch = clock.now - 7 * 86_400;
  const exporter = await startExporter(without, many);
  const { port } = exporter.address() as AddressInfo;
  let child: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await Promise.race([once(child, "exit"), sleep(5_000).then(() => child?.kill("SIGKILL"))]);
    }
    exporter.close();
    exporter.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await backfill(folder, hours, without, many);
    await writeFile(
      join(folder, "prometheus.yml"),
      JSON.stringify(configFor(port, many > 0 ? [...jobs, "many"] : jobs)),
    );
    await writeFile(join(folder, "rules.yml"), JSON.stringify(rules));
    child = spawn(
      findTool("prometheus")?.path ?? "",
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
        "--enable-feature=exemplar-storage",
        "--log.level=info",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const url = `http://${await listening(child)}`;
    await untilSeries(url);
    return { url, pid: child.pid ?? 0, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

const numbered = (many: number): readonly Series[] =>
  Array.from({ length: many }, (_, at) => String(at).padStart(4, "0")).map((number) => [
    "many_values",
    { number },
    () => Number(number),
  ]);

async function startExporter(without: readonly string[], many: number): Promise<Server> {
  const server = createServer((request, response) => {
    const job = (request.url ?? "/").slice(1);
    const at = Date.now() / 1_000;
    response.setHeader("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const lines = [...modelWithout(job, without), ...(job === "many" ? numbered(many) : [])].map(
      ([name, labels, value]) => {
        // Every bucket has one request whose trace is known.
        const le = Number(labels.le ?? Number.NaN);
        const traced = name.endsWith("_bucket") && Number.isFinite(le);
        return `${name}${text(labels)} ${value(at)}${traced ? ` # {trace_id="${traceId}"} ${0.7 * le} ${at}` : ""}\n`;
      },
    );
    response.end(`${lines.join("")}# EOF\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const configFor = (port: number, scraped: readonly string[]) => ({
  global: { scrape_interval: "1s", evaluation_interval: "1s" },
  rule_files: ["rules.yml"],
  scrape_configs: [
    ...scraped.map((job) => ({
      job_name: job,
      metrics_path: `/${job}`,
      static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { instance: `${job}-0` } }],
    })),
    // Nothing listens there: a target that is down.
    { job_name: "jaeger", static_configs: [{ targets: ["127.0.0.1:1"], labels: { instance: "jaeger-0" } }] },
  ],
});

const rules = {
  groups: [
    { name: "rates", rules: recordingRules(recordings.rates?.all ?? []) },
    {
      name: "world",
      rules: [
        { alert: "IntegrationDown", expr: "integration_up == 0", labels: { severity: "page", owner: "platform" } },
        { alert: "TargetDown", expr: "up == 0", for: "1h", labels: { severity: "ticket", owner: "platform" } },
        // Nobody has this metric: the alert can never fire.
        { alert: "Orphan", expr: "metric_that_nobody_has > 0", labels: { severity: "info", owner: "platform" } },
        // Not everybody has a standby: the alert is silent, and that is right.
        { alert: "CutOff", expr: "pg_standby_receiving == 0", labels: { severity: "info", owner: "platform" } },
        { alert: "Watchdog", expr: "vector(1)", labels: { severity: "info", owner: "platform" } },
        { record: "job:up:min", expr: "min by (job) (up)" },
      ],
    },
  ],
};

/** What the rules would have recorded of these counters until clock.now. */
function pastRates(all: readonly Series[]): readonly Series[] {
  const summed = (record: string, metric: string, labels: readonly string[], only = /^/): readonly Series[] => {
    const counters = all.filter(([name, { status_code: code = "" }]) => name === metric && only.test(code));
    const keyOf = ([, own]: Series) => JSON.stringify(labels.map((label) => own[label]));
    return [...Map.groupBy(counters, keyOf).values()].map(
      (group): Series => [
        record,
        Object.fromEntries(labels.map((label) => [label, group[0]?.[1][label] ?? ""])),
        (at) => group.reduce((sum, [, , value]) => sum + (value(at) - value(at - 300)) / 300, 0),
      ],
    );
  };
  return [
    ...Object.entries(recordedRates).flatMap(([record, labels]) => summed(record, record.split(":")[1] ?? "", labels)),
    ...summed("job:http_requests_failed:rate5m", "http_requests_total", ["job"], /^5/),
  ];
}

/** An alert that fired until some minutes ago; NaN is no sample. */
const pastLabels = { alertname: "TargetDown", severity: "ticket", owner: "platform", service: "jaeger" };
const whileItFired = (at: number, value: number): number => (at < clock.now - 900 ? value : Number.NaN);
const pastAlert: readonly Series[] = [
  ["ALERTS", { ...pastLabels, alertstate: "firing" }, (at) => whileItFired(at, 1)],
  // It began anew every half hour.
  ["ALERTS_FOR_STATE", pastLabels, (at) => whileItFired(at, at - (at % 1_800))],
  [
    "alert:ALERTS:started",
    { ...pastLabels, alertstate: "firing" },
    (at) => (at % 1_800 < 15 ? whileItFired(at, 1) : Number.NaN),
  ],
  ["ALERTS", { alertname: "Watchdog", severity: "info", owner: "platform", alertstate: "firing" }, () => 1],
];

async function backfill(folder: string, hours: number, without: readonly string[], many: number): Promise<void> {
  const own: readonly Series[] = [
    ["prometheus_tsdb_head_series", {}, (at) => 4_200 + 350 * wave(at, 3_100)],
    ["prometheus_tsdb_head_samples_appended_total", { sample_type: "float" }, counter(290)],
    ["prometheus_config_last_reload_successful", {}, () => 1],
    ["prometheus_rule_evaluation_failures_total", { rule_group: "world" }, () => 0],
    ["prometheus_rule_group_iterations_missed_total", { rule_group: "world" }, () => 0],
    ["prometheus_notifications_errors_total", { alertmanager: "a" }, () => 0],
    ["prometheus_notifications_dropped_total", { alertmanager: "a" }, () => 0],
    ["prometheus_notifications_alertmanagers_discovered", {}, () => 1],
    ...["wal_writes_failed", "wal_corruptions", "compactions_failed", "head_truncations_failed"].map(
      (name): Series => [`prometheus_tsdb_${name}_total`, {}, () => 0],
    ),
    ["prometheus_target_scrapes_exceeded_sample_limit_total", {}, () => 0],
    ["prometheus_tsdb_storage_blocks_bytes", {}, (at) => 21e6 + Math.floor((at - clock.epoch) / 7_200) * 2e6],
  ];
  const all = [
    ...jobs.flatMap((job, index) =>
      [
        ...modelWithout(job, without),
        // One was down for a minute, ten minutes ago.
        ["up", {}, (at: number) => (job === "alertmanager" && Math.abs(at - clock.now + 600) < 30 ? 0 : 1)] as Series,
        ["scrape_duration_seconds", {}, (at: number) => 0.004 + 0.003 * (index + wave(at, 600, index))] as Series,
        ["scrape_samples_post_metric_relabeling", {}, () => 60 * (index + 1)] as Series,
      ].map(([name, labels, value]): Series => [name, { ...labels, job, instance: `${job}-0` }, value]),
    ),
    ...pastAlert,
    ...numbered(many).map(
      ([name, labels, value]): Series => [name, { ...labels, job: "many", instance: "many-0" }, value],
    ),
    ...own.map(
      ([name, labels, value]): Series => [name, { ...labels, job: "prometheus", instance: "prometheus-0" }, value],
    ),
  ];
  const byName = Map.groupBy([...all, ...pastRates(all)], ([name]) => name);
  const lines: string[] = [];
  for (const series of byName.values())
    for (const [name, labels, value] of series)
      for (let at = clock.now - hours * 3_600; at < clock.now; at += 15)
        if (!Number.isNaN(value(at))) lines.push(`${name}${text(labels)} ${value(at)} ${at.toFixed(3)}`);
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "history.txt"), `${lines.join("\n")}\n# EOF\n`);
  await promisify(execFile)(findTool("promtool")?.path ?? "", [
    "tsdb",
    "create-blocks-from",
    "openmetrics",
    join(folder, "history.txt"),
    join(folder, "data"),
  ]);
}

/** Prometheus logs the address that it was given by the system. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = "";
    child.stderr?.on("data", (part: Buffer) => {
      log = (log + part.toString()).slice(-8_000);
      const address = /Listening on.*?address=(127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`prometheus ended with ${code}: ${log}`)));
  });
}

/** Ready, scraped at least twice, and with the firing alert. */
async function untilSeries(url: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const answer = await fetch(
      `${url}/api/v1/query?query=${encodeURIComponent('ALERTS{alertstate="firing"} and on () (count(count_over_time(up[20s]) >= 3) > 5)')}`,
    ).catch(() => undefined);
    const body = answer?.ok === true ? ((await answer.json()) as { data: { result: unknown[] } }) : undefined;
    if ((body?.data.result.length ?? 0) > 0) return;
    await sleep(200);
  }
  throw new Error(`prometheus at ${url} has no series after 30 s`);
}
