// What observe(fastify) puts in the way of an application's own hooks, routes and injected requests: nothing that they would notice.
import { type AddressInfo, connect, type Socket } from "node:net";
import { trace } from "@opentelemetry/api";
import Fastify, { type FastifyInstance, type onRequestHookHandler } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { observe } from "../../telemetry/fastify.ts";
import { createTelemetry } from "../../telemetry/service.ts";
import { type Ingest, startIngest } from "./ingest.ts";

const current = (): string => trace.getActiveSpan()?.spanContext().traceId ?? "none";
const aTrace = /^[0-9a-f]{32}$/;

describe("observe(fastify)", () => {
  let ingest: Ingest;
  let telemetry: Awaited<ReturnType<typeof createTelemetry>>;
  let app: FastifyInstance;
  beforeEach(async () => {
    ingest = await startIngest();
    telemetry = await createTelemetry({ service: "lab", traces: { endpoint: ingest.url }, write: () => {} });
    app = Fastify();
  });
  afterEach(async () => {
    await app.close();
    await telemetry.close();
    await ingest.close();
  });
  const listen = () => app.listen({ host: "127.0.0.1", port: 0 });
  const counted = async (): Promise<readonly string[]> =>
    (await telemetry.metrics.render()).body.split("\n").filter((line) => line.startsWith("http_requests_total{"));

  it("knows the templates of routes that were there before it", async () => {
    app.get("/early/:id", async () => current());
    observe(app, telemetry);
    app.get("/late/:id", async () => current());
    const url = await listen();
    const traces = await Promise.all(
      ["/early/1", "/late/1"].map(async (path) => (await fetch(`${url}${path}`)).text()),
    );
    for (const each of traces) expect(each).toMatch(aTrace);
    await fetch(`${url}/nowhere`);
    await expect
      .poll(counted)
      .toEqual(
        ["/early/:id", "/late/:id", "unmatched"].map((route) =>
          expect.stringContaining(`route="${route}",status_code="${route === "unmatched" ? 404 : 200}"} 1`),
        ),
      );
  });

  it("observes what comes by any of the addresses that Fastify listens at by default", async () => {
    observe(app, telemetry);
    app.get("/orders/:id", async () => current());
    await app.listen();
    const ports = app
      .addresses()
      .map((each) => each as AddressInfo)
      .map(({ address, family, port }) => (family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`));
    for (const at of ports) {
      expect(await (await fetch(`http://${at}/orders/1`)).text()).toMatch(aTrace);
      await fetch(`http://${at}/nowhere`);
    }
    await expect
      .poll(counted)
      .toEqual([
        `http_requests_total{method="GET",route="/orders/:id",status_code="200"} ${ports.length}`,
        `http_requests_total{method="GET",route="unmatched",status_code="404"} ${ports.length}`,
      ]);
  });

  it("knows its connections before any request", async () => {
    app = Fastify({ forceCloseConnections: true });
    observe(app, telemetry);
    const socket = connect(Number(new URL(await listen()).port), "127.0.0.1");
    await expect.poll(async () => (await telemetry.metrics.render()).body).toContain("\nactive_connections 1\n");
    socket.destroy();
    await expect.poll(async () => (await telemetry.metrics.render()).body).toContain("\nactive_connections 0\n");
  });

  it("counts what is refused as unreadable, once and by its status", async () => {
    app = Fastify({ requestTimeout: 1_000, http: { connectionsCheckingInterval: 50, headersTimeout: 1_000 } });
    observe(app, telemetry);
    app.post("/orders", async () => ({}));
    const { port } = new URL(await listen());
    const send = (bytes: string, leave?: (socket: Socket) => void): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(Number(port), "127.0.0.1");
        let answer = "";
        socket.once("connect", () => socket.write(bytes, () => leave?.(socket)));
        socket.on("data", (part) => {
          answer += part;
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve(answer.slice(9, 12)));
      });
    const head = "POST /orders HTTP/1.1\r\nhost: a\r\n";
    const answers = await Promise.all([
      send(`${head}x-slow: `),
      send(`${head}x-large: ${"x".repeat(20_000)}\r\n\r\n`),
      send("no request\r\n\r\n"),
      send("\0\r\n\r\n"),
      // A request whose body does not come is that request, and who leaves is not refused.
      send(`${head}content-type: application/json\r\ncontent-length: 9\r\n\r\n{`),
      send(head, (socket) => socket.resetAndDestroy()),
    ]);
    expect(answers).toEqual(["408", "431", "400", "400", "408", ""]);
    await expect
      .poll(async () => (await counted()).toSorted())
      .toEqual([
        'http_requests_total{method="POST",route="/orders",status_code="499"} 1',
        'http_requests_total{method="other",route="unmatched",status_code="400"} 2',
        'http_requests_total{method="other",route="unmatched",status_code="408"} 1',
        'http_requests_total{method="other",route="unmatched",status_code="431"} 1',
      ]);
  });

  it("observes what is injected, and leaves nothing of it with whoever injects", async () => {
    observe(app, telemetry);
    const own: string[] = [];
    const onRequest: onRequestHookHandler = (_request, _reply, done) => {
      own.push(current());
      done();
    };
    app.get("/orders/:id", { onRequest }, async () => current());
    app.get("/plain/:id", async () => current());
    app.post("/orders/:id", { onRequest }, async () => current());
    const answers = [
      await app.inject("/orders/1"),
      await app.inject("/plain/1"),
      await app.inject({ method: "POST", url: "/orders/1", payload: { note: "a" } }),
    ].map(({ body }) => body);
    for (const each of answers) expect(each).toMatch(aTrace);
    expect(new Set(answers).size).toBe(3);
    expect(own).toEqual([answers[0], answers[2]]);
    expect(current()).toBe("none");
    expect(await counted()).toHaveLength(3);
    // Asked to go on, it begins at once, in the midst of its caller.
    const another = app.inject("/orders/1").then(({ body }) => body);
    expect(current()).toBe("none");
    expect(await another).toMatch(aTrace);
    expect(current()).toBe("none");
  });

  it("keeps requests apart that come at once by one connection, and leaves nothing of them with a probe", async () => {
    observe(app, telemetry);
    const { promise: all, resolve } = Promise.withResolvers<void>();
    const traces: (readonly [string, string])[] = [];
    let begun = 0;
    for (const path of ["/orders/:id", "/healthz"])
      app.get(path, async () => {
        const before = current();
        if (++begun === 4) resolve();
        await all;
        traces.push([before, current()]);
        return "";
      });
    const paths = ["/orders/1", "/healthz", "/orders/2", "/healthz"];
    const socket = connect(Number(new URL(await listen()).port), "127.0.0.1");
    socket.end(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(""));
    socket.resume();
    await new Promise((closed) => socket.once("close", closed));
    const [first, second] = traces.filter(([before]) => before !== "none");
    for (const seen of [first, second]) expect(seen).toEqual([expect.stringMatching(aTrace), seen?.[0]]);
    expect(traces).toEqual([first, ["none", "none"], second, ["none", "none"]]);
    expect(first).not.toEqual(second);
    expect(current()).toBe("none");
  });

  it.each(["asked", "injected"])(
    "runs a route's own hooks as they are, in their order and its trace (%s)",
    async (how) => {
      observe(app, telemetry);
      app.decorate("ward", "7");
      const ran: string[] = [];
      const say = (what: string) => ran.push(`${what} ${current() === "none" ? "outside" : "inside"}`);
      app.addHook("onRequest", async () => void say("app"));
      const called: onRequestHookHandler = function (
        this: FastifyInstance & { ward?: string },
        _request,
        _reply,
        done,
      ) {
        say(`called in ward ${this.ward}`);
        done();
      };
      const awaited = async function (this: FastifyInstance & { ward?: string }) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        say(`awaited in ward ${this.ward}`);
      };
      const promising = () => awaited.call(app as never);
      const refusing: onRequestHookHandler = (_request, _reply, done) => done(new Error("refused"));
      const throwing = () => {
        throw new Error("thrown");
      };
      const rejecting = async () => Promise.reject(new Error("rejected"));
      const handler = async function (this: FastifyInstance & { ward?: string }) {
        say(`handler in ward ${this.ward}`);
        return "done";
      };
      const routes: Readonly<Record<string, onRequestHookHandler | onRequestHookHandler[]>> = {
        called,
        awaited: awaited as never,
        promising: promising as never,
        several: [called, awaited as never, called],
        awaitedFirst: [awaited as never, called],
        refusing,
        throwing,
        rejecting: rejecting as never,
        refusingSecond: [called, refusing],
        none: [],
      };
      for (const [name, onRequest] of Object.entries(routes)) app.get(`/${name}`, { onRequest }, handler);
      const url = how === "asked" ? await listen() : "";
      const ask = async (name: string) => {
        ran.length = 0;
        const answer = how === "asked" ? await fetch(`${url}/${name}`) : await app.inject(`/${name}`);
        const status = "status" in answer ? answer.status : answer.statusCode;
        const text =
          "body" in answer && typeof answer.body === "string" ? answer.body : await (answer as Response).text();
        return [status, status === 200 ? text : JSON.parse(text).message, ...ran];
      };
      const first = "app inside";
      const [one, other] = ["called in ward 7 inside", "awaited in ward 7 inside"];
      expect(await ask("called")).toEqual([200, "done", first, one, "handler in ward 7 inside"]);
      expect(await ask("awaited")).toEqual([200, "done", first, other, "handler in ward 7 inside"]);
      expect(await ask("promising")).toEqual([200, "done", first, other, "handler in ward 7 inside"]);
      expect(await ask("several")).toEqual([200, "done", first, one, other, one, "handler in ward 7 inside"]);
      expect(await ask("awaitedFirst")).toEqual([200, "done", first, other, one, "handler in ward 7 inside"]);
      expect(await ask("refusing")).toEqual([500, "refused", first]);
      expect(await ask("throwing")).toEqual([500, "thrown", first]);
      expect(await ask("rejecting")).toEqual([500, "rejected", first]);
      expect(await ask("refusingSecond")).toEqual([500, "refused", first, one]);
      expect(await ask("none")).toEqual([200, "done", first, "handler in ward 7 inside"]);
    },
  );

  it("leaves a route's handler to others, such as a plugin for WebSockets, which call it with what they have", async () => {
    observe(app, telemetry);
    const given: unknown[] = [];
    app.addHook("onRoute", (route) => void given.push(route.handler));
    const handler = async () => current();
    app.get("/live/:id", { exposeHeadRoute: false }, handler);
    expect(given).toEqual([handler]);
  });

  it("counts what a route's own hook declares as not found under the route", async () => {
    observe(app, telemetry);
    app.get("/gone/:id", { onRequest: async (_request, reply) => reply.callNotFound() }, async () => current());
    expect((await fetch(`${await listen()}/gone/1`)).status).toBe(404);
    await expect.poll(counted).toEqual(['http_requests_total{method="GET",route="/gone/:id",status_code="404"} 1']);
  });

  it("leaves it to Fastify to refuse what is no hook", () => {
    observe(app, telemetry);
    for (const onRequest of ["no function", { call: () => {} }] as readonly unknown[])
      expect(() => app.get("/wrong", { onRequest: onRequest as never }, async () => "")).toThrow(
        /should be a function/,
      );
  });
});
