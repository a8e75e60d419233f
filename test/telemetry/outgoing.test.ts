// Calls to other services by node:http and fetch: who gets the trace's ids, what is counted, and that nothing stays open.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ClientRequest, createServer, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { context, trace } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";
import { createTelemetry } from "../../telemetry/service.ts";
import { freePort } from "../support/ports.ts";
import { startIngest } from "./ingest.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Answers every path but /hang, and keeps the headers that it got. */
async function startUpstream() {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((incoming, response) => {
    seen.push(incoming.headers);
    if (incoming.url === "/late") {
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      response.statusCode = 503;
    }
    if (incoming.url !== "/hang") response.end("done");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const clients: Readonly<Record<string, (url: string, signal?: AbortSignal) => Promise<unknown>>> = {
  fetch: async (url, signal) => (await fetch(url, { signal: signal ?? null })).text(),
  "node:http": (url, signal) =>
    new Promise((resolve, reject) => {
      request(url, { signal }, (response) => response.resume().once("end", resolve))
        .once("error", reject)
        .end();
    }),
};

async function observed(calls = true) {
  const [ingest, billing, stranger] = await Promise.all([startIngest(), startUpstream(), startUpstream()]);
  cleanups.push(ingest.close);
  const telemetry = await createTelemetry({
    service: "lab",
    traces: { endpoint: ingest.url, spans: ["work"] },
    upstreams: { billing: billing.url },
    calls,
    write: () => {},
  });
  cleanups.push(telemetry.close);
  const value = async (series: string): Promise<number> => {
    const { body } = await telemetry.metrics.render();
    return Number(
      body
        .split("\n")
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length),
    );
  };
  return { ingest, billing, stranger, telemetry, value };
}

describe.each(Object.entries(clients))("a call by %s", (_name, call) => {
  it("carries the trace's ids to an upstream, and to nobody else", async () => {
    const { ingest, billing, stranger, telemetry, value } = await observed();
    const work = telemetry.tracer.startSpan("work");
    await context.with(trace.setSpan(context.active(), work), async () => {
      await call(`${billing.url}/orders`);
      await call(`${stranger.url}/orders`);
    });
    work.end();
    await telemetry.flush();
    const { traceId, spanId } = work.spanContext();
    const span = ingest.spans().find(({ name }) => name === "GET billing");
    expect(span).toMatchObject({ traceId, parentSpanId: spanId, kind: 3 });
    expect(billing.seen[0]).toMatchObject({
      traceparent: `00-${traceId}-${span?.spanId}-01`,
      "x-trace-id": traceId,
      "x-span-id": span?.spanId,
    });
    expect(Object.keys(stranger.seen[0] ?? {}).filter((name) => /trace|span/.test(name))).toEqual([]);
    expect(await value('upstream_requests_total{upstream="billing",method="GET",status_code="200"}')).toBe(1);
    expect(await value('upstream_requests_total{upstream="other",method="GET",status_code="200"}')).toBe(1);
  });

  it("is not observed, and carries nothing, where calls are not wanted", async () => {
    const { ingest, billing, telemetry, value } = await observed(false);
    await call(`${billing.url}/orders`);
    await telemetry.flush();
    expect(ingest.spans()).toEqual([]);
    expect(Object.keys(billing.seen[0] ?? {}).filter((name) => /trace|span/.test(name))).toEqual([]);
    expect(await value('upstream_requests_total{upstream="billing",method="GET",status_code="200"}')).toBeNaN();
  });

  it("is what it is answered in the end, whatever comes before", async () => {
    const { ingest, billing, telemetry, value } = await observed();
    await call(`${billing.url}/late`);
    expect(await value('upstream_requests_total{upstream="billing",method="GET",status_code="503"}')).toBe(1);
    expect(await value('upstream_requests_total{upstream="billing",method="GET",status_code="103"}')).toBeNaN();
    await telemetry.flush();
    expect(ingest.spans()[0]).toMatchObject({ name: "GET billing", status: { code: 2 } });
  });

  it("that fails is a failure, an error in the trace, and no longer open", async () => {
    const { ingest, telemetry, value } = await observed();
    await expect(call(`http://127.0.0.1:${await freePort()}/`)).rejects.toThrow();
    expect(await value('upstream_request_failures_total{upstream="other"}')).toBe(1);
    expect(await value('upstream_requests_in_flight{upstream="other"}')).toBe(0);
    await telemetry.flush();
    expect(ingest.spans()[0]).toMatchObject({ name: "GET other", status: { code: 2 } });
  });

  it("that takes longer than its signal allows is a failure, one that nobody wants any more is none", async () => {
    const { ingest, billing, telemetry, value } = await observed();
    for (const [at, reason] of [new DOMException("late", "TimeoutError"), undefined].entries()) {
      const ending = new AbortController();
      const hanging = expect(call(`${billing.url}/hang`, ending.signal)).rejects.toThrow();
      await expect.poll(() => billing.seen.length).toBe(at + 1);
      ending.abort(reason);
      await hanging;
    }
    expect(await value('upstream_request_failures_total{upstream="billing"}')).toBe(1);
    await telemetry.flush();
    const [slow, left] = ingest.spans();
    expect(slow).toMatchObject({ status: { code: 2 } });
    expect(JSON.stringify(slow?.attributes)).toContain("TimeoutError");
    expect(left?.status).toEqual({ code: 0 });
  });
});

describe("a call that is given up", () => {
  it("is no longer open", async () => {
    const { billing, value } = await observed();
    const outgoing = request(`${billing.url}/hang`).on("error", () => {});
    outgoing.end();
    await expect.poll(() => billing.seen.length).toBe(1);
    expect(await value('upstream_requests_in_flight{upstream="billing"}')).toBe(1);
    outgoing.destroy();
    await expect.poll(() => value('upstream_requests_in_flight{upstream="billing"}')).toBe(0);
    expect(await value('upstream_request_failures_total{upstream="billing"}')).toBe(1);
    const stop = new AbortController();
    const fetched = fetch(`${billing.url}/hang`, { signal: stop.signal }).catch(() => {});
    await expect.poll(() => billing.seen.length).toBe(2);
    stop.abort();
    await fetched;
    await expect.poll(() => value('upstream_requests_in_flight{upstream="billing"}')).toBe(0);
    const signalled = new AbortController();
    const third = request(`${billing.url}/hang`, { signal: signalled.signal }).on("error", () => {});
    third.end();
    await expect.poll(() => billing.seen.length).toBe(3);
    signalled.abort();
    await expect.poll(() => value('upstream_requests_in_flight{upstream="billing"}')).toBe(0);
    // Whoever aborts has no more use for the answer; whoever just ends it has waited for too long.
    expect(await value('upstream_request_failures_total{upstream="billing"}')).toBe(1);
  });
});

describe("a connection that is handed over", () => {
  const wanted = { connection: "Upgrade", upgrade: "lab" };
  const asked: Readonly<Record<string, readonly [status: number, send: (port: number) => ClientRequest]>> = {
    "by headers": [101, (port) => request({ port, headers: wanted })],
    "by a list of headers": [
      101,
      (port) => request({ port, headers: [...Object.entries(wanted).flat(), "host", "lab"] }),
    ],
    "by headers that come later": [101, (port) => request({ port }).setHeaders(new Map(Object.entries(wanted)))],
    "as a tunnel": [200, (port) => request({ port, method: "CONNECT", path: "127.0.0.1:1" })],
    "and refused": [500, (port) => request({ port, path: "/refused", headers: wanted })],
    "and refused as a tunnel": [403, (port) => request({ port, method: "CONNECT", path: "refused:1" })],
  };

  it.each(Object.entries(asked))(
    "ends its call by node:http with its answer: asked for %s",
    async (_how, [status, send]) => {
      const { ingest, telemetry, value } = await observed();
      const outgoing = send(await startSwitch());
      const handed = (_response: IncomingMessage, socket: Duplex) => void socket.end();
      outgoing
        .once("upgrade", handed)
        .once("connect", handed)
        .once("response", (response) => response.resume());
      outgoing.end();
      await once(outgoing, "close");
      const method = outgoing.method === "CONNECT" ? "other" : "GET";
      expect(await value(`upstream_requests_total{upstream="other",method="${method}",status_code="${status}"}`)).toBe(
        1,
      );
      expect(await value('upstream_requests_in_flight{upstream="other"}')).toBe(0);
      expect(await value('upstream_request_failures_total{upstream="other"}')).toBe(0);
      await telemetry.flush();
      expect(ingest.spans()).toMatchObject([{ status: { code: status >= 500 ? 2 : 0 } }]);
    },
  );

  it("is no call of fetch's that stays open: a WebSocket", async () => {
    const { ingest, telemetry, value } = await observed();
    const socket = new WebSocket(`ws://127.0.0.1:${await startSwitch()}/`);
    socket.onopen = () => socket.close();
    await once(socket, "close");
    expect(await value('upstream_requests_in_flight{upstream="other"}')).toBe(0);
    expect(await value('upstream_request_failures_total{upstream="other"}')).toBe(0);
    await telemetry.flush();
    expect(ingest.spans()).toEqual([]);
  });
});

/** Hands every connection over that asks for it but for "refused", and ends it when the other side has; its port. */
async function startSwitch(): Promise<number> {
  const server = createServer();
  server.on("upgrade", ({ headers, url }, socket) => {
    if (url === "/refused") return void socket.end("HTTP/1.1 500 Refused\r\ncontent-length: 0\r\n\r\n");
    const key = createHash("sha1").update(`${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    const accept = `Connection: Upgrade\r\nUpgrade: ${headers.upgrade}\r\nSec-WebSocket-Accept: ${key.digest("base64")}`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${accept}\r\n\r\n`);
    // A WebSocket's first frame is its farewell, which is told back.
    socket.on("data", () => socket.end(Buffer.from([0x88, 0x00])));
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
  });
  server.on("connect", ({ url }, socket) => {
    socket.write(`HTTP/1.1 ${url === "refused:1" ? "403 Refused" : "200 OK"}\r\n\r\n`);
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}
