// Steady light traffic on the clinic: `node demo/traffic.ts --host H --port N [--rate 4]` and, either of them,
// `--gateway URL --login URL`, or past the gateway `--clinical URL --business URL --medication URL`.
import { readOptions } from "../components/arguments.ts";
import { stackError } from "../components/errors.ts";
import type { demo } from "../telemetry/catalogue/demo.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createServer, runMain, serve } from "./http.ts";
import { type DemoService, nextRequest, type Request, services } from "./traffic/actions.ts";
import { createDraws } from "./traffic/draws.ts";
import { createClient } from "./traffic/exchange.ts";
import { createTokens } from "./traffic/tokens.ts";

const deadlineMilliseconds = 3_000;
const mostOpen = 8;
/** How many requests pass until the number of patients is asked for again. */
const censusEvery = 2_000;
const patientsUntilKnown = 100;

interface TrafficOptions {
  /** What stands before each path; GraphQL is spoken by the gateway alone. */
  readonly urls: Readonly<Partial<Record<DemoService, string>>>;
  /** Where tokens are had; services behind the gateway want none. */
  readonly login: string | undefined;
  readonly rate: number;
  readonly seed: number;
}

interface Page {
  readonly total?: number;
}

/** The caller is nobody, may not, or asks too often: with the demo's tokens none of it is in order. */
const refused = new Set([401, 403, 429]);

/** Sends until it is stopped; a service that is away costs failures, never a backlog. */
function startTraffic({ urls, login, rate, seed }: TrafficOptions, metrics: Metrics<typeof demo>): () => void {
  const requests = metrics.counter("demo_traffic_requests_total");
  const failures = metrics.counter("demo_traffic_failures_total");
  const skipped = metrics.counter("demo_traffic_skipped_total");
  for (const service of services.filter((each) => urls[each] !== undefined)) {
    requests.inc({ service }, 0);
    failures.inc({ service }, 0);
  }
  const draws = createDraws(seed);
  const client = createClient(deadlineMilliseconds, mostOpen);
  const tokens = login === undefined ? async () => undefined : createTokens(client, login);
  let open = 0;
  let sent = 0;
  let patients = patientsUntilKnown;
  metrics.source(() => [{ metric: "demo_traffic_requests_in_flight", labels: {}, value: open }]);

  const send = async ({ service, method, path, body }: Request, read = false): Promise<unknown> => {
    open++;
    try {
      const url = new URL(`${urls[service]}${path}`);
      const authorization = await tokens();
      const { status, json } = await client.send({
        ...{ method, url, read },
        ...(body && { body }),
        ...(authorization && { authorization }),
      });
      const failed = (json as { readonly errors?: unknown } | undefined)?.errors !== undefined;
      if (status >= 500 || refused.has(status) || failed) failures.inc({ service });
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
    const { pagination, total = pagination?.total } = (answer ?? {}) as Page & { readonly pagination?: Page };
    if (typeof total === "number" && total > 0) patients = total;
    else sent = -10;
  };
  let due = performance.now();
  const tick = (): void => {
    if (open >= mostOpen) skipped.inc({});
    else if (sent++ % censusEvery === 0) void census();
    else {
      const next = nextRequest(draws, patients, urls.gateway !== undefined);
      // Of GraphQL, the status alone does not tell whether it went well.
      void send(next, next.service === "gateway");
    }
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
    gateway: { kind: "receiver", default: "off" },
    login: { kind: "receiver", default: "off" },
    clinical: { kind: "receiver", default: "off" },
    business: { kind: "receiver", default: "off" },
    medication: { kind: "receiver", default: "off" },
    host: { kind: "text" },
    port: { kind: "port" },
    rate: { kind: "rate", default: "4" },
    seed: { kind: "count", default: "1" },
    traces: { kind: "receiver", default: "off" },
  });
  const { gateway, login } = options;
  const through = gateway !== "off" && login !== "off";
  const past = {
    "clinical-service": options.clinical,
    "business-service": options.business,
    "medication-service": options.medication,
  };
  if (through === Object.values(past).some((url) => url !== "off"))
    throw stackError(
      "demo/traffic.ts",
      through ? "has two ways to go" : "has no way to go",
      "Give --gateway and --login, or --clinical, --business and --medication.",
    );
  const base = gateway.replace(/\/$/, "");
  const api = `${base}/api/v2`;
  const urls = through
    ? { "clinical-service": api, "business-service": api, "medication-service": api, gateway: base }
    : (Object.fromEntries(Object.entries(past).map(([name, url]) => [name, url.replace(/\/$/, "")])) as typeof past);
  const server = await createServer({
    name: "demo-traffic",
    traces: options.traces,
    upstreams: through ? { gateway, "demo-login": login } : past,
  });
  const traffic = { urls, login: through ? login : undefined, rate: Number(options.rate), seed: Number(options.seed) };
  const stop = startTraffic(traffic, server.telemetry.own);
  await serve(server, options.host, Number(options.port), async () => stop());
});
