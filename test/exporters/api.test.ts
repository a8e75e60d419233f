// The API of integration-health: who may read it, what it tells, and that the past outlives a restart.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createSecure } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openHistory, type Was } from "../../exporters/integration-health/history.ts";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { openApi } from "../../exporters/integration-health/openapi.ts";
import { pastOf } from "../../exporters/integration-health/view.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { missingTools, startWorld, type World } from "../dashboards/world.ts";
import { until } from "../support/ports.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
let folder: string;
let exporter: Scraped | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-api-"));
});
afterEach(async () => {
  await exporter?.close();
  exporter = undefined;
});
afterAll(() => rm(folder, { recursive: true }));

const start = async (config: object = {}): Promise<Scraped> => {
  exporter = await runExporter(integrationHealth, { integrations: [], ...config });
  return exporter;
};
const get = (path: string, token?: string): Promise<Response> =>
  (exporter as Scraped).page(path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

describe("the API lets in", () => {
  let keys: { readonly privateKey: CryptoKey };
  let stranger: { readonly privateKey: CryptoKey };
  const issuer = "https://login.clinic.example";
  const audience = "vitals";

  beforeAll(async () => {
    const pair = await generateKeyPair("ES256");
    keys = pair;
    stranger = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "1", alg: "ES256" };
    await writeFile(join(folder, "jwks.json"), JSON.stringify({ keys: [jwk] }));
    await writeFile(join(folder, "token"), "a-static-token\n");
  });

  const sign = (claims: object, { key = keys.privateKey, expires = "5m" as string | null } = {}) => {
    const jwt = new SignJWT({ iss: issuer, aud: audience, ...claims }).setProtectedHeader({ alg: "ES256", kid: "1" });
    return (expires === null ? jwt : jwt.setExpirationTime(expires)).sign(key);
  };
  const jwt = () => ({ issuer, audience, jwksFile: join(folder, "jwks.json") });

  it("a static token, and nobody without one", async () => {
    await start({ access: { tokenFile: join(folder, "token") } });
    for (const path of ["/api/v1/health", "/api/v1/health/x", "/api/v1/performance"]) {
      const refused = await get(path);
      expect(refused.status).toBe(401);
      expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
      expect(refused.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      expect(await refused.json()).toMatchObject({ type: "about:blank", title: "Unauthorized", status: 401 });
      expect((await get(path, "another")).status).toBe(401);
    }
    expect((await get("/api/v1/health", "a-static-token")).status).toBe(200);
    expect((await get("/api/v1/health/x", "a-static-token")).status).toBe(404);
    await writeFile(join(folder, "token"), "rotated");
    expect((await get("/api/v1/health", "a-static-token")).status).toBe(401);
    expect((await get("/api/v1/health", "rotated")).status).toBe(200);
  });

  it("nobody where no way in is configured, or the token's file is empty", async () => {
    await start();
    expect((await get("/api/v1/health", "x")).status).toBe(401);
    await writeFile(join(folder, "empty"), "\n");
    await exporter?.close();
    await start({ access: { tokenFile: join(folder, "empty") } });
    expect((await get("/api/v1/health", "x")).status).toBe(401);
  });

  it("a manager by a JWT of the issuer, for this audience, that has not expired", async () => {
    await start({ access: { jwt: jwt() } });
    const status = async (token: string) => (await get("/api/v1/health", token)).status;
    expect(await status(await sign({ roles: ["manager"] }))).toBe(200);
    expect(await status(await sign({ roles: "viewer manager" }))).toBe(200);
    expect(await status(await sign({ roles: ["viewer"] }))).toBe(403);
    const forbidden = await get("/api/v1/health", await sign({ roles: ["viewer"] }));
    expect(forbidden.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(await forbidden.json()).toEqual({
      type: "about:blank",
      title: "Forbidden",
      status: 403,
      detail: "The role manager is needed.",
    });
    expect(await status(await sign({}))).toBe(403);
    expect(await status(await sign({ roles: ["manager"], aud: "other" }))).toBe(401);
    expect(await status(await sign({ roles: ["manager"], iss: "https://evil.example" }))).toBe(401);
    expect(await status(await sign({ roles: ["manager"] }, { key: stranger.privateKey }))).toBe(401);
    expect(await status(await sign({ roles: ["manager"] }, { expires: "-5m" }))).toBe(401);
    expect(await status(await sign({ roles: ["manager"] }, { expires: null }))).toBe(401);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const unsigned = `${part({ alg: "none" })}.${part({ iss: issuer, aud: audience, roles: ["manager"] })}.`;
    expect(await status(unsigned)).toBe(401);
  });

  it("nobody while the issuer's keys cannot be read, and says that it is not the bearer's fault", async () => {
    const { jwksFile: _, ...rest } = jwt();
    await start({ access: { jwt: { ...rest, jwksUrl: "http://127.0.0.1:1/jwks.json" } } });
    const answer = await get("/api/v1/health", await sign({ roles: ["manager"] }));
    expect(answer.status).toBe(503);
    expect(JSON.stringify(await answer.json())).not.toContain("127.0.0.1");
  });

  it("no method but GET", async () => {
    await start({ access: { tokenFile: join(folder, "token") } });
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const answer = await exporter?.page("/api/v1/health", { method });
      expect([answer?.status, answer?.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      expect(await answer?.json()).toMatchObject({ title: "Method Not Allowed", status: 405 });
    }
  });
});

/** What of an answer is not as the document's schema has it. */
function wrongIn(name: keyof typeof openApi.components.schemas, value: unknown): readonly unknown[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile({ ...openApi.components.schemas[name], components: openApi.components });
  return validate(value) ? [] : (validate.errors ?? []);
}

describe("the OpenAPI document", () => {
  /** Fields that a document of the API has and its schema does not, and the other way round. */
  const differences = (value: unknown, schema: Schema, at = ""): readonly string[] => {
    const { $ref, anyOf, allOf, properties, required = [], items } = schema;
    if ($ref !== undefined) return differences(value, schemas[$ref.split("/").at(-1) ?? ""] ?? {}, at);
    if (anyOf !== undefined) return value === null ? [] : differences(value, anyOf[0] ?? {}, at);
    if (allOf !== undefined) {
      const merged = allOf.reduce((sum, part) => ({
        properties: { ...sum.properties, ...part.properties },
        required: [...(sum.required ?? []), ...(part.required ?? [])],
      }));
      return differences(value, merged, at);
    }
    if (items !== undefined)
      return (value as readonly unknown[]).flatMap((each, index) => differences(each, items, `${at}[${index}]`));
    if (properties === undefined) return [];
    const fields = value as Readonly<Record<string, unknown>>;
    return [
      ...required.filter((name) => !(name in fields)).map((name) => `${at}.${name} is missing`),
      ...Object.entries(fields).flatMap(([name, field]) => {
        const known = properties[name];
        return known === undefined ? [`${at}.${name} is not described`] : differences(field, known, `${at}.${name}`);
      }),
    ];
  };
  /** Paths of groups that give reasons and do not explain each of their fields that are null. */
  const unexplained = (value: unknown, at = ""): readonly string[] => {
    if (typeof value !== "object" || value === null) return [];
    const { reasons } = value as { readonly reasons?: object };
    return Object.entries(value).flatMap(([name, field]) =>
      field === null && reasons !== undefined && !(name in reasons)
        ? [`${at}.${name}`]
        : unexplained(field, `${at}.${name}`),
    );
  };
  interface Schema {
    readonly $ref?: string;
    readonly anyOf?: readonly Schema[];
    readonly allOf?: readonly Schema[];
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
    readonly items?: Schema;
  }
  let schemas: Readonly<Record<string, Schema>>;

  it("describes every path and every field that is answered", async () => {
    await writeFile(join(folder, "token"), "right");
    const gone = { name: "gone", probe: "tcp", address: "127.0.0.1:1", interval: "1s", allow: ["loopback"] };
    const { metrics } = await start({ integrations: [gone], access: { tokenFile: join(folder, "token") } });
    await until(async () => (await metrics()).value('integration_probe_success{integration="gone"}') === 0, 30_000);
    const document = (await (await get("/openapi.json")).json()) as {
      readonly openapi: string;
      readonly paths: object;
      readonly components: { readonly schemas: typeof schemas };
    };
    expect(document.openapi).toBe("3.1.0");
    schemas = document.components.schemas;
    const answers = {
      Health: "/api/v1/health",
      IntegrationWithPast: "/api/v1/health/gone",
      Performance: "/api/v1/performance",
    };
    expect(Object.keys(document.paths).length).toBe(Object.keys(answers).length);
    for (const [name, path] of Object.entries(answers)) {
      const told = await (await get(path, "right")).json();
      expect(differences(told, schemas[name] ?? {}, name)).toEqual([]);
      expect(wrongIn(name as keyof typeof answers, told)).toEqual([]);
      // Whatever of it would be measured elsewhere says why it is not here.
      expect(unexplained(told)).toEqual([]);
    }
    expect(differences(await (await get("/api/v1/health")).json(), schemas.Problem ?? {})).toEqual([]);
  });
});

describe("the past", () => {
  const filled = (...spans: readonly (readonly [at: number, was: Was])[]) => {
    const past = openHistory(undefined, () => undefined);
    for (const [at, was] of spans) past.note("x", { at, was, failed: was === "down", seconds: 0.1, gapMs: 100 * day });
    return past;
  };

  it("knows the share of the known time that it was up, whatever is not known", () => {
    const past = filled(
      [0, "up"],
      [60 * minute, "down"],
      [75 * minute, "maintenance"],
      [90 * minute, "up"],
      [135 * minute, "up"],
    );
    expect(past.uptime("x", 0, day)).toBeCloseTo(105 / 120);
    expect(past.uptime("x", 80 * minute, 85 * minute)).toBeUndefined();
    expect(past.uptime("nobody", 0, day)).toBeUndefined();
  });

  it("gives the share of a day, a week and a month, and the attempts of the last day alone", () => {
    const now = 40 * day;
    const hour = 60 * minute;
    const past = filled(
      [0, "up"],
      [now - 20 * day, "down"],
      [now - 20 * day + 12 * hour, "up"],
      [now - 3 * day, "down"],
      [now - 3 * day + 12 * hour, "up"],
      [now - 2 * hour, "down"],
      [now - hour, "up"],
      [now, "up"],
    );
    const { uptime, history } = pastOf(past, "x", now);
    expect(uptime["24h"]).toBeCloseTo(23 / 24);
    expect(uptime["7d"]).toBeCloseTo(1 - 13 / (7 * 24));
    expect(uptime["30d"]).toBeCloseTo(1 - 25 / (30 * 24));
    expect(history.map(({ attempts, failures }) => [attempts, failures])).toEqual([
      [1, 1],
      [1, 0],
      [1, 0],
    ]);
  });

  it("does not know what was while nobody looked", () => {
    const past = openHistory(undefined, () => undefined);
    for (const at of [0, minute, 2 * minute, 62 * minute, 63 * minute])
      past.note("x", { at, was: "up", failed: false, seconds: 0.1, gapMs: 5 * minute });
    expect(past.days("x", 1, 0)[0]?.upMs).toBe(3 * minute);
  });

  it("has a day for each of the last 90", () => {
    const now = Date.parse("2026-03-31T12:00:00Z");
    const past = filled([now - 2 * day, "up"], [now - day, "down"], [now - day + 5 * minute, "up"], [now, "up"]);
    const days = past.days("x", 90, now);
    expect(days.length).toBe(90);
    expect(days.at(-1)?.date).toBe("2026-03-31");
    expect(days.at(-2)).toEqual({ date: "2026-03-30", downMs: 5 * minute, upMs: day - 5 * minute });
    expect(days[0]).toMatchObject({ upMs: 0, downMs: 0 });
  });

  it("stays small over 90 days of checks, and forgets what is older", () => {
    const past = openHistory(undefined, () => undefined);
    for (let at = 0; at < 120 * day; at += 30 * minute)
      past.note("x", { at, was: at % (7 * day) === 0 ? "down" : "up", failed: false, seconds: 0.1, gapMs: day });
    expect(past.points("x").length).toBeLessThan(100);
    expect(past.uptime("x", 0, 20 * day)).toBeUndefined();
    expect(past.uptime("x", 40 * day, 120 * day)).toBeGreaterThan(0.99);
  });

  it("puts a file aside that is none, and begins anew", async () => {
    const data = await mkdtemp(join(folder, "data-"));
    await writeFile(join(data, "history.json"), "{ half");
    let told = 0;
    const past = openHistory(data, () => told++);
    past.note("x", { at: 1, was: "up", failed: false, seconds: 0.1, gapMs: 1 });
    await past.save();
    expect(told).toBe(1);
    expect(await readFile(join(data, "history.json.broken"), "utf8")).toBe("{ half");
    expect(openHistory(data, () => told++).last("x")).toEqual({ was: "up", since: 1, until: 1 });
    expect(told).toBe(1);
  });

  it("says once that it cannot be written, and is written as soon as it can", async () => {
    const data = join(await mkdtemp(join(folder, "data-")), "later");
    const told: string[] = [];
    const past = openHistory(data, (trouble) => told.push(trouble));
    const note = (at: number) => past.note("x", { at, was: "up", failed: false, seconds: 0.1, gapMs: 10 });
    for (const at of [1, 2]) {
      note(at);
      await past.save();
    }
    expect(told).toEqual(["cannot be written"]);
    await mkdir(data);
    await past.save();
    expect(openHistory(data, () => undefined).last("x")).toEqual({ was: "up", since: 1, until: 2 });
  });

  it.each([
    ["still is, after a short one", 100, 0],
    ["is not known any more, after a long one", 200, undefined],
  ])("of an integration that was down before a restart %s", async (_what, secondsAgo, up) => {
    const data = await mkdtemp(join(folder, "data-"));
    const last = Date.now() - secondsAgo * 1_000;
    const verdict = { up: false, since: last, offline: false, recent: [false, false, false, false] };
    const past = { spans: [[last - minute, "down"]], until: last, points: [], kept: { verdict } };
    await writeFile(join(data, "history.json"), JSON.stringify({ version: 1, integrations: { gone: past } }));
    // Three intervals and a minute are 150 s.
    const gone = { name: "gone", probe: "tcp", address: "127.0.0.1:1", interval: "30s", allow: ["loopback"] };
    const { metrics } = await start({ integrations: [gone], data });
    const page = await until(async () => {
      const now = await metrics();
      return now.value('integration_probes_total{integration="gone"}') === 1 ? now : undefined;
    });
    expect(page.value('integration_up{integration="gone"}')).toBe(up);
  });

  it("outlives a restart: uptime, points, an outage that is still under way, a doubt, and when a certificate expires", async () => {
    const data = await mkdtemp(join(folder, "data-"));
    await writeFile(join(folder, "token"), "right");
    const expires = new Date(Math.floor(Date.now() / 1_000) * 1_000 + day);
    const own = selfSigned("localhost", new Date(Date.now() - day), expires);
    const server = createSecure(own);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `localhost:${(server.address() as { port: number }).port}`;
    const secure = { name: "secure", probe: "tls", address, ca: own.cert, interval: "1h", allow: ["loopback"] };
    const gone = { name: "gone", probe: "tcp", address: "127.0.0.1:1", interval: "1s", allow: ["loopback"] };
    const config = { integrations: [gone, secure], data, access: { tokenFile: join(folder, "token") } };
    const { metrics, close } = await start(config);
    await until(async () => (await metrics()).value('integration_up{integration="gone"}') === 0, 30_000);
    const told = async () =>
      (await get("/api/v1/health/gone", "right")).json() as Promise<{ history: { attempts: number }[] }>;
    await until(async () => ((await told()).history.at(-1)?.attempts ?? 0) >= 4);
    await until(async () => (await metrics()).value('integration_up{integration="secure"}') === 1);
    const before = await told();
    await close();
    await new Promise((resolve) => server.close(resolve));
    const again = await start(config);
    await until(async () => (await again.metrics()).value('integration_up{integration="gone"}') === 0, 30_000);
    // Without a memory it would take three failures to say so.
    expect((await again.metrics()).value('integration_probes_total{integration="gone"}')).toBe(1);
    const page = await until(async () => {
      const now = await again.metrics();
      return now.value('integration_probe_failures_total{integration="secure",cause="connect"}') ? now : undefined;
    });
    // It was up, so one failure is a doubt.
    expect(page.value('integration_up{integration="secure"}')).toBe(1);
    for (const what of ["expiry", "last_seen", "last_valid"])
      expect(page.value(`integration_certificate_${what}_timestamp_seconds{integration="secure"}`)).toBeGreaterThan(0);
    expect(await (await get("/api/v1/health/secure", "right")).json()).toMatchObject({
      status: "degraded",
      error: "connect",
      details: { certificateExpires: expires.toISOString() },
    });
    const after = await told();
    expect(after).toMatchObject({ name: "gone", status: "unhealthy", uptime: { "24h": 0, "7d": 0, "30d": 0 } });
    const attempts = (all: readonly { readonly attempts: number }[]) =>
      all.reduce((sum, each) => sum + each.attempts, 0);
    expect(attempts(after.history)).toBeGreaterThan(attempts(before.history));
  });
});

const missing = missingTools();
describe.skipIf(missing !== undefined)(`performance${missing === undefined ? "" : ` (skipped: no ${missing})`}`, () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ without: ["process_cpu_seconds_total"] });
    await writeFile(join(folder, "token"), "right");
  }, 60_000);
  afterAll(() => world?.stop());

  const access = () => ({ tokenFile: join(folder, "token") });

  it("is answered from a real Prometheus, and what is not measured is null with a reason", async () => {
    await start({ access: access(), prometheus: { url: world.url } });
    const answer = await get("/api/v1/performance?range=5m", "right");
    expect(answer.status).toBe(200);
    const told = (await answer.json()) as { readonly metrics: Record<string, Record<string, unknown>> };
    expect(told).toMatchObject({
      timestamp: expect.any(String),
      performance_summary: {
        overall_health: null,
        alerts: null,
        reasons: { alerts: "Alertmanager is not configured." },
        trends: { requests: expect.stringMatching(/^(?:rising|falling|steady)$/) },
      },
    });
    expect(Object.keys(told.metrics)).toEqual(["database", "api", "cache", "external_services", "resource_usage"]);
    expect(told.metrics.database).toMatchObject({
      connection_count: expect.any(Number),
      slow_queries: 2,
      deadlocks: expect.any(Number),
    });
    expect(told.metrics.cache).toMatchObject({ hit_ratio: expect.any(Number) });
    expect(told.metrics.resource_usage).toMatchObject({
      cpu_cores: null,
      reasons: { cpu_cores: "Nothing in this environment measures it." },
    });
    expect(told.metrics.api).toMatchObject({ requests_per_minute: expect.any(Number), error_rate: expect.any(Number) });
    expect(told.metrics.external_services?.average_response_time).toContainEqual({
      integration: "fax",
      value: expect.any(Number),
    });
    // Every field has a value or a reason.
    for (const { reasons = {}, ...fields } of Object.values(told.metrics) as { reasons?: Record<string, string> }[])
      for (const [name, value] of Object.entries(fields)) expect(value === null, name).toBe(name in reasons);
    expect(wrongIn("Performance", told)).toEqual([]);
    expect(await (await get("/api/v1/performance?range=15d", "right")).json()).toMatchObject({
      performance_summary: { trends: { requests: null, reasons: { requests: "Nothing measured it one range ago." } } },
    });
    const health = await (await get("/api/v1/health", "right")).json();
    expect(health).toMatchObject({
      system: { memory: expect.arrayContaining([{ job: expect.any(String), value: expect.any(Number) }]) },
    });
    expect(wrongIn("Health", health)).toEqual([]);
  });

  it("knows what fires, from Alertmanager", async () => {
    const alertmanager = createServer((_, response) =>
      response.setHeader("content-type", "application/json").end(
        JSON.stringify([
          {
            labels: { alertname: "RedisDown", severity: "page", service: "redis" },
            annotations: { summary: "Redis is down." },
            startsAt: "2026-03-01T10:00:00.000Z",
          },
          {
            labels: { alertname: "Watchdog", severity: "info" },
            annotations: {},
            startsAt: "2026-03-01T10:00:00.000Z",
          },
        ]),
      ),
    );
    await new Promise<void>((resolve) => alertmanager.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(alertmanager.address() as { port: number }).port}`;
    await start({ access: access(), alertmanager: { url }, prometheus: { url: "http://127.0.0.1:1" } });
    const redisDown = { name: "RedisDown", severity: "page", service: "redis", summary: "Redis is down." };
    expect(await (await get("/api/v1/health", "right")).json()).toMatchObject({
      alerts: [redisDown],
      system: { cpu: null, reasons: { cpu: "Prometheus cannot be asked." } },
    });
    expect(await (await get("/api/v1/performance", "right")).json()).toMatchObject({
      performance_summary: { overall_health: "unhealthy", alerts: [redisDown] },
      metrics: { database: { connection_count: null } },
    });
    await new Promise((resolve) => alertmanager.close(resolve));
  });

  it("refuses a range that is none", async () => {
    await start({ access: access() });
    for (const range of ["yesterday", "1s", "900d", "5m) or vector(1"])
      expect((await get(`/api/v1/performance?range=${encodeURIComponent(range)}`, "right")).status).toBe(400);
  });
});
