// The demo's traffic through the gateway, with tokens of the demo's issuer: real services on a real PostgreSQL and a real Redis.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sheets } from "../../records/index.ts";
import { rows } from "../../telemetry/catalogue/index.ts";
import { type Clinic, type Running, readMetric, startClinic, startServer, sumOf } from "../demo/clinic.ts";
import { freePort, until } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";

const missing = postgresMissing() ?? redisMissing();
const names = { issuer: "demo-login", audience: "clinic-api" };

describe.skipIf(missing !== undefined)(`the demo's traffic through the gateway ${missing ?? ""}`, () => {
  let folder: string;
  let clinic: Clinic;
  let redis: TestRedis;
  const running: Running[] = [];
  let gateway: Running;
  let login: Running;
  let operations: string;
  const start = async (entry: string, ...args: readonly string[]): Promise<Running> => {
    const server = await startServer(entry, ...args);
    running.push(server);
    return server;
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-gateway-"));
    [clinic, redis] = await Promise.all([startClinic(), startRedis()]);
    expect((await clinic.seed("--patients", "150")).code).toBe(0);
    const services = await Promise.all(sheets.map(async ({ name }) => [name, (await clinic.service(name)).url]));
    const secret = join(folder, "secret");
    await writeFile(secret, "nobody knows this one\n", { mode: 0o600 });
    const issuer = Object.entries(names).flatMap(([name, value]) => [`--${name}`, value]);
    login = await start("login.ts", ...issuer, "--key-file", secret);
    const config = join(folder, "gateway.json");
    const settings = {
      upstreams: Object.fromEntries(services),
      access: { ...names, jwksUrl: `${login.url}/jwks.json` },
      redis: { address: `127.0.0.1:${redis.port}` },
      secretFile: secret,
    };
    await writeFile(config, JSON.stringify(settings));
    const port = await freePort();
    operations = `http://127.0.0.1:${port}`;
    gateway = await start("../gateway/main.ts", "--config", config, "--operations-port", String(port));
    await until(async () => sumOf(await readMetric(operations, "cache_circuit_open")) === 0);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(running.map(({ child }) => child.end("SIGKILL")));
    await Promise.all([clinic?.stop(), redis?.stop()]);
    await rm(folder, { recursive: true });
  });

  it("is let in, finds its routes, and is answered by the cache in part", async () => {
    const traffic = await start("traffic.ts", "--gateway", gateway.url, "--login", login.url, "--rate", "100");
    const of = async (metric: string) => sumOf(await readMetric(traffic.url, metric));
    await until(async () => (await of("demo_traffic_requests_total")) >= 300, 30_000);
    expect(await of("demo_traffic_failures_total")).toBe(0);
    const routes = [...(await readMetric(operations, "http_requests_total")).keys()];
    expect(routes.filter((labels) => labels.includes('"unmatched"'))).toEqual([]);
    expect(routes.join()).toContain('route="/api/v2/patients/:id/appointments"');
    const graphql = async (what: string) => sumOf(await readMetric(operations, `graphql_${what}_total`));
    expect([(await graphql("operations")) > 10, await graphql("errors")]).toEqual([true, 0]);
    const hits = sumOf(await readMetric(operations, "cache_hits_total"));
    expect(hits).toBeGreaterThan(30);
    const loads = [...(await readMetric(operations, "cache_load_duration_seconds_count")).values()];
    expect(sumOf(new Map(loads.map((value, at) => [`${at}`, value])))).toBeGreaterThan(30);
    expect(await traffic.child.end()).toBe(0);
  }, 60_000);

  it("is seen in 50 metrics or more, each of them in the catalogue", async () => {
    const page = await (await fetch(`${operations}/metrics`)).text();
    const names = [...page.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name);
    expect(names.filter((name) => !Object.hasOwn(rows, name))).toEqual([]);
    // Those that have a value by now: traffic has passed.
    const alive = names.filter((name) => new RegExp(`^${name}(?:_count)?(?:\\{[^}]*\\})? [^\\s]`, "m").test(page));
    console.log(`the gateway shows ${alive.length} metrics`);
    expect(alive.length).toBeGreaterThanOrEqual(50);
  });

  it("shows health to everybody, and metrics at its other port alone", async () => {
    for (const url of [gateway.url, operations]) {
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    }
    expect((await fetch(`${operations}/metrics`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(404);
    for (const path of ["/api/v2/patients/1", "/docs", "/openapi.json"])
      expect([path, (await fetch(operations + path)).status]).toEqual([path, 404]);
  });

  it("ends in order", async () => {
    expect(await gateway.child.end("SIGTERM")).toBe(0);
    expect(gateway.child.output()).toContain('"msg":"stopped"');
  });
});
