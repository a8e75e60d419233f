// Metrics and health on a port of their own: whoever may use the API need not see them.
import { createServer } from "node:http";
import type { FastifyInstance } from "fastify";
import { answerProblem } from "../components/server.ts";

/** Listens once the application does. From then on `/metrics` is nothing that the application's own port knows. */
export function addOperations(app: FastifyInstance, host: string, port: number): void {
  const server = createServer((request, response) => app.routing(request, response));
  const ports = new WeakSet<object>();
  server.on("connection", (socket) => ports.add(socket));
  app.addHook("onRequest", (request, reply, done) => {
    if (request.routeOptions.url === "/metrics" && !ports.has(request.raw.socket))
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
