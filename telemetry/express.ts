// Observes an Express application: app.use(observe(app, telemetry)) after its routes, observe before them.
import { context } from "@opentelemetry/api";
import type { Application, ErrorRequestHandler, Request } from "express";
import { matchesTemplate, receiver } from "./incoming.ts";
import type { Telemetry } from "./service.ts";

export interface ExpressOptions {
  /** Templates of the paths at which routers are mounted, such as `/patients/:id`: Express forgets them, and keeps what the client sent. */
  readonly mounts?: readonly string[];
}

/**
 * Requests and spans of every route that is added later, and `GET /metrics`.
 * Returns an error handler that passes errors on: used after the routes, it lets them be reported.
 */
export function observe(
  app: Application,
  telemetry: Telemetry,
  { mounts = [] }: ExpressOptions = {},
): ErrorRequestHandler {
  const receive = receiver(telemetry, (request) => routeOf(request as Request, mounts));
  app.use((request, response, next) => {
    const seen = receive(request, response);
    seen.subject = request;
    context.with(seen.context, next);
  });
  app.get("/metrics", (request, response, next) => {
    telemetry.metrics.render(request.headers.accept).then(({ contentType, body }) => {
      response.setHeader("content-type", contentType);
      response.end(body);
    }, next);
  });
  return (error, request, response, next) => {
    receive(request, response).error = error;
    next(error);
  };
}

/** The part of a route below a mount that nobody has named begins with `/*`. */
function routeOf({ route, baseUrl }: Request, mounts: readonly string[]): string | undefined {
  const path: unknown = (route as { readonly path?: unknown } | undefined)?.path;
  if (typeof path !== "string") return undefined;
  const mount = baseUrl === "" ? "" : (mounts.find((template) => matchesTemplate(template, baseUrl)) ?? "/*");
  return path === "/" && mount !== "" ? mount : `${mount}${path}`;
}
