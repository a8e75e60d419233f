// Pages of other origins may use the API when the configuration names them (the Fetch standard's CORS protocol).
import type { FastifyInstance } from "fastify";
import { versionHeader } from "./versions.ts";

const methods = "GET, HEAD, POST, PUT, PATCH";
const asked = ["authorization", "content-type", "cache-control", "if-none-match", versionHeader].join(", ");
const shown = ["etag", "location", "deprecation", "sunset", "link", "ratelimit", "retry-after", "x-cache"].join(", ");
const rememberedSeconds = 600;

/** `origins` such as `https://app.example.com`. Without any, no page of another origin reads an answer. */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.addHook("onRequest", async (request, reply) => {
    const { origin } = request.headers;
    reply.header("vary", "origin");
    if (origin === undefined || !origins.includes(origin)) return;
    reply.headers({ "access-control-allow-origin": origin, "access-control-expose-headers": shown });
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return;
    // Asked before any token is there: it tells nothing but this configuration.
    return reply
      .code(204)
      .headers({
        "access-control-allow-methods": methods,
        "access-control-allow-headers": asked,
        "access-control-max-age": `${rememberedSeconds}`,
      })
      .send();
  });
}
