// Observes a Fastify application: observe(app, telemetry), before it listens.
import { context } from "@opentelemetry/api";
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from "fastify";
import { type Incoming, receiver } from "./incoming.ts";
import type { Telemetry } from "./service.ts";

/** Requests, spans and errors of every route, and `GET /metrics` unless there is one. */
export function observe(app: FastifyInstance, telemetry: Telemetry): void {
  const receive = receiver(telemetry, templateOf as (subject: unknown) => string | undefined);
  // The server's own event: what Fastify refuses by itself, such as a path that cannot be decoded, runs no hook.
  app.server.prependListener("request", receive);
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
  });
  // The end of a body is told by the socket, outside of any request's context.
  app.addHook("preValidation", (request, reply, done) => {
    if (request.body === undefined) done();
    else context.with(incoming(request, reply.raw).context, done);
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

const templateOf = (request: FastifyRequest): string | undefined =>
  request.is404 ? undefined : request.routeOptions.url;
