// The API of integration-health: who may read it, and what it tells.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { openApiOf } from "../../exporters/openapi.ts";
import { missingTools, startWorld, type World } from "../dashboards/world.ts";
import { until } from "../support/ports.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const minute = 60_000;
const _day = 24 * 60 * minute;
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

const openApi = openApiOf(integrationHealth);

/** What of an answer is not as the document's schema has it. */
function wrongIn(name: string, value: unknown): readonly unknown[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile({
    ...(openApi.components.schemas as Readonly<Record<string, object>>)[name],
    components: openApi.components,
  });
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
    expect(Object.keys(document.paths).filter((path) => path.startsWith("/api/"))).toHaveLength(
      Object.keys(answers).length,
    );
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
