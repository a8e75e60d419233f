// Each adapter with its real framework: the same requests give the same metrics, spans and reports.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { trace } from "@opentelemetry/api";
import express from "express";
import Fastify from "fastify";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { observePool } from "../../telemetry/database.ts";
import { observe as observeExpress } from "../../telemetry/express.ts";
import { observe as observeFastify } from "../../telemetry/fastify.ts";
import { observe as observeNode } from "../../telemetry/node.ts";
import { createTelemetry, serviceRows } from "../../telemetry/service.ts";
import { type Ingest, startIngest } from "./ingest.ts";

type Telemetry = Awaited<ReturnType<typeof plain>>;
const plain = (ingest: Ingest) =>
  createTelemetry({
    service: "lab",
    traces: { endpoint: ingest.url },
    errors: { dsn: `${ingest.url.replace("://", "://key@")}/7` },
    write: () => {},
  });
const secret = "CANARY";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const listening = (server: Server): Promise<string> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(urlOf(server))));

/** The ids that the handler sees in its own context. */
const seen = (): object => ({ trace: trace.getActiveSpan()?.spanContext().traceId ?? "none" });
const fail = (): never => {
  throw new TypeError(`no such patient: ${secret}`);
};

/** Each serves GET and POST /orders/:id, GET /failing, and GET /patients/:patient/notes below a mounted router. */
const frameworks: Readonly<Record<string, (telemetry: Telemetry) => Promise<string>>> = {
  fastify: async (telemetry) => {
    const app = Fastify();
    observeFastify(app, telemetry);
    app.get("/orders/:id", async () => seen());
    app.post("/orders/:id", async () => seen());
    app.get("/failing", async () => fail());
    await app.register(async (scope) => scope.get("/notes", async () => seen()), { prefix: "/patients/:patient" });
    cleanups.push(() => app.close());
    return app.listen({ host: "127.0.0.1", port: 0 });
  },
  express: async (telemetry) => {
    const app = express();
    const failed = observeExpress(app, telemetry, { mounts: ["/patients/:patient"] });
    app.use(express.json());
    app.get("/orders/:id", (_request, response) => void response.json(seen()));
    app.post("/orders/:id", (_request, response) => void response.json(seen()));
    app.get("/failing", fail);
    const notes = express.Router().get("/notes", (_request, response) => void response.json(seen()));
    app.use("/patients/:patient", notes);
    app.use(failed);
    app.use(((_error, _request, response, _next) => void response.status(500).end()) as express.ErrorRequestHandler);
    const server = createServer(app);
    cleanups.push(() => server.close());
    return listening(server);
  },
  node: async (telemetry) => {
    const routes = ["/orders/:id", "/failing", "/patients/:patient/notes"];
    const handler = async (
      request: AsyncIterable<unknown> & { readonly url?: string },
      response: { end(text: string): void; statusCode: number },
    ) => {
      for await (const _ of request);
      if (request.url === "/failing") fail();
      if (!/^\/(orders|patients)/.test(request.url ?? "")) response.statusCode = 404;
      response.end(JSON.stringify(seen()));
    };
    const server = createServer(observeNode(handler as never, telemetry, { routes }));
    cleanups.push(() => server.close());
    return listening(server);
  },
};

async function observed(
  name: string,
): Promise<{ readonly url: string; readonly ingest: Ingest; readonly telemetry: Telemetry }> {
  const ingest = await startIngest();
  cleanups.push(ingest.close);
  const telemetry = await plain(ingest);
  cleanups.push(telemetry.close);
  const url = (await frameworks[name]?.(telemetry)) ?? "";
  return { url, ingest, telemetry };
}

const seriesIn = async (url: string, metric: string, accept = "text/plain"): Promise<readonly string[]> =>
  (await (await fetch(`${url}/metrics`, { headers: { accept } })).text())
    .split("\n")
    .filter((line) => line.startsWith(metric));

describe.each(Object.keys(frameworks))("observe(%s)", (name) => {
  it("counts and times requests by route template, and shows the paths that no route knows as one", async () => {
    const { url } = await observed(name);
    for (const id of ["1", "2"]) await fetch(`${url}/orders/${id}?name=${secret}`);
    await fetch(`${url}/patients/${secret}/notes`);
    for (let turn = 0; turn < 20; turn++) await fetch(`${url}/${secret}${turn}`);
    await expect
      .poll(() => seriesIn(url, "http_requests_total"))
      .toEqual([
        'http_requests_total{method="GET",route="/orders/:id",status_code="200"} 2',
        'http_requests_total{method="GET",route="/patients/:patient/notes",status_code="200"} 1',
        'http_requests_total{method="GET",route="unmatched",status_code="404"} 20',
      ]);
    expect(await seriesIn(url, 'http_request_duration_seconds_count{method="GET",route="/orders/:id"')).toHaveLength(1);
    expect(await seriesIn(url, "http_requests_in_flight")).toEqual(["http_requests_in_flight 0"]);
    expect((await seriesIn(url, "active_connections"))[0]).toMatch(/^active_connections [1-9]/);
  });

  it("counts a connection from when it is made until it ends, and none of another server", async () => {
    const { url, telemetry } = await observed(name);
    const other = await listening(createServer());
    const sockets = await Promise.all(
      [...Array<string>(5).fill(url), other].map(async (at) => {
        const socket = connect(Number(new URL(at).port), "127.0.0.1");
        cleanups.push(() => socket.destroy());
        await once(socket, "connect");
        socket.write("GET /orders/1 HTTP/1.1\r\nhost: a\r\nx-slow: ");
        return socket;
      }),
    );
    await (await fetch(`${url}/orders/1`, { headers: { connection: "close" } })).text();
    const connections = async () => /^active_connections (\d+)$/m.exec((await telemetry.metrics.render()).body)?.[1];
    await expect.poll(connections).toBe("5");
    sockets[0]?.destroy();
    await expect.poll(connections).toBe("4");
  });

  it("counts the bytes that bodies were declared to have, of requests and of answers", async () => {
    const { url } = await observed(name);
    const posted = { method: "POST", headers: { "content-type": "application/json" }, body: '{"a":1}' };
    const answers = [
      await fetch(`${url}/orders/1`),
      await fetch(`${url}/orders/2`, posted),
      await fetch(`${url}/none`),
    ];
    const bytes = answers.reduce((sum, { headers }) => sum + Number(headers.get("content-length")), 0);
    expect(bytes).toBeGreaterThan(3);
    const sent = () => seriesIn(url, "http_response_body_bytes_total");
    await expect.poll(sent).toEqual([`http_response_body_bytes_total ${bytes}`]);
    expect(await seriesIn(url, "http_request_body_bytes_total")).toEqual(["http_request_body_bytes_total 7"]);
  });

  it("makes a span of each request, in which the handler runs, body or not, as a part of the caller's trace", async () => {
    const { url, ingest, telemetry } = await observed(name);
    const traceId = "1".repeat(32);
    const headers = {
      traceparent: `00-${traceId}-${"2".repeat(16)}-01`,
      tracestate: `x=${secret}`,
      baggage: `a=${secret}`,
    };
    expect(await (await fetch(`${url}/orders/1`, { headers })).json()).toEqual({ trace: traceId });
    const posted = { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: '{"a":1}' };
    expect(await (await fetch(`${url}/orders/2`, posted)).json()).toEqual({ trace: traceId });
    expect(await (await fetch(`${url}/orders/3`, { headers: { traceparent: "nonsense" } })).json()).not.toEqual({
      trace: "none",
    });
    await telemetry.flush();
    const own = () => ingest.spans().filter((span) => span.kind === 2 && span.traceId === traceId);
    await expect.poll(own).toHaveLength(2);
    expect(own()[0]).toMatchObject({
      parentSpanId: "2".repeat(16),
      name: "GET /orders/:id",
      attributes: { "http.request.method": "GET", "http.route": "/orders/:id", "http.response.status_code": 200 },
      status: { code: 0 },
    });
  });

  it("reports what a handler throws, without its message", async () => {
    const { url, ingest, telemetry } = await observed(name);
    expect((await fetch(`${url}/failing`)).status).toBe(500);
    const failed = async () => {
      await telemetry.flush();
      return ingest.spans().find((each) => each.name === "GET /failing");
    };
    await expect.poll(failed).toBeDefined();
    await expect.poll(() => ingest.events()).toHaveLength(1);
    const span = await failed();
    expect(span).toMatchObject({ status: { code: 2 }, attributes: { "error.type": "TypeError" } });
    expect(ingest.events()[0]).toMatchObject({
      transaction: "GET /failing",
      exception: {
        values: [
          {
            type: "TypeError",
            stacktrace: {
              frames: expect.arrayContaining([
                expect.objectContaining({ function: "fail", filename: "test/telemetry/observe.test.ts", in_app: true }),
              ]),
            },
          },
        ],
      },
      contexts: { trace: { trace_id: span?.traceId } },
      tags: { service: "lab", "http.route": "/failing", "http.response.status_code": 500 },
    });
    expect(ingest.bodies.join()).not.toContain(secret);
  });

  it("leads from a bucket's exemplar to the trace", async () => {
    const { url, ingest, telemetry } = await observed(name);
    await fetch(`${url}/orders/1`);
    const lines = () => seriesIn(url, "http_request_duration_seconds_bucket", "application/openmetrics-text");
    await expect.poll(async () => (await lines()).join()).toMatch(/trace_id="[0-9a-f]{32}"/);
    const [, traceId] = /trace_id="(\w+)"/.exec((await lines()).join()) ?? [];
    await telemetry.flush();
    expect(ingest.spans().map((span) => span.traceId)).toContain(traceId);
  });

  it("has each of several requests that come in one packet in a trace of its own", async () => {
    const { url } = await observed(name);
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
    cleanups.push(() => socket.destroy());
    let received = "";
    socket.on("data", (part) => {
      received += part;
    });
    socket.write([1, 2, 3].map((id) => `GET /orders/${id} HTTP/1.1\r\nhost: a\r\n\r\n`).join(""));
    const traces = () => Array.from(received.matchAll(/"trace":"([0-9a-f]{32})"/g), ([, trace]) => trace);
    await expect.poll(traces).toHaveLength(3);
    expect(new Set(traces()).size).toBe(3);
  });

  it("counts a client that leaves early, and is well afterwards", async () => {
    const { url } = await observed(name);
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
    socket.write("POST /orders/1 HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{");
    await expect.poll(() => seriesIn(url, "http_requests_in_flight")).toEqual(["http_requests_in_flight 1"]);
    socket.destroy();
    await expect.poll(() => seriesIn(url, "http_requests_aborted_total")).toEqual(["http_requests_aborted_total 1"]);
    expect(await seriesIn(url, "http_requests_in_flight")).toEqual(["http_requests_in_flight 0"]);
    expect((await seriesIn(url, "http_requests_total"))[0]).toContain('status_code="499"');
  });
});

describe("what a service shows by itself", () => {
  it("is more than fifty metrics, of the catalogue all of them", async () => {
    const { url, telemetry } = await observed("node");
    observePool(new pg.Pool(), telemetry);
    await fetch(`${url}/orders/1`);
    await expect.poll(() => seriesIn(url, "nodejs_eventloop_delay_max_seconds ")).toHaveLength(1);
    const text = await (await fetch(`${url}/metrics`)).text();
    const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThanOrEqual(50);
    expect(names.filter((name) => !Object.hasOwn(serviceRows, name ?? ""))).toEqual([]);
    for (const [metric, least] of [
      ["nodejs_heap_limit_bytes", 1e7],
      ["process_threads", 2],
      ["process_max_fds", 10],
    ] as const)
      expect(Number(new RegExp(`^${metric} (\\S+)$`, "m").exec(text)?.[1])).toBeGreaterThan(least);
  });
});

it("loses errors, too, where only a share of the traces is recorded; the metrics have all of them", async () => {
  const ingest = await startIngest();
  cleanups.push(ingest.close);
  const telemetry = await createTelemetry({
    service: "lab",
    traces: { endpoint: ingest.url, headRatio: 0.5 },
    write: () => {},
  });
  cleanups.push(telemetry.close);
  const app = Fastify();
  observeFastify(app, telemetry);
  app.get("/failing", async () => fail());
  cleanups.push(() => app.close());
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const ones = "1".repeat(32);
  const sampled = `00-${ones}-2222222222222222-01`;
  for (let turn = 0; turn < 60; turn++) await (await fetch(`${url}/failing`)).text();
  for (let turn = 0; turn < 5; turn++)
    await (await fetch(`${url}/failing`, { headers: { traceparent: sampled } })).text();
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(/^http_requests_total\{.*route="\/failing".*\} 65$/m);
  await telemetry.flush();
  // Who asks is observed as well: its call is a span of the same trace.
  const servers = ingest.spans().filter(({ kind }) => kind === 2);
  const [begun, continued] = [false, true].map((wanted) =>
    servers.filter(({ traceId }) => (traceId === ones) === wanted),
  );
  // Of sixty, fewer than five or more than fifty-five would be a chance of one in a billion.
  expect(begun?.length).toBeGreaterThan(5);
  expect(begun?.length).toBeLessThan(55);
  // Whoever began a trace has decided for all who take part in it.
  expect(continued?.length).toBe(5);
});

it.each([true, false])(
  "records what a caller does not want recorded, under the caller's id: not where callers are followed (%s)",
  async (followCallers) => {
    const ingest = await startIngest();
    cleanups.push(ingest.close);
    const telemetry = await createTelemetry({
      service: "lab",
      traces: { endpoint: ingest.url, followCallers },
      write: () => {},
    });
    cleanups.push(telemetry.close);
    const app = Fastify();
    observeFastify(app, telemetry);
    app.get("/failing", async () => fail());
    cleanups.push(() => app.close());
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    await fetch(`${url}/failing`, { headers: { traceparent: `00-${"3".repeat(32)}-${"4".repeat(16)}-00` } });
    await telemetry.flush();
    const mine = ingest.spans().filter(({ kind, traceId }) => kind === 2 && traceId === "3".repeat(32));
    expect(mine).toHaveLength(followCallers ? 0 : 1);
  },
);

it("carries the ids of a trace that is not recorded along, the same to all who ask, with the word that it is not recorded", async () => {
  const ingest = await startIngest();
  cleanups.push(ingest.close);
  const got: string[] = [];
  const upstream = createServer((request, response) => {
    got.push(String(request.headers.traceparent));
    response.end("done");
  });
  cleanups.push(() => upstream.close());
  const lab = await listening(upstream);
  const traces = { endpoint: ingest.url, headRatio: 0 };
  const telemetry = await createTelemetry({ service: "front", traces, upstreams: { lab }, write: () => {} });
  cleanups.push(telemetry.close);
  const app = Fastify();
  observeFastify(app, telemetry);
  app.get("/both", async () => {
    for (let turn = 0; turn < 2; turn++) await telemetry.tracer.startActiveSpan("turn", async () => fetch(lab));
    return seen();
  });
  cleanups.push(() => app.close());
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const ids = [1, 2].map(async () => ((await (await fetch(`${url}/both`)).json()) as { readonly trace: string }).trace);
  const [one = "", other = ""] = await Promise.all(ids);
  expect(one).toMatch(/^[0-9a-f]{32}$/);
  expect(other).not.toBe(one);
  const told = [one, one, other, other].toSorted().map((trace) => new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
  expect(got.toSorted()).toEqual(told.map((line) => expect.stringMatching(line)));
  await telemetry.flush();
  expect(ingest.spans()).toEqual([]);
});
