// The gateway put together: its server with everything that answers, and what it holds open.
import type { CacheTelemetry } from "../cache/index.ts";
import { readPassword } from "../components/arguments.ts";
import { createServer, type Server } from "../components/server.ts";
import { admission } from "./admission.ts";
import { addApi, versionedUrl } from "./api.ts";
import { derived, openCache } from "./cache.ts";
import { callersOf } from "./callers.ts";
import type { GatewayConfig } from "./config.ts";
import { addCors } from "./cors.ts";
import { addDocs } from "./docs.ts";
import { createExchange, inSpan } from "./exchange.ts";
import { addGraphql } from "./graphql/index.ts";
import { createLimits } from "./limits.ts";
import { createMeasures, gatewayRows, watchPools } from "./measures.ts";
import { openApi } from "./openapi.ts";
import { type Route, withoutCache } from "./route.ts";
import { createUpstreams } from "./upstreams.ts";
import { versionHeader } from "./versions.ts";

export interface Gateway {
  readonly server: Server<typeof gatewayRows>;
  /** Closes its connections; the server has to be closed before. */
  close(): Promise<void>;
}

/** `traces`: an OTLP receiver's URL, or `off`. It does not listen yet. */
export async function createGateway(
  config: GatewayConfig,
  allRoutes: readonly Route[],
  traces: string,
): Promise<Gateway> {
  const { upstreams: urls, access, deadlineMs, redis, secretFile, uncached, limit, cors, errorReports } = config;
  const routes = allRoutes
    .filter(({ upstream }) => urls[upstream] !== undefined)
    .map((route) => (uncached.includes(route.operation.resource.name) ? withoutCache(route) : route));
  const server = await createServer({
    name: "gateway",
    rows: gatewayRows,
    traces,
    headRatio: config.telemetry.headRatio,
    followCallers: false,
    observed: config.telemetry.requests,
    spans: ["cache", "load", "resolve"],
    upstreams: urls,
    ...(errorReports && { errors: { dsn: readPassword(errorReports.dsnFile) } }),
    // Where one answer needs several of upstreams, they are asked at most four times in a row.
    clients: { requestMs: config.requestMs, idleMs: 4 * deadlineMs + config.requestMs },
    graceMs: deadlineMs + 1_000,
    rewriteUrl: ({ url = "/", headers }) => versionedUrl(url, headers[versionHeader]),
  });
  const { app, telemetry } = server;
  const { own, tracer } = telemetry;
  const measures = createMeasures(own);
  const cacheTelemetry: CacheTelemetry = {
    source: own.source,
    observeLoad: measures.observeLoad,
    observeRead: measures.observeRead,
    traceLoad: (name, load) => inSpan(tracer, "load", name, load),
  };
  const cache = redis === undefined ? undefined : openCache({ redis, secretFile }, routes, cacheTelemetry);
  const limits =
    redis === undefined || limit === undefined
      ? undefined
      : createLimits(redis, limit, derived(readPassword(secretFile), "limits"));
  const upstreams = createUpstreams({ urls, deadlineMs });
  watchPools(own, upstreams);
  const exchange = createExchange({ upstreams, cache, tracer });
  addCors(app, cors);
  addDocs(app, openApi(routes));
  const admit = admission({ callers: callersOf(access), limits, measures });
  addApi(app, { routes, exchange, admit, measures });
  await addGraphql(app, { routes, exchange, admit, measures, telemetry, introspection: config.introspection });
  return {
    server,
    close: async () => {
      upstreams.close();
      limits?.close();
      await cache?.close();
    },
  };
}
