// The API as an OpenAPI 3.1 document: what each path answers, as JSON Schema 2020-12.
import { apiDocs } from "../../components/api-docs.ts";
import { failureSources, probeCauses, statuses, vendorStatuses } from "../../telemetry/catalogue/integrations.ts";
import { json, type Route } from "../exporter.ts";

type Schema = Readonly<Record<string, unknown>>;

const object = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const list = (items: Schema): Schema => ({ type: "array", items });
const of = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const orNull = (type: string, more: Schema = {}): Schema => ({ type: [type, "null"], ...more });
const text = { type: "string" } as const;
const number = { type: "number" } as const;
const instant = { type: "string", format: "date-time" } as const;
const share = orNull("number", { minimum: 0, maximum: 1 });

const integration = {
  name: text,
  status: { enum: statuses },
  responseTime: orNull("number", { description: "Milliseconds of the last attempt." }),
  lastChecked: orNull("string", { format: "date-time" }),
  error: { enum: probeCauses, description: "Why the last attempt failed, or the one that turned it down." },
  details: object({
    probe: text,
    since: orNull("string", { format: "date-time" }),
    source: { enum: [...failureSources, null] },
    vendor: {
      anyOf: [
        object({ status: { enum: vendorStatuses }, incidents: { type: "integer" }, link: orNull("string") }),
        { type: "null" },
      ],
    },
    announcementDelay: orNull("number", { description: "Seconds from our detection to their announcement." }),
    certificateExpires: orNull("string", { format: "date-time" }),
    offline: { type: "boolean", description: "We are offline ourselves." },
  }),
} as const;

/** Fields that Prometheus answers; `reasons` says why one of them is null. */
const answered = (fields: Readonly<Record<string, Schema>>): Schema =>
  object({ ...fields, reasons: { type: "object", additionalProperties: text } }, ["reasons"]);
const measured = (description: string): Schema => orNull("number", { description });
/** One value for each combination of these labels, the highest first. */
const each = (description: string, ...labels: readonly string[]): Schema => ({
  anyOf: [
    list(object({ ...Object.fromEntries(labels.map((label) => [label, orNull("string")])), value: number })),
    { type: "null" },
  ],
  description,
});
const trend: Schema = { enum: ["rising", "falling", "steady", null], description: "Against one range ago." };
const alerts = { anyOf: [list(of("Alert")), { type: "null" }] };

const schemas = {
  Integration: object(integration, ["error"]),
  IntegrationWithPast: object(
    {
      ...integration,
      history: list(
        object({
          from: instant,
          attempts: { type: "integer" },
          failures: { type: "integer" },
          responseTime: orNull("number"),
        }),
      ),
      uptime: object({ "24h": share, "7d": share, "30d": share }),
    },
    ["error"],
  ),
  Alert: object({ name: text, severity: text, service: text, since: instant, summary: text }),
  Health: object(
    {
      overall_status: { enum: statuses },
      timestamp: instant,
      integrations: list(of("Integration")),
      system: {
        allOf: [
          object({
            uptime: { ...number, description: "Seconds, of this service itself." },
            event_loop_lag: { ...number, description: "Milliseconds, of this service itself." },
          }),
          answered({
            cpu: each("Cores in use over five minutes.", "job"),
            memory: each("Resident bytes.", "job"),
            event_loop: each("Share of the time that the event loop is busy.", "job"),
            service_event_loop_lag: each("Milliseconds, 99th percentile.", "job"),
            service_uptime: each("Seconds.", "job"),
            disk: measured("Bytes that are free."),
          }),
        ],
      },
      alerts,
      reasons: { type: "object", additionalProperties: text },
    },
    ["reasons"],
  ),
  Performance: object({
    timestamp: instant,
    performance_summary: object(
      {
        overall_health: { enum: ["healthy", "degraded", "unhealthy", null] },
        alerts,
        trends: answered({ average_response_time: trend, error_rate: trend, requests: trend }),
        reasons: { type: "object", additionalProperties: text },
      },
      ["reasons"],
    ),
    metrics: object({
      database: answered({
        connection_count: measured("Connections now."),
        slow_queries: measured("Statements that run now and have run longer than slowStatement of their database."),
        cache_hit_ratio: measured("Share of blocks that were found in memory."),
        transaction_rate: measured("Transactions per second."),
        deadlocks: measured("Deadlocks within the range."),
      }),
      api: answered({
        requests_per_minute: measured("Requests per minute."),
        average_response_time: measured("Milliseconds."),
        error_rate: measured("Share of requests that were answered with 5xx."),
        slowest_endpoints: each("Milliseconds, of the five slowest.", "job", "route"),
      }),
      cache: answered({
        hit_ratio: measured("Share of reads that found something."),
        memory_used: measured("Bytes."),
        commands_per_second: measured("Commands per second."),
      }),
      external_services: answered({
        average_response_time: each("Milliseconds of the attempts that succeeded.", "integration"),
        error_rate: each("Share of attempts that failed.", "integration"),
      }),
      resource_usage: answered({
        cpu_cores: each("Cores in use over the range.", "job"),
        memory: each("Resident bytes.", "job"),
      }),
    }),
  }),
  Problem: object({ type: text, title: text, status: { type: "integer" }, detail: text }),
} as const;

const problems = (...codes: readonly number[]) =>
  Object.fromEntries(
    codes.map((code) => [
      code,
      { description: "A problem document.", content: { "application/problem+json": { schema: of("Problem") } } },
    ]),
  );

const get = (
  summary: string,
  schema: keyof typeof schemas,
  parameters: readonly Schema[],
  ...codes: readonly number[]
) => ({
  get: {
    summary,
    parameters,
    security: [{ bearer: [] }],
    responses: {
      200: { description: "As it is now.", content: { "application/json": { schema: of(schema) } } },
      ...problems(401, 403, 503, ...codes),
    },
  },
});

export const openApi = {
  openapi: "3.1.0",
  info: { title: "Vitals: integrations and performance", version: "1.0.0" },
  paths: {
    "/api/v1/health": get("How every integration is, the stack's own services, and what fires", "Health", []),
    "/api/v1/health/{name}": get(
      "One integration with its last 24 hours",
      "IntegrationWithPast",
      [{ name: "name", in: "path", required: true, schema: text }],
      404,
    ),
    "/api/v1/performance": get(
      "How the platform performs",
      "Performance",
      [{ name: "range", in: "query", required: false, schema: { type: "string", default: "24h" } }],
      400,
    ),
  },
  components: {
    schemas,
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer", description: "A static token, or a JWT that names the role manager." },
    },
  },
} as const;

/** For everybody: they tell how to ask, and answer nothing. */
export const openApiRoutes: Readonly<Record<string, Route>> = {
  "/openapi.json": () => json(openApi),
  ...apiDocs({ title: openApi.info.title, document: "/openapi.json" }),
};
