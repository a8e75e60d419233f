// The gateway while what it leans on is away: it serves, and counts what it has to give up.
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readMetric, sumOf } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { startIngest } from "../telemetry/ingest.ts";
import { createIssuer, startGateway, startUpstream } from "./support.ts";

const nowhere = "127.0.0.1:1";
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
async function start(settings: object, ...args: readonly string[]) {
  const upstream = await startUpstream();
  cleanups.push(upstream.close);
  const gateway = await startGateway({ "clinical-service": upstream.url }, settings, ...args);
  cleanups.push(gateway.stop);
  return { upstream, gateway };
}

describe("the gateway", () => {
  it("serves without Redis and Jaeger, and counts what it has to give up", { timeout: 60_000 }, async () => {
    const settings = { redis: { address: nowhere }, limit: { perMinute: 60, burst: 1 } };
    const { gateway } = await start(settings, "--traces", `http://${nowhere}`);
    const statuses = new Set<number>();
    const dropped = async () => (await readMetric(gateway.url, "trace_spans_dropped_total")).get('{cause="full"}') ?? 0;
    await until(async () => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, at) => gateway.ask(`/api/v2/patients/${at + 1}`)),
      );
      for (const answer of answers) {
        statuses.add(answer.status);
        await answer.text();
      }
      return (await dropped()) > 0;
    }, 40_000);
    expect([...statuses]).toEqual([200]);
    expect(sumOf(await readMetric(gateway.url, "trace_export_failures_total"))).toBeGreaterThan(0);
    expect(sumOf(await readMetric(gateway.url, "trace_spans_queued"))).toBe(4_096);
    expect(sumOf(await readMetric(gateway.url, "cache_bypassed_total"))).toBeGreaterThan(100);
    expect(sumOf(await readMetric(gateway.url, "cache_circuit_open"))).toBe(1);
  });

  it("reports its errors to an ingest, and serves on while that is away and counts what it has to give up", async () => {
    const ingest = await startIngest();
    const folder = await mkdtemp(join(tmpdir(), "vitals-dsn-"));
    cleanups.push(() => rm(folder, { recursive: true }));
    const dsnFile = join(folder, "dsn");
    await writeFile(dsnFile, `${ingest.url.replace("://", "://key@")}/7\n`, { mode: 0o600 });
    const { upstream, gateway } = await start({ errorReports: { dsnFile } });
    upstream.answers.set("/patients/9", (_request, response) => void response.end("no JSON"));
    const fail = async () => (await gateway.ask("/api/v2/patients/9")).status;
    expect(await fail()).toBe(502);
    await until(() => ingest.events().length > 0);
    expect(ingest.events()).toMatchObject([{ transaction: "GET /api/v2/patients/:id", tags: { service: "gateway" } }]);
    await ingest.close();
    const dropped = async () => sumOf(await readMetric(gateway.url, "error_reports_dropped_total"));
    await until(async () => {
      expect(new Set(await Promise.all(Array.from({ length: 60 }, fail)))).toEqual(new Set([502]));
      return (await dropped()) > 0;
    });
    expect((await gateway.ask("/api/v2/patients/1")).status).toBe(200);
    expect(gateway.child.output()).not.toContain("key@");
  });

  it("serves on while nobody asks for its numbers, or asks and does not take them, and has counted all of it", async () => {
    const { gateway } = await start({});
    const { hostname, port } = new URL(gateway.url);
    // Each page is larger than what the system holds of one that is not read.
    const stalled = Array.from({ length: 10 }, () => {
      const socket = connect({ port: Number(port), host: hostname }).pause();
      socket.write("GET /metrics HTTP/1.1\r\nhost: gateway\r\n\r\n".repeat(20));
      return socket;
    });
    cleanups.push(() => {
      for (const socket of stalled) socket.destroy();
    });
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, at) => gateway.ask(`/api/v2/patients/${at + 1}`)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const counted = await readMetric(gateway.url, "http_requests_total");
    expect(counted.get('{method="GET",route="/api/v2/patients/:id",status_code="200"}')).toBe(120);
  });

  it("answers what is under way before it ends, takes nothing new, and sends what it has to tell", async () => {
    const ingest = await startIngest();
    cleanups.push(ingest.close);
    const { upstream, gateway } = await start({}, "--traces", ingest.url);
    let release = (): void => {};
    upstream.answers.set("/patients/1", (_request, response) => {
      release = () => void response.end('{"id":1}');
    });
    const open = gateway.ask("/api/v2/patients/1");
    await until(() => upstream.seen.length === 1);
    // Its header is not whole yet.
    const late = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    late.write("GET /api/v2/patients/2 HTTP/1.1\r\nhost: gateway\r\n");
    let told = "";
    late.on("data", (part) => {
      told += part.toString();
    });
    await once(late, "ready");
    const ended = gateway.child.end("SIGTERM");
    await until(() => gateway.child.output().includes('"msg":"stopping"'));
    await until(() =>
      fetch(`${gateway.url}/healthz`).then(
        (response) => response.status === 503,
        () => true,
      ),
    );
    expect(gateway.child.alive()).toBe(true);
    late.write("\r\n");
    await once(late, "close");
    expect(told).toMatch(/^HTTP\/1.1 503 /);
    expect(told.toLowerCase()).toMatch(/content-type: application\/problem\+json\r\n/);
    expect(told.toLowerCase()).toMatch(/retry-after: 2\r\n/);
    expect(JSON.parse(told.split("\r\n\r\n")[1] ?? "")).toMatchObject({ title: "Service Unavailable", status: 503 });
    release();
    const answer = await open;
    expect([answer.status, await answer.json()]).toMatchObject([200, { data: { id: 1 } }]);
    expect(answer.headers.get("connection")).toBe("close");
    expect(await ended).toBe(0);
    expect(ingest.spans().map(({ name }) => name)).toContain("GET /api/v2/patients/:id");
  });

  it("waits at its end for as long as an upstream may take", { timeout: 30_000 }, async () => {
    const { upstream, gateway } = await start({ deadlineMs: 9_000 });
    // Longer than other programs of ours wait.
    const slowMs = 8_300;
    upstream.answers.set("/patients/1", (_request, response) => {
      setTimeout(() => response.end('{"id":1}'), slowMs);
    });
    const open = gateway.ask("/api/v2/patients/1").then(({ status }) => status);
    await until(() => upstream.seen.length === 1);
    const ended = gateway.child.end("SIGTERM");
    expect(await open).toBe(200);
    expect(await ended).toBe(0);
  });

  it("knows its callers on while their issuer is away, and tells others to come again", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-issuer-"));
    cleanups.push(() => rm(folder, { recursive: true }));
    const issuer = await createIssuer(folder);
    const { jwksFile, ...names } = issuer.access as { readonly jwksFile: string };
    let there = false;
    const keys = createServer(async (_request, response) => {
      if (there) response.end(await readFile(jwksFile));
      else response.destroy();
    });
    await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => keys.close());
    const jwksUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks.json`;
    const { gateway } = await start({ access: { ...names, jwksUrl } });
    const ask = async (subject: string) => {
      const authorization = `Bearer ${await issuer.token(["manager"], { subject })}`;
      return fetch(`${gateway.url}/api/v2/patients/1`, { headers: { authorization } });
    };
    const early = await ask("early");
    expect([early.status, early.headers.get("retry-after")]).toEqual([503, "2"]);
    expect((await readMetric(gateway.url, "gateway_refusals_total")).get('{reason="issuer_away"}')).toBe(1);
    there = true;
    expect((await until(async () => ((await ask("first")).status === 200 ? true : undefined))) satisfies true).toBe(
      true,
    );
    there = false;
    expect((await ask("first")).status).toBe(200);
    expect((await ask("second")).status).toBe(200);
  });
});
