// The HTTP side of an exporter: its pages by path, nothing else; limits on everything that a client can stretch.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { stackError } from "../components/errors.ts";
import { createServer } from "../components/http.ts";
import type { Log } from "../telemetry/log.ts";
import { type Page, problem, type Route } from "./exporter.ts";

export interface Listening {
  readonly port: number;
  /** Lets requests under way finish, until the signal is aborted. */
  close(signal: AbortSignal): Promise<void>;
}

export async function serve(
  routes: Readonly<Record<string, Route>>,
  { host, port, log }: { readonly host: string; readonly port: number; readonly log: Log },
): Promise<Listening> {
  const server = createServer((request, response) => {
    answer(routes, request).then(
      (page) => send(response, request, page),
      () => {
        log.error("request failed");
        send(response, request, problem(500, "The request failed."));
      },
    );
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 65_000;
  server.maxConnections = 200;
  await listen(server, host, port);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: (signal) =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        signal.addEventListener("abort", () => server.closeAllConnections(), { once: true });
      }),
  };
}

async function answer(routes: Readonly<Record<string, Route>>, request: IncomingMessage): Promise<Page> {
  // Only the path and the query count; a request target that is no path has no page.
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  for (const [template, route] of Object.entries(routes)) {
    const params = match(template, path);
    if (params === undefined) continue;
    if (request.method !== "GET" && request.method !== "HEAD")
      return { ...problem(405, "Only GET is allowed here."), headers: { allow: "GET, HEAD" } };
    return route({ params, query: new URLSearchParams(query), headers: request.headers });
  }
  return problem(404, "There is no such page.");
}

function match(template: string, path: string): Readonly<Record<string, string>> | undefined {
  const wanted = template.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith(":") && value !== "") params[part.slice(1)] = value;
    else if (part !== value) return undefined;
  }
  return params;
}

function send(response: ServerResponse, request: IncomingMessage, page: Page): void {
  const body = Buffer.from(page.body);
  response.writeHead(page.status ?? 200, {
    "content-type": page.contentType,
    "content-length": body.byteLength,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    ...page.headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

export const text = (status: number, line: string): Page => ({
  status,
  contentType: "text/plain; charset=utf-8",
  body: `${line}\n`,
});

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const what = taken ? "is in use by another program" : `cannot be listened on (${error.code ?? "unknown"})`;
      reject(
        stackError(`${host}:${port}`, what, taken ? "Choose another --port." : "Choose another --host or --port."),
      );
    });
    server.listen(port, host, resolve);
  });
