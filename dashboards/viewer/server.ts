// The viewer's HTTP side: one page, its assets, the dashboards, and the way to Prometheus.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { messageOf } from "../../components/errors.ts";
import { createServer } from "../../components/http.ts";
import { type Asset, makeAssets } from "./assets.ts";
import { openLibrary } from "./library.ts";
import { isQueryPath, makeProxy, proxyDefaults } from "./proxy.ts";

export interface ViewerOptions {
  readonly host: string;
  readonly port: number;
  readonly dashboards: string;
  readonly prometheus: URL;
  /** The header by which the viewer logs in to Prometheus. */
  readonly authorization?: string;
  /** Where people find Jaeger. */
  readonly traces?: URL;
  readonly scrapeSeconds: number;
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
}

const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** Starts the viewer; resolves once it listens. */
export async function startViewer(options: ViewerOptions): Promise<Server> {
  const library = openLibrary(options.dashboards);
  const asset = makeAssets();
  const proxy = makeProxy({
    ...proxyDefaults,
    prometheus: options.prometheus,
    ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.maxResponseBytes === undefined ? {} : { maxResponseBytes: options.maxResponseBytes }),
  });
  const page = Buffer.from(pageText(options.scrapeSeconds));

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const url = URL.parse(request.url ?? "/", "http://viewer");
    if (url === null) return plain(response, 400, "bad request");
    if (!isOurs(request, options.host)) return plain(response, 403, "this name does not lead to the viewer");
    const path = url.pathname;
    if (isQueryPath(path)) {
      if (request.method !== "GET" && request.method !== "POST") return plain(response, 405, "GET and POST only");
      return proxy.one(request, response, url);
    }
    if (path === "/api/questions") {
      if (request.method !== "POST") return plain(response, 405, "POST only");
      return proxy.many(request, response);
    }
    if (request.method !== "GET" && request.method !== "HEAD") return plain(response, 405, "read-only");
    if (path === "/healthz") return plain(response, 200, "ok");
    if (path === "/readyz") {
      const { entries, problems } = await library.list();
      return entries.length > 0
        ? plain(response, 200, `ok: ${entries.length} dashboards`)
        : plain(response, 503, problems.join("\n") || "no dashboards yet");
    }
    if (path === "/api/health") return json(response, { database: "ok", viewer: true });
    if (path === "/api/search")
      return json(
        response,
        (await library.list()).entries.map(({ dashboard }) => summary(dashboard)),
      );
    if (path === "/api/problems") return json(response, (await library.list()).problems);
    const uid = /^\/api\/dashboards\/uid\/([^/]+)$/.exec(path)?.[1];
    if (uid !== undefined) {
      const entry = (await library.list()).entries.find(({ dashboard }) => dashboard.uid === decode(uid));
      return entry === undefined
        ? json(response, { message: "Dashboard not found" }, 404)
        : send(request, response, { ...entry, type: "application/json", tag: `"${entry.version}"` });
    }
    if (path === "/explore") {
      const search = searchOf(url, options.traces);
      if (search === undefined)
        return plain(response, 404, "the viewer leads to searches for traces, and this is none");
      response.writeHead(302, { location: search.href }).end();
      return;
    }
    const trace = /^\/trace\/([0-9a-f]{16,32})$/.exec(path)?.[1];
    if (trace !== undefined) {
      if (options.traces === undefined) return plain(response, 404, "the viewer knows of no Jaeger");
      response.writeHead(302, { location: new URL(`/trace/${trace}`, options.traces).href }).end();
      return;
    }
    if (path === "/favicon.ico") return plain(response, 204, "");
    if (path.startsWith("/assets/")) {
      const found = await asset(path);
      return found === undefined ? plain(response, 404, "not found") : send(request, response, found);
    }
    if (path === "/" || /^\/d\/[^/]+(?:\/[^/]*)?$/.test(path)) {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" }).end(page);
      return;
    }
    plain(response, 404, "not found");
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      process.stderr.write(`viewer: ${messageOf(error)}\n`);
      if (response.headersSent) response.destroy();
      else plain(response, 500, "the viewer failed; its log says why");
    });
  });
  server.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  return server;
}

const summary = (dashboard: { uid: string; title: string; description?: string; tags?: readonly string[] }) => ({
  uid: dashboard.uid,
  title: dashboard.title,
  description: dashboard.description ?? "",
  tags: dashboard.tags ?? [],
  type: "dash-db",
  url: `/d/${dashboard.uid}`,
});

/** A viewer on loopback answers to loopback's names only, so that no foreign page can give it another name and read along. */
function isOurs(request: IncomingMessage, host: string): boolean {
  if (request.headers["sec-fetch-site"] === "cross-site" && request.headers["sec-fetch-mode"] !== "navigate")
    return false;
  if (!isLoopback(host)) return true;
  const asked = URL.parse(`http://${request.headers.host ?? ""}`)?.hostname.replace(/^\[|\]$/g, "");
  return asked !== undefined && isLoopback(asked);
}

const isLoopback = (name: string): boolean =>
  name === "localhost" ||
  name.endsWith(".localhost") ||
  name === "::1" ||
  (isIP(name) === 4 && name.startsWith("127."));

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Jaeger's page for what Grafana's Explore would show: the first query of the first pane. */
function searchOf({ searchParams }: URL, traces: URL | undefined): URL | undefined {
  if (traces === undefined) return undefined;
  try {
    const panes = JSON.parse(searchParams.get("panes") ?? "{}") as Record<
      string,
      { queries?: Record<string, unknown>[] }
    >;
    const { service, operation } = Object.values(panes)[0]?.queries?.[0] ?? {};
    if (typeof service !== "string") return undefined;
    const search = new URL("/search", traces);
    search.searchParams.set("service", service);
    if (typeof operation === "string") search.searchParams.set("operation", operation);
    search.searchParams.set("lookback", "1h");
    return search;
  } catch {
    return undefined;
  }
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response
    .writeHead(status, { "content-type": "application/json", "cache-control": "no-cache" })
    .end(JSON.stringify(value));
}

/** Something made before, unless the browser has it already. */
function send(request: IncomingMessage, response: ServerResponse, { type, body, zipped, tag }: Asset): void {
  if (request.headers["if-none-match"] === tag) {
    response.writeHead(304, { etag: tag }).end();
    return;
  }
  const zip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
  response.writeHead(200, {
    "content-type": type,
    "cache-control": "no-cache",
    etag: tag,
    vary: "accept-encoding",
    ...(zip ? { "content-encoding": "gzip" } : {}),
  });
  response.end(zip ? zipped : body);
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(status === 204 ? "" : `${text}\n`);
}

const pageText = (scrapeSeconds: number): string => `<!doctype html>
<html lang="en" data-scrape-seconds="${scrapeSeconds}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Vitals</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/uplot.css">
<link rel="stylesheet" href="/assets/viewer.css">
<script type="module" src="/assets/app.ts"></script>
</head>
<body>
<noscript>The viewer draws in the browser and needs JavaScript.</noscript>
</body>
</html>
`;
