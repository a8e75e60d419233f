// Traces of the clinic's real services in a real Jaeger as the stack configures it, found through Jaeger's API.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTool, resolveTool } from "../tools/resolve.ts";
import { type Clinic, readMetric, startClinic, startServer, sumOf } from "./demo/clinic.ts";
import { startGateway } from "./gateway/support.ts";
import { least, make } from "./platforms/kubernetes-stacks.ts";
import { type Child, startChild } from "./support/children.ts";
import { exemplarsOf, pathsOf, readTrace, type Trace, tagsOf } from "./support/jaeger.ts";
import { freePort, until, untilListening } from "./support/ports.ts";
import { postgresMissing } from "./support/postgres.ts";
import { redisMissing, startRedis } from "./support/redis.ts";

interface Jaeger {
  readonly otlp: string;
  readonly api: string;
  readonly child: Child;
}

const folder = mkdtempSync(join(tmpdir(), "vitals-traces-"));
const children: Child[] = [];

/** Jaeger with the configuration of a stack, on ports of its own, with its traces in memory. */
async function startJaeger(tracesKept: number): Promise<Jaeger> {
  const { manifests, stack } = make({ ...least, jaegerStorage: "memory", tracesKept }, []);
  const texts = manifests.flatMap(({ kind, metadata, data }) =>
    kind === "ConfigMap" && metadata.name.startsWith("jaeger-") ? Object.values(data as Record<string, string>) : [],
  );
  let text = texts.join("").replaceAll("0.0.0.0", "127.0.0.1");
  const ports = new Map<string, number>();
  for (const [name, { number }] of Object.entries(stack.specs.find((spec) => spec.name === "jaeger")?.ports ?? {})) {
    const free = await freePort();
    ports.set(name, free);
    text = text.replaceAll(new RegExp(`\\b${number}\\b`, "g"), `${free}`);
  }
  const path = join(folder, `jaeger-${tracesKept}.yaml`);
  writeFileSync(path, text);
  const child = startChild(resolveTool("jaeger").path, ["--config", path]);
  children.push(child);
  const urlOf = (port: string) => `http://127.0.0.1:${ports.get(port)}`;
  await untilListening(ports.get("otlp-http") ?? 0, child.alive);
  await untilListening(ports.get("web") ?? 0, child.alive);
  return { otlp: urlOf("otlp-http"), api: urlOf("web"), child };
}

/** Prometheus with the feature flags of a stack, which scrapes one address each second. */
async function startPrometheus(target: string): Promise<string> {
  const flags = make(least, []).stack.specs.find(({ name }) => name === "prometheus")?.args ?? [];
  const path = join(folder, "prometheus.yml");
  writeFileSync(
    path,
    `scrape_configs: [{job_name: x, scrape_interval: 1s, static_configs: [{targets: ["${target}"]}]}]`,
  );
  const port = await freePort();
  const child = startChild(resolveTool("prometheus").path, [
    `--config.file=${path}`,
    `--storage.tsdb.path=${join(folder, "prometheus")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...flags.filter((arg) => typeof arg === "string" && arg.startsWith("--enable-feature=")).map(String),
  ]);
  children.push(child);
  await untilListening(port, child.alive);
  return `http://127.0.0.1:${port}`;
}

const absent = ["jaeger", "prometheus"].find((name) => findTool(name) === undefined);
const missing =
  postgresMissing() ??
  redisMissing() ??
  (absent === undefined ? undefined : `skipped: ${absent} is not there (npm run tools -- get)`);

describe.skipIf(missing !== undefined)(`traces ${missing ?? ""}`, () => {
  let clinic: Clinic;
  beforeAll(async () => {
    clinic = await startClinic();
    expect(await clinic.seed()).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await Promise.all(children.map((child) => child.end("SIGKILL")));
    await clinic.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const service = async (name: string, jaeger: string) => {
    const password = ["--password-file", clinic.passwordFile("clinic", "clinic-app-test-Pw1")];
    const running = await startServer(
      "service.ts",
      name,
      "--database",
      clinic.address,
      ...password,
      "--traces",
      jaeger,
    );
    children.push(running.child);
    return running;
  };
  /** The ids of the exemplars that a service shows. */
  const exemplars = async (url: string): Promise<readonly string[]> => {
    const text = await (await fetch(`${url}/metrics`, { headers: { accept: "application/openmetrics-text" } })).text();
    return [...text.matchAll(/trace_id="([0-9a-f]{32})"/g)].map(([, id = ""]) => id);
  };

  it("lead from the exemplar of a metric to one trace: client, service, PostgreSQL", { timeout: 120_000 }, async () => {
    const jaeger = await startJaeger(100);
    const names = ["clinical", "business", "medication"];
    const [clinical, business, medication] = await Promise.all(
      names.map((name) => service(`${name}-service`, jaeger.otlp)),
    );
    const urls = [
      "--clinical",
      clinical?.url ?? "",
      "--business",
      business?.url ?? "",
      "--medication",
      medication?.url ?? "",
    ];
    const traffic = await startServer("traffic.ts", ...urls, "--traces", jaeger.otlp, "--rate", "20");
    children.push(traffic.child);

    const received = "demo-traffic GET clinical-service > clinical-service GET /patients/:id";
    const read = `${received} > clinical-service postgresql SELECT`;
    const seen = await until(async () => {
      for (const id of await exemplars(clinical?.url ?? "")) {
        const trace = await readTrace(jaeger.api, id);
        if (trace !== undefined && pathsOf(trace).includes(read)) return pathsOf(trace);
      }
      return undefined;
    }, 60_000);
    expect(seen).toEqual(["demo-traffic GET clinical-service", received, read]);
    await traffic.child.end();
    expect(
      (await (await fetch(`${clinical?.url}/metrics`)).text()).match(/^trace_spans_dropped_total.* [1-9]/gm),
    ).toBeNull();
  });

  it("lead through the gateway and its cache to PostgreSQL", { timeout: 60_000 }, async () => {
    const jaeger = await startJaeger(100);
    const { url } = await service("clinical-service", jaeger.otlp);
    const redis = await startRedis();
    const settings = { redis: { address: `127.0.0.1:${redis.port}` } };
    const gateway = await startGateway({ "clinical-service": url }, settings, "--traces", jaeger.otlp);
    try {
      await until(async () => sumOf(await readMetric(gateway.url, "cache_circuit_open")) === 0);
      const received = "gateway GET /api/v1/patients/:id";
      const read = `${received} > gateway cache > gateway load > gateway GET clinical-service > clinical-service GET /patients/:id > clinical-service postgresql SELECT`;
      const traceOfOne = async (digit: string, awaited: string) => {
        const id = digit.repeat(32);
        const headers = { traceparent: `00-${id}-${"1".repeat(16)}-01` };
        expect((await gateway.ask("/api/patients/1", { headers })).status).toBe(200);
        return until(async () => {
          const trace = await readTrace(jaeger.api, id);
          return trace !== undefined && pathsOf(trace).includes(awaited) ? trace : undefined;
        }, 40_000);
      };
      const missed = await traceOfOne("5", read);
      expect(pathsOf(missed)).toContain(`${received} > gateway cache > gateway redis fcall`);
      // The process has it now: nobody else takes part.
      const kept = await traceOfOne("6", received);
      expect(pathsOf(kept)).toEqual([received]);
      expect(tagsOf(kept)).toContain("cache.name=patients-one");
    } finally {
      await gateway.stop();
      await redis.stop();
    }
  });

  it("lead from the exemplar of a probe, as Prometheus has it, to the steps that it took", async () => {
    const jaeger = await startJaeger(100);
    const path = join(folder, "health.json");
    const common = { interval: "1s", allow: ["loopback"], budget: { callsPerMinute: 600 } };
    const integrations = [
      { ...common, name: "works", probe: "http", url: `${jaeger.api}/` },
      { ...common, name: "fails", probe: "tcp", address: `127.0.0.1:${await freePort()}` },
    ];
    writeFileSync(path, JSON.stringify({ integrations }));
    const args = ["integration-health", "--config", path, "--traces", jaeger.otlp];
    const exporter = await startServer("../exporters/main.ts", ...args);
    children.push(exporter.child);
    const prometheus = await startPrometheus(new URL(exporter.url).host);

    const traceOf = async (integration: string): Promise<Trace> =>
      until(async () => {
        const query = `integration_probe_duration_seconds_bucket{integration="${integration}",phase="connect"}`;
        const [id] = await exemplarsOf(prometheus, query);
        return id === undefined ? undefined : readTrace(jaeger.api, id);
      }, 30_000);

    const works = await traceOf("works");
    const whole = "integration-health probe";
    const steps = ["connect", "first_byte", "request", "resolve", "transfer"];
    expect(pathsOf(works)).toEqual([whole, ...steps.map((step) => `${whole} > integration-health ${step}`)]);
    expect(tagsOf(works)).toContain("integration=works");
    expect(tagsOf(works)).not.toContainEqual(expect.stringMatching(/^error=|127\.0\.0\.1/));
    const fails = await traceOf("fails");
    expect(pathsOf(fails)).toEqual([
      whole,
      `${whole} > integration-health connect`,
      `${whole} > integration-health resolve`,
    ]);
    expect(tagsOf(fails)).toEqual(expect.arrayContaining(["integration=fails", "cause=connect", "error=true"]));
    expect(tagsOf(fails)).not.toContainEqual(expect.stringContaining("127.0.0.1"));
    const open = { headers: { accept: "application/openmetrics-text" } };
    expect(await (await fetch(`${exporter.url}/metrics`, open)).text()).toMatch(
      /^integration_response_duration_seconds_bucket\{.*integration="works".*\} \d+ # \{trace_id="[0-9a-f]{32}"\} /m,
    );
    expect(exporter.child.output()).toMatch(/"msg":"integration is down".*"trace_id":"[0-9a-f]{32}"/);
  }, 60_000);

  it("keep every error, every slow request and a share of the rest, decided by Jaeger", {
    timeout: 120_000,
  }, async () => {
    const jaeger = await startJaeger(0);
    const { url } = await service("clinical-service", jaeger.otlp);
    const id = (digit: number) => `${digit}`.repeat(32);
    const get = (path: string, traceId: string) =>
      fetch(url + path, { headers: { traceparent: `00-${traceId}-${"1".repeat(16)}-01` } });
    expect((await get("/patients/1", id(1))).status).toBe(200);
    await clinic.sql("ALTER TABLE clinic.patients RENAME TO patients_away");
    expect((await get("/patients/1", id(2))).status).toBe(503);
    await clinic.sql("ALTER TABLE clinic.patients_away RENAME TO patients");
    const locked = clinic.sql("BEGIN; LOCK TABLE clinic.patients; SELECT pg_sleep(1)");
    const locks = "SELECT FROM pg_locks WHERE relation = 'clinic.patients'::regclass AND mode = 'AccessExclusiveLock'";
    await until(async () => (await clinic.sql(`${locks} AND granted`)).length > 0);
    expect((await get("/patients/1", id(3))).status).toBe(200);
    await locked;
    const kept = await until(() => readTrace(jaeger.api, id(2)), 30_000);
    expect(kept.spans.flatMap(({ tags }) => tags)).toContainEqual(
      expect.objectContaining({ key: "error.type", value: "sqlstate_42P01" }),
    );
    const slow = await until(() => readTrace(jaeger.api, id(3)), 30_000);
    expect(slow.spans.flatMap(({ tags }) => tags.filter(({ key }) => key === "error"))).toEqual([]);
    expect(await readTrace(jaeger.api, id(1))).toBeUndefined();
  });

  it("are given up and counted while nobody takes them, and every request is answered", async () => {
    const { url } = await service("clinical-service", `http://127.0.0.1:${await freePort()}`);
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async () => (await fetch(`${url}/patients/1`)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    await expect
      .poll(async () => (await (await fetch(`${url}/metrics`)).text()).match(/^trace_export_failures_total [1-9]/m), {
        timeout: 10_000,
      })
      .not.toBeNull();
  });
});
