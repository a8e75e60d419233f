// What it costs to observe: the processor's time of the exporters over five minutes of the demo's traffic, and what telemetry takes in the
// services meanwhile: its cost for a request and for a scrape, measured beside a gateway without it, times the requests and scrapes.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { exporters } from "../../exporters/index.ts";
import { readMetric, sumOf } from "../../test/demo/clinic.ts";
import { startGateway, type TestGateway } from "../../test/gateway/support.ts";
import { freePort } from "../../test/support/ports.ts";
import { startIngest } from "../../test/telemetry/ingest.ts";
import { stackApart } from "../stack/apart.ts";
import { type Running, runningStack } from "../stack/running.ts";
import { load } from "./gateway/load.ts";
import { median, type Verdict } from "./measure.ts";
import { cpuSeconds, pause, startProgram, textOf } from "./program.ts";

const stack = "bench-observing";
// Below the ports that a machine gives to outgoing connections.
const settings = { "vitals:demo": true, "vitals:portOffset": 13_000 };
const [settleSeconds, seconds, scrapeSeconds] = [30, 300, 15];
const shape = { connections: 16, milliseconds: 1_500 };
const scrapes = 100;

export async function benchObserving(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const cost = await costOfTelemetry(rounds, say);
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-"));
  const { pulumi } = await stackApart(folder, stack, settings);
  try {
    await pulumi("up", "--yes", "--skip-preview");
    say(`${seconds} s of the demo's traffic`);
    await pause(settleSeconds * 1_000);
    const { instances } = runningStack(stack);
    const own = instances.filter(({ service }) => service in exporters);
    const observed = await observedOf(instances);
    const before = { cpu: cpuOf(own), requests: await requestsOf(observed) };
    await pause(seconds * 1_000);
    const requests = (await requestsOf(observed)) - before.requests;
    const spent = {
      exporters: cpuOf(own) - before.cpu,
      requests: requests * cost.request,
      scrapes: ((observed.length * seconds) / scrapeSeconds) * cost.scrape,
    };
    return [verdictOf(spent, requests, observed.length)];
  } finally {
    await pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
    rmSync(runningStack(stack).root, { recursive: true, force: true });
    rmSync(join(codeRoot, ".vitals", stack), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

function verdictOf(
  spent: { readonly exporters: number; readonly requests: number; readonly scrapes: number },
  requests: number,
  services: number,
): Verdict {
  const percent = (used: number): number => (100 * used) / (seconds * availableParallelism());
  const of = (used: number): string => `${percent(used).toFixed(2)} %`;
  const whole = spent.exporters + spent.requests + spent.scrapes;
  return {
    what: `exporters and telemetry: of the machine's processors over ${seconds / 60} minutes, ${requests} requests at ${services} services`,
    seen: `${of(whole)}  (exporters ${of(spent.exporters)}, requests ${of(spent.requests)}, scrapes ${of(spent.scrapes)})`,
    promised: "2.00 %",
    kept: percent(whole) <= 2,
  };
}

interface Cost {
  /** Seconds of the processor for a request, of which each is a whole trace with its calls. */
  readonly request: number;
  /** And for a scrape. */
  readonly scrape: number;
}

/** Of a gateway that records every trace, beside one without telemetry; past the cache, so that each request makes a call as well. */
async function costOfTelemetry(rounds: number, say: (line: string) => void): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-cost-"));
  const stop: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const [file, port] = [join(folder, "answer"), await freePort()];
    writeFileSync(file, JSON.stringify({ id: 5 }));
    const args = ["tools/bench/gateway/bytes.ts", String(port), file];
    const upstream = await startProgram([process.execPath, ...args], { port, path: "/", cwd: codeRoot });
    stop.push(() => upstream.child.kill());
    const ingest = await startIngest();
    stop.push(ingest.close);
    const start = async (telemetry: object, ...more: readonly string[]) => {
      const gateway = await startGateway({ "clinical-service": upstream.url }, { telemetry }, ...more);
      stop.push(gateway.stop);
      return { gateway, authorization: `Bearer ${await gateway.issuer.token(["manager"], { expires: "2h" })}` };
    };
    const [without, whole] = [await start({ requests: false }), await start({}, "--traces", ingest.url)];
    const differences: number[] = [];
    for (const sides of Array.from({ length: rounds + 1 }, () => [without, whole] as const)) {
      const [off, on] = [await perRequest(sides[0]), await perRequest(sides[1])];
      differences.push(on - off);
    }
    // The first round warms up.
    const request = Math.max(0, median(differences.slice(1)));
    const before = cpuSeconds(whole.gateway);
    for (let turn = 0; turn < scrapes; turn++) await textOf(`${whole.gateway.url}/metrics`);
    const scrape = (cpuSeconds(whole.gateway) - before) / scrapes;
    say(`  telemetry: ${(request * 1e6).toFixed(1)} us a request, ${(scrape * 1e3).toFixed(2)} ms a scrape`);
    return { request, scrape };
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

async function perRequest({
  gateway,
  authorization,
}: {
  readonly gateway: TestGateway;
  readonly authorization: string;
}): Promise<number> {
  const [from, before] = [performance.now(), cpuSeconds(gateway)];
  const { perSecond } = await load({ url: gateway.url, path: "/api/v2/patients/5", headers: { authorization } }, shape);
  return (cpuSeconds(gateway) - before) / ((perSecond * (performance.now() - from)) / 1_000);
}

const cpuOf = (instances: readonly Running[]): number =>
  instances.reduce((sum, { pid }) => sum + cpuSeconds({ child: { pid } }), 0);

/** Where each service that counts its requests shows them. */
async function observedOf(instances: readonly Running[]): Promise<readonly string[]> {
  const pages = instances.flatMap(({ ports: { operations, web } }) => operations ?? web ?? []);
  const counted = await Promise.all(
    pages.map(async (page) => ((await answered(page)) === undefined ? [] : [`http://${page}`])),
  );
  return counted.flat();
}

const answered = async (page: string): Promise<number | undefined> => {
  const values = await readMetric(`http://${page}`, "http_requests_total").catch(() => undefined);
  return values === undefined || values.size === 0 ? undefined : sumOf(values);
};

const requestsOf = async (observed: readonly string[]): Promise<number> =>
  (await Promise.all(observed.map((url) => readMetric(url, "http_requests_total")))).reduce(
    (sum, values) => sum + sumOf(values),
    0,
  );
