// Marker values in everything that a client, a database or a handler can say: none of them leaves in a metric, span, log line or report.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SpanKind, trace } from "@opentelemetry/api";
import fc from "fast-check";
import Fastify from "fastify";
import { Redis } from "ioredis";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { observePool } from "../../telemetry/database.ts";
import { observe } from "../../telemetry/fastify.ts";
import { createTelemetry } from "../../telemetry/service.ts";
import { postgresMissing, startPostgres } from "../support/postgres.ts";
import { redisMissing, startRedis } from "../support/redis.ts";
import { startIngest } from "./ingest.ts";

const mark = "CANARY7";
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const missing = postgresMissing() ?? redisMissing();

describe.skipIf(missing !== undefined)(`an observed service ${missing ?? ""}`, () => {
  it("lets nothing out of paths, queries, headers, bodies, SQL, keys, errors and names of spans", async () => {
    const ingest = await startIngest();
    const upstream = createServer((request, response) => {
      request.resume();
      response.writeHead(503, { "x-reason": mark }).end(mark);
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    cleanups.push(ingest.close, () => upstream.close());
    const other = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const [postgres, store] = await Promise.all([startPostgres(), startRedis()]);
    cleanups.push(postgres.stop, store.stop);

    const lines: string[] = [];
    const telemetry = await createTelemetry({
      service: "lab",
      upstreams: { billing: other },
      traces: { endpoint: ingest.url, spans: ["price"] },
      errors: { dsn: `${ingest.url.replace("://", "://key@")}/7` },
      write: (line) => lines.push(line),
    });
    cleanups.push(telemetry.close);
    const { port, user, password } = postgres;
    const pool = new pg.Pool({ host: "127.0.0.1", port, user, password, max: 1 });
    observePool(pool, telemetry);
    const redis = new Redis({ host: "127.0.0.1", port: store.port, lazyConnect: true });
    cleanups.push(
      () => pool.end(),
      () => redis.disconnect(),
    );

    const app = Fastify();
    observe(app, telemetry);
    app.post("/patients/:id", async (request) => {
      const span = trace
        .getTracer("own")
        .startSpan(`of ${mark}`, { kind: SpanKind.INTERNAL, attributes: { [mark]: 1, cause: `x ${mark}` } });
      span.addEvent(mark, { a: mark });
      span.recordException(new Error(mark));
      span.setStatus({ code: 2, message: mark }).end();
      telemetry.tracer.startSpan("price").end();
      await pool.query(`SELECT '${mark}' AS "${mark}" /* ${mark} */`);
      await pool.query("SELECT $1::text", [mark]);
      await pool.query(`SELECT ${mark}`).catch(() => {});
      await redis.set(`patient:${mark}`, mark);
      await redis.call(mark, mark).catch(() => {});
      await fetch(`${other}/${mark}?q=${mark}`, { method: "POST", body: mark, headers: { "x-mark": mark } });
      telemetry.log.warn("request failed", { cause: `${mark} ${mark}`, [mark]: mark } as object);
      telemetry.log.error(`no such patient ${mark}` as "request failed");
      throw Object.assign(new RangeError(`${mark}\n    at ${mark} (/${mark}/${mark}.ts:1:1)`), {
        code: `${mark}-x`,
        body: request.body,
      });
    });
    cleanups.push(() => app.close());
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const headers = {
      "content-type": "application/json",
      "user-agent": mark,
      "x-forwarded-for": mark,
      authorization: mark,
      cookie: mark,
      tracestate: `a=${mark}`,
      baggage: `a=${mark}`,
      referer: mark,
    };
    const body = JSON.stringify({ name: mark });
    expect((await fetch(`${url}/patients/${mark}?name=${mark}`, { method: "POST", headers, body })).status).toBe(500);
    for (const path of [`/${mark}`, `/%${mark}`, `/patients/${mark}/${mark}`]) await fetch(url + path, { headers });
    await fetch(`${url}/patients/1`, { method: "POST", headers, body: `{${mark}` });

    const names = async () => {
      await telemetry.flush();
      return ingest.spans().map(({ name }) => name);
    };
    await expect.poll(names).toContain("POST /patients/:id");
    await expect.poll(() => ingest.events().length).toBeGreaterThan(0);
    const pages = await Promise.all(
      ["text/plain", "application/openmetrics-text"].map(async (accept) =>
        (await fetch(`${url}/metrics`, { headers: { accept } })).text(),
      ),
    );
    expect([...ingest.bodies, ...lines, ...pages].join("\n")).not.toContain(mark);

    // What is left says enough all the same.
    const expected = [
      "GET unmatched",
      "POST billing",
      "postgresql SELECT",
      "redis set",
      "redis other",
      "price",
      "other",
    ];
    expect(await names()).toEqual(expect.arrayContaining(expected));
    expect(pages[0]).toContain('upstream_requests_total{upstream="billing",method="POST",status_code="503"} 1');
    expect(pages[0]).toContain('database_query_failures_total{operation="SELECT"} 1');
    expect(pages[0]).toContain('redis_client_command_failures_total{command="other"} 1');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ msg: "request failed", trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) }),
      expect.objectContaining({ msg: "unexpected failure" }),
    ]);
    const trees = ingest.spans().filter(({ traceId }) => traceId === JSON.parse(lines[0] ?? "").trace_id);
    expect(trees.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["postgresql SELECT", "redis set", "POST billing"]),
    );
  });

  it("has labels and names of a bounded kind whatever paths it is sent", async () => {
    const telemetry = await createTelemetry({ service: "lab", write: () => {} });
    cleanups.push(telemetry.close);
    const app = Fastify();
    observe(app, telemetry);
    app.get("/patients/:id", async () => ({}));
    cleanups.push(() => app.close());
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const segment = fc.stringMatching(/^[A-Za-z0-9._~-]{1,12}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 4 }), async (segments) => {
        await (await fetch(`${url}/${segments.join("/")}`)).text();
      }),
      { numRuns: process.env.VITALS_PROVE === undefined ? 300 : 10_000 },
    );
    const text = await (await fetch(`${url}/metrics`)).text();
    const routes = new Set([...text.matchAll(/^http_requests_total\{.*route="([^"]*)"/gm)].map(([, route]) => route));
    expect([...routes].filter((route) => route !== "unmatched" && route !== "/patients/:id")).toEqual([]);
  });
});
