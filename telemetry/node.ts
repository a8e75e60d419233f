// Observes a plain Node server: createServer(observe(handler, telemetry, { routes })).
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { context } from "@opentelemetry/api";
import { matchesTemplate, receiver } from "./incoming.ts";
import type { Telemetry } from "./service.ts";

export interface NodeOptions {
  /** Templates such as `/orders/:id`; the first that fits names the route, a path without one is `unmatched`. */
  readonly routes: readonly string[];
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Requests and spans of a handler, and `GET /metrics`. A handler that throws is answered for with 500. */
export function observe(handler: Handler, telemetry: Telemetry, { routes }: NodeOptions): RequestListener {
  const receive = receiver(telemetry);
  return (request, response) => {
    const seen = receive(request, response);
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    seen.route = routes.find((template) => matchesTemplate(template, path));
    const handled = path === "/metrics" ? metrics : handler;
    const run = async () => context.with(seen.context, () => handled(request, response));
    run().catch((thrown: unknown) => {
      seen.error = thrown;
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  };

  async function metrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { contentType, body } = await telemetry.metrics.render(request.headers.accept);
    response.writeHead(200, { "content-type": contentType }).end(body);
  }
}
