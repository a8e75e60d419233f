// integration-health beside the real Gatus, and the real blackbox_exporter with a rule of Prometheus, in one world of faults whose time is scaled.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stackError } from "../../components/errors.ts";
import { blackbox, gatus, ours, type Run, teller } from "../../test/exporters/simulation/probers.ts";
import { line, type Score, score } from "../../test/exporters/simulation/score.ts";
import { type World, world } from "../../test/exporters/simulation/world.ts";
import { freePort } from "../../test/support/ports.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { resolveTool } from "../resolve.ts";
import { anchorName, domain, type Internet, isOnline, startInternet } from "./internet.ts";
import type { Verdict } from "./measure.ts";
import { type Program, pause, startExporter, startProgram, textOf } from "./program.ts";

/** At this scale a minute of the world is 5 s, which is the least that Gatus takes for its connectivity checker. */
const scale = 12;
const timeoutMs = 5_000;
/** Until every prober has seen every vendor once. */
const warmUpMs = 15_000;
const lookEveryMs = 100;

type Stops = (() => void)[];
/** Looks for what is told now: the names of the vendors that are said to be down. */
type Look = () => Promise<readonly string[]>;

export async function benchFaults(hours: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const only = ["gatus", "blackbox_exporter", "prometheus"].flatMap((name) => programOf(name) ?? []);
  await acquire({ only });
  const seed = 1;
  // Nothing begins in a world's last hour.
  const make = (): World => world(seed, { vendors: 24, hours: hours + 1 });
  say("\n  by their rules, on a virtual clock, with restarts of the prober:");
  for (const [name, prober] of [
    ["integration-health", ours],
    ["Gatus", gatus],
    ["blackbox_exporter, for: 1m", blackbox],
  ] as const) {
    const given = make();
    say(`  ${line(name, score(await prober(given, seed), given))}`);
  }
  const given = { ...make(), endMs: hours * 3_600_000 };
  say(`\n  the programs themselves, ${Math.round(given.endMs / scale / 60_000)} minutes at ${scale} times the speed:`);
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-faults-"));
  const stop: Stops = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const runs = await watch(given, folder, stop, say);
    for (const [name, run] of Object.entries(runs)) say(`  ${line(name, score(run, given))}`);
    return verdicts(score(runs["integration-health"] as Run, given));
  } finally {
    for (const end of stop.toReversed()) end();
  }
}

/** What each of them told, in the world's time. */
async function watch(
  given: World,
  folder: string,
  stop: Stops,
  say: (line: string) => void,
): Promise<Readonly<Record<string, Run>>> {
  const from = Date.now() + warmUpMs;
  const now = (): number => (Date.now() - from) * scale;
  const internet = await startInternet(given, now, scale);
  stop.push(internet.close);
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, internet.ca);
  const started = { given, folder, internet, ca, stop };
  const own = await startOwn(started);
  const probers: Readonly<Record<string, Look>> = {
    "integration-health": own.look,
    Gatus: await startGatus(started, now, say),
    "blackbox_exporter, for: 1m": await startBlackbox(started),
  };
  const tellers = Object.entries(probers).map(([name, look]) => ({ name, look, down: new Set<string>(), ...teller() }));
  await pause(Math.max(0, from - Date.now()));
  for (const { name, look } of tellers) {
    const told = await look();
    if (told.length > 0)
      throw stackError(`bench faults: ${name}`, "tells of outages before there is one", "Correct its configuration.");
  }
  const before = await own.skipped();
  while (now() < given.endMs) {
    for (const { look, down, begin, end } of tellers) {
      const told = await look();
      for (const vendor of given.vendors) {
        const [was, is] = [down.has(vendor.name), told.includes(vendor.name)];
        if (is && !was) begin(vendor, now());
        if (was && !is) end(vendor, now());
      }
      down.clear();
      for (const name of told) down.add(name);
    }
    await pause(lookEveryMs);
  }
  const scheduled = given.vendors.reduce((sum, { intervalMs }) => sum + given.endMs / intervalMs, 0);
  const skipped = (await own.skipped()) - before;
  return Object.fromEntries(
    tellers.map(({ name, alerts }) => [name, { alerts, turns: scheduled - skipped, attempts: 0 }]),
  );
}

interface Started {
  readonly given: World;
  readonly folder: string;
  readonly internet: Internet;
  readonly ca: string;
  readonly stop: Stops;
}

const scaled = (ms: number): string => `${Math.round(ms / scale)}ms`;
const urlOf = (vendor: string): string => `https://${vendor}.${domain}/`;

async function startOwn({ given, folder, internet, stop }: Started): Promise<{
  readonly look: Look;
  readonly skipped: () => Promise<number>;
}> {
  const integrations = given.vendors.map(({ name, intervalMs }) => ({
    name,
    probe: "http",
    url: urlOf(name),
    ca: internet.ca,
    interval: scaled(intervalMs),
    timeout: scaled(timeoutMs),
    budget: { callsPerMinute: 600 },
    expect: { body: [{ path: "$.status", equals: "ok" }] },
  }));
  const file = join(folder, "own.json");
  const proxy = { address: `127.0.0.1:${internet.port}` };
  writeFileSync(
    file,
    JSON.stringify({ proxy, anchors: [443, 444].map((port) => `${anchorName}:${port}`), integrations }),
  );
  const own = await startExporter("integration-health", file, await freePort());
  stop.push(() => own.child.kill());
  const series = async (metric: string) =>
    [
      ...(await textOf(`${own.url}/metrics`)).matchAll(
        new RegExp(`^${metric}\\{integration="([^"]+)"\\} (\\S+)$`, "gm"),
      ),
    ].map(([, name = "", value]) => ({ name, value: Number(value) }));
  return {
    look: async () => (await series("integration_up")).filter(({ value }) => value === 0).map(({ name }) => name),
    skipped: async () => (await series("integration_probes_skipped_total")).reduce((sum, { value }) => sum + value, 0),
  };
}

/** With its own defaults: three failures in a row, two successes, three endpoints at once, a look at its connectivity once a minute. */
async function startGatus(
  { given, folder, internet, ca, stop }: Started,
  now: () => number,
  say: (line: string) => void,
): Promise<Look> {
  const down = new Set<string>();
  const hook = createHttp((request, response) => {
    const [, name = "", state] = (request.url ?? "").split("/");
    if (state === "TRIGGERED") down.add(name);
    else down.delete(name);
    response.end();
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  stop.push(() => hook.close());
  const checked = await listenWhileOnline("127.0.53.53", given, now, stop);
  if (!checked) say("  Gatus runs without its connectivity checker: port 53 may not be opened here");
  const hookUrl = `http://127.0.0.1:${(hook.address() as { readonly port: number }).port}`;
  const file = join(folder, "gatus.yaml");
  const port = await freePort();
  writeFileSync(
    file,
    JSON.stringify({
      web: { address: "127.0.0.1", port },
      ...(checked ? { connectivity: { checker: { target: "127.0.53.53:53", interval: scaled(60_000) } } } : {}),
      alerting: { custom: { url: `${hookUrl}/[ENDPOINT_NAME]/[ALERT_TRIGGERED_OR_RESOLVED]`, method: "GET" } },
      endpoints: given.vendors.map(({ name, intervalMs }) => ({
        name,
        url: urlOf(name),
        interval: scaled(intervalMs),
        client: { timeout: scaled(timeoutMs), "proxy-url": `http://127.0.0.1:${internet.port}` },
        conditions: ["[STATUS] == any(200, 429)", "[BODY].status == ok"],
        alerts: [{ type: "custom", "send-on-resolved": true }],
      })),
    }),
  );
  const env = { GATUS_CONFIG_PATH: file, GATUS_LOG_LEVEL: "ERROR", SSL_CERT_FILE: ca };
  const started = await startProgram([resolveTool("gatus").path], { port, path: "/health", env });
  stop.push(() => started.child.kill());
  return async () => [...down];
}

/** One attempt a scrape, judged by the rule that everybody begins with. */
async function startBlackbox({ given, folder, internet, ca, stop }: Started): Promise<Look> {
  const http = {
    proxy_url: `http://127.0.0.1:${internet.port}`,
    // Else it looks for the names itself, which only the proxy knows.
    skip_resolve_phase_with_proxy: true,
    tls_config: { ca_file: ca },
    valid_status_codes: [200, 429],
    fail_if_body_not_matches_regexp: ['"status":"ok"'],
  };
  const module = join(folder, "blackbox.yml");
  writeFileSync(module, JSON.stringify({ modules: { vendor: { prober: "http", timeout: scaled(timeoutMs), http } } }));
  const port = await freePort();
  const exporter = await startProgram(
    [
      resolveTool("blackbox_exporter").path,
      `--config.file=${module}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { port, path: "/-/healthy" },
  );
  stop.push(() => exporter.child.kill());
  const prometheus = await startPrometheus(given, folder, port);
  stop.push(() => prometheus.child.kill());
  return async () => {
    const { data } = JSON.parse(await textOf(`${prometheus.url}/api/v1/alerts`)) as {
      readonly data: {
        readonly alerts: readonly { readonly state: string; readonly labels: { readonly vendor: string } }[];
      };
    };
    return data.alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.vendor);
  };
}

async function startPrometheus({ vendors }: World, folder: string, blackboxPort: number): Promise<Program> {
  const rule = { alert: "VendorDown", expr: "probe_success == 0", for: scaled(60_000) };
  writeFileSync(join(folder, "rules.yml"), JSON.stringify({ groups: [{ name: "vendors", rules: [rule] }] }));
  const relabel = [
    { source_labels: ["__address__"], target_label: "__param_target" },
    { target_label: "__address__", replacement: `127.0.0.1:${blackboxPort}` },
  ];
  const file = join(folder, "prometheus.yml");
  writeFileSync(
    file,
    JSON.stringify({
      global: { evaluation_interval: scaled(15_000) },
      rule_files: ["rules.yml"],
      scrape_configs: [...new Set(vendors.map(({ intervalMs }) => intervalMs))].map((intervalMs) => ({
        job_name: `every-${intervalMs}`,
        metrics_path: "/probe",
        params: { module: ["vendor"] },
        scrape_interval: scaled(intervalMs),
        scrape_timeout: scaled(intervalMs),
        static_configs: vendors
          .filter((each) => each.intervalMs === intervalMs)
          .map(({ name }) => ({ targets: [urlOf(name)], labels: { vendor: name } })),
        relabel_configs: relabel,
      })),
    }),
  );
  const port = await freePort();
  return startProgram(
    [
      resolveTool("prometheus").path,
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { port, path: "/-/ready" },
  );
}

/** A port 53 that is there while the world is online; false where it may not be opened. */
async function listenWhileOnline(host: string, given: World, now: () => number, stop: Stops): Promise<boolean> {
  let server: Server | undefined;
  const open = (): Promise<boolean> =>
    new Promise((resolve) => {
      server = createServer((socket) => void socket.destroy());
      server.once("error", () => resolve(false)).listen(53, host, () => resolve(true));
    });
  if (!(await open())) return false;
  const timer = setInterval(() => {
    const online = isOnline(given, now());
    if (online === (server !== undefined)) return;
    if (online) return void open();
    server?.close();
    server = undefined;
  }, 50);
  stop.push(
    () => server?.close(),
    () => clearInterval(timer),
  );
  return true;
}

const verdicts = (seen: Score): readonly Verdict[] => {
  const share = seen.alerts === 0 ? 0 : seen.false / seen.alerts;
  const latest = seen.delays.at(-1) ?? 0;
  return [
    { what: "false alerts of all", seen: `${(100 * share).toFixed(1)} %`, promised: "1 %", kept: share < 0.01 },
    {
      what: "told as theirs while we are offline",
      seen: `${seen.falseOffline}`,
      promised: "0",
      kept: seen.falseOffline === 0,
    },
    { what: `missed of ${seen.outages} outages`, seen: `${seen.missed}`, promised: "0", kept: seen.missed === 0 },
    { what: "latest detection, in intervals", seen: latest.toFixed(2), promised: "2", kept: latest <= 2 },
    {
      what: "scheduled checks without a verdict",
      seen: `${(100 * (1 - seen.turnsMade)).toFixed(2)} %`,
      promised: "1 %",
      kept: seen.turnsMade >= 0.99,
    },
  ];
};
