// Metrics and health on a port of their own: whoever may use the API need not see them.
import { createServer } from "node:http";
import type { FastifyInstance } from "fastify";
import { answerProblem } from "../components/server.ts";

const own = new Set(["/metrics", "/healthz", "/readyz"]);
const patienceMs = 10_000;

/** Listens once the application does. From then on `/metrics` is nothing that the application's own port knows, and the API nothing that this one knows. */
export function addOperations(app: FastifyInstance, host: string, port: number): void {
  const server = createServer((request, response) => app.routing(request, response));
  [server.headersTimeout, server.requestTimeout] = [patienceMs, patienceMs];
  const ports = new WeakSet<object>();
  server.on("connection", (socket) => ports.add(socket));
  app.addHook("onRequest", (request, reply, done) => {
    const { url = "" } = request.routeOptions;
    if (ports.has(request.raw.socket) ? !own.has(url) : url === "/metrics")
      answerProblem(reply, 404, "There is nothing at this path.");
    else done();
  });
  app.addHook(
    "onListen",
    () =>
      new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, resolve);
      }),
  );
  app.addHook("onClose", async () => {
    server.closeAllConnections();
    server.close();
  });
}
