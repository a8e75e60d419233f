// Steady light traffic on the clinic's services: `node demo/traffic.ts --clinical URL --business URL --medication URL --host H --port N [--rate 4]`.

import { readOptions } from "../components/arguments.ts";
import type { demo } from "../telemetry/catalogue/demo.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createServer, runMain, serve } from "./http.ts";
import { type DemoService, nextRequest, type Request, services } from "./traffic/actions.ts";
import { createDraws } from "./traffic/draws.ts";
import { createClient } from "./traffic/exchange.ts";

const deadlineMilliseconds = 3_000;
const mostOpen = 8;
/** How many requests pass until the number of patients is asked for again. */
const censusEvery = 2_000;
const patientsUntilKnown = 100;

interface TrafficOptions {
  readonly urls: Readonly<Record<DemoService, string>>;
  readonly rate: number;
  readonly seed: number;
}

/** Sends until it is stopped; a service that is away costs failures, never a backlog. */
function startTraffic({ urls, rate, seed }: TrafficOptions, metrics: Metrics<typeof demo>): () => void {
  const requests = metrics.counter("demo_traffic_requests_total");
  const failures = metrics.counter("demo_traffic_failures_total");
  const skipped = metrics.counter("demo_traffic_skipped_total");
  for (const service of services) {
    requests.inc({ service }, 0);
    failures.inc({ service }, 0);
  }
  const draws = createDraws(seed);
  const client = createClient(deadlineMilliseconds, mostOpen);
  let open = 0;
  let sent = 0;
  let patients = patientsUntilKnown;
  metrics.source(() => [{ metric: "demo_traffic_requests_in_flight", labels: {}, value: open }]);

  const send = async ({ service, method, path, body }: Request, read = false): Promise<unknown> => {
    open++;
    try {
      const url = new URL(path, urls[service]);
      const { status, json } = await client.send({ method, url, read, ...(body === undefined ? {} : { body }) });
      if (status >= 500) failures.inc({ service });
      return json;
    } catch {
      failures.inc({ service });
      return undefined;
    } finally {
      open--;
      requests.inc({ service });
    }
  };
  const census = async (): Promise<void> => {
    const answer = await send({ service: "clinical-service", method: "GET", path: "/patients?limit=1" }, true);
    const { total } = (answer ?? {}) as { readonly total?: number };
    if (typeof total === "number" && total > 0) patients = total;
    else sent = -10;
  };
  let due = performance.now();
  const tick = (): void => {
    if (open >= mostOpen) skipped.inc({});
    else if (sent++ % censusEvery === 0) void census();
    else void send(nextRequest(draws, patients));
    // Missed turns are not made up for: after a pause of the machine there is no burst.
    due = Math.max(due + ((0.5 + draws.fraction()) * 1_000) / rate, performance.now());
    timer = setTimeout(tick, Math.max(0, due - performance.now()));
  };
  let timer = setTimeout(tick, 0);
  return () => {
    clearTimeout(timer);
    client.close();
  };
}

runMain("demo/traffic.ts", async () => {
  const options = readOptions("demo/traffic.ts", process.argv.slice(2), {
    clinical: { kind: "url" },
    business: { kind: "url" },
    medication: { kind: "url" },
    host: { kind: "text" },
    port: { kind: "port" },
    rate: { kind: "rate", default: "4" },
    seed: { kind: "count", default: "1" },
    traces: { kind: "receiver", default: "off" },
  });
  const urls = {
    "clinical-service": options.clinical,
    "business-service": options.business,
    "medication-service": options.medication,
  };
  const server = await createServer({ name: "demo-traffic", traces: options.traces, upstreams: urls });
  const stop = startTraffic({ urls, rate: Number(options.rate), seed: Number(options.seed) }, server.telemetry.own);
  await serve(server, options.host, Number(options.port), async () => stop());
});
