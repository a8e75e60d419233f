// Observes a Fastify application: observe(app, telemetry), before it listens.
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { context } from "@opentelemetry/api";
import type { FastifyInstance, FastifyRequest, onRequestHookHandler, preValidationHookHandler } from "fastify";
import { type Incoming, type Receive, receiver, refusalOf } from "./incoming.ts";
import type { Telemetry } from "./service.ts";

/** Requests, spans and errors of every route, and `GET /metrics` unless there is one. */
export function observe(app: FastifyInstance, telemetry: Telemetry): void {
  const receive = receiver(telemetry, templateOf as (subject: unknown) => string | undefined, app.server);
  // The server's own event: what Fastify refuses by itself, such as a path that cannot be decoded, runs no hook.
  receiveFirst(app.server, receive);
  countRefusals(app.server, telemetry);
  const incoming = ({ raw }: FastifyRequest, response: Parameters<typeof receive>[1]): Incoming =>
    receive(raw, response);

  app.addHook("onRequest", (request, reply, done) => {
    const seen = incoming(request, reply.raw);
    seen.subject = request;
    context.with(seen.context, done);
  });
  // Fastify makes `routeOptions` anew each time that it is asked, and under load the collector pays for it: a route says its template
  // itself, and only a request that does not get there, or whose route came before us, asks.
  app.addHook("onRoute", (route) => {
    const { url } = route;
    const say: onRequestHookHandler = (request, reply, done) => {
      incoming(request, reply.raw).route = url;
      done();
    };
    route.onRequest = [say, ...[route.onRequest ?? []].flat()];
    if ([route.method].flat().every((method) => bodiless.has(method))) return;
    // The end of a body is told by the socket, outside of any request's context.
    const enter: preValidationHookHandler = (request, reply, done) => {
      context.with(incoming(request, reply.raw).context, done);
    };
    route.preValidation = [enter, ...[route.preValidation ?? []].flat()];
  });
  app.addHook("onError", (request, reply, error, done) => {
    incoming(request, reply.raw).error = error;
    done();
  });
  if (app.hasRoute({ method: "GET", url: "/metrics" })) return;
  app.get("/metrics", async (request, reply) => {
    const { contentType, body } = await telemetry.metrics.render(request.headers.accept);
    return reply.type(contentType).send(body);
  });
}

/** Fastify reads no body of these. */
const bodiless = new Set(["GET", "HEAD", "TRACE"]);

/** In one listener with the application's own: for two of them Node copies their list with each request. */
function receiveFirst(server: FastifyInstance["server"], receive: Receive): void {
  const [own, ...more] = server.listeners("request") as RequestListener[];
  if (own === undefined || more.length > 0) return void server.prependListener("request", receive);
  server.off("request", own);
  server.on("request", (request, response) => {
    receive(request, response);
    own.call(server, request, response);
  });
}

/** What never became a request: before the application's own listener, which ends its connection. */
function countRefusals(server: FastifyInstance["server"], { metrics }: Telemetry): void {
  const requests = metrics.counter("http_requests_total");
  server.prependListener(
    "clientError",
    (error: NodeJS.ErrnoException, socket: Socket & { readonly _httpMessage?: unknown }) => {
      const status = refusalOf(error, socket);
      // The rest of a request that is being answered counts with it.
      if (status === undefined || socket._httpMessage) return;
      requests.inc({ method: "other", route: "unmatched", status_code: String(status) });
    },
  );
}

const templateOf = (request: FastifyRequest): string | undefined =>
  request.is404 ? undefined : request.routeOptions.url;
