// What the pages of integration-health answer, as JSON Schema 2020-12.
import { failureSources, probeCauses, statuses, vendorStatuses } from "../../telemetry/catalogue/integrations.ts";
import { type Api, guardedJson, inPath, list, object, of, page, problems, type Schema, text } from "../openapi.ts";

const orNull = (type: string, more: Schema = {}): Schema => ({ type: [type, "null"], ...more });
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
} as const;

const example = "stripe";

export const api: Api = {
  paths: {
    "/api/v1/health": guardedJson("How every integration is, the stack's own services, and what fires", "Health", []),
    "/api/v1/health/{name}": guardedJson(
      "One integration with its last 24 hours",
      "IntegrationWithPast",
      [inPath("name", example)],
      404,
    ),
    "/api/v1/performance": guardedJson(
      "How the platform performs",
      "Performance",
      [{ name: "range", in: "query", required: false, schema: { type: "string", default: "24h" }, example: "1h" }],
      400,
    ),
    "/": page("The status page", "text/html"),
    "/badges/{file}": page("The status of one integration as a picture", "image/svg+xml", {
      parameters: [inPath("file", `${example}.svg`)],
      others: problems(404),
    }),
    "/runbooks/{alert}": page("What to do about an alert", "text/html", {
      parameters: [inPath("alert", "RedisDown")],
      others: { 404: { description: "There is no such runbook.", content: { "text/html": { schema: text } } } },
    }),
  },
  schemas,
};
