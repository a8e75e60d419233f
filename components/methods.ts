// What answers a request that no route takes: 405 with the methods of its path, where there are some, else 404 (RFC 9110, 15.5.6).
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { matchesTemplate } from "../telemetry/incoming.ts";

/** Adds it to a server that has no routes yet; `answer` sends a problem. */
export function addMethods(
  app: FastifyInstance,
  answer: (reply: FastifyReply, status: number, detail: string) => FastifyReply,
): void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    methods.set(url, known);
    for (const each of [method].flat()) known.add(each);
  });
  app.setNotFoundHandler(({ method, url }: FastifyRequest, reply) => {
    const path = url.split("?", 1)[0] ?? "";
    // A preflight that comes here is of an origin that may not ask at all.
    const allowed =
      method === "OPTIONS"
        ? []
        : [...methods].flatMap(([template, all]) => (matchesTemplate(template, path) ? [...all] : []));
    if (allowed.length === 0) return answer(reply, 404, "There is nothing at this path.");
    const allow = [...new Set(allowed)].toSorted().join(", ");
    return answer(reply.header("allow", allow), 405, `This path takes ${allow}.`);
  });
}
