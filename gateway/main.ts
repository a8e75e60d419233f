// The API front of the clinic: `node gateway/main.ts --config FILE --host H --port N [--operations-port N] [--traces URL]`.
import type { CacheTelemetry } from "../cache/index.ts";
import { readOptions, readPassword } from "../components/arguments.ts";
import { readConfig } from "../components/config-file.ts";
import { stackError } from "../components/errors.ts";
import { createServer, runMain, serve } from "../components/server.ts";
import { admission } from "./admission.ts";
import { addApi, versionedUrl } from "./api.ts";
import { derived, openCache } from "./cache.ts";
import { callersOf } from "./callers.ts";
import { gatewayConfig } from "./config.ts";
import { addCors } from "./cors.ts";
import { addDocs } from "./docs.ts";
import { createExchange, inSpan } from "./exchange.ts";
import { addGraphql } from "./graphql/index.ts";
import { createLimits } from "./limits.ts";
import { createMeasures, gatewayRows, watchPools } from "./measures.ts";
import { openApi } from "./openapi.ts";
import { addOperations } from "./operations.ts";
import { clinic } from "./routes/clinic.ts";
import { createUpstreams } from "./upstreams.ts";
import { versionHeader } from "./versions.ts";

runMain("gateway/main.ts", async () => {
  const options = readOptions("gateway/main.ts", process.argv.slice(2), {
    config: { kind: "file" },
    host: { kind: "text" },
    port: { kind: "port" },
    "operations-port": { kind: "port", default: "0" },
    traces: { kind: "receiver", default: "off" },
  });
  const config = await readConfig(options.config, gatewayConfig);
  const { upstreams: urls, access, deadlineMs, redis, secretFile, limit, cors, errorReports } = config;
  const strangers = Object.keys(urls).filter((name) => !clinic.some(({ upstream }) => upstream === name));
  if (strangers.length > 0)
    throw stackError(
      options.config,
      `no route leads to ${strangers.join(", ")}`,
      `Name services that routes know: ${[...new Set(clinic.map(({ upstream }) => upstream))].join(", ")}.`,
    );
  const routes = clinic.filter(({ upstream }) => urls[upstream] !== undefined);
  const { app, ...server } = await createServer({
    name: "gateway",
    rows: gatewayRows,
    traces: options.traces,
    headRatio: config.telemetry.headRatio,
    observed: config.telemetry.requests,
    spans: ["cache", "load", "resolve"],
    upstreams: urls,
    ...(errorReports && { errors: { dsn: readPassword(errorReports.dsnFile) } }),
    // Where one answer needs several of upstreams, they are asked at most four times in a row.
    clients: { requestMs: config.requestMs, idleMs: 4 * deadlineMs + config.requestMs },
    rewriteUrl: ({ url = "/", headers }) => versionedUrl(url, headers[versionHeader]),
  });
  const { own, tracer } = server.telemetry;
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
  const { telemetry } = server;
  await addGraphql(app, { routes, exchange, admit, measures, telemetry, introspection: config.introspection });
  const operations = Number(options["operations-port"]);
  if (operations !== 0) addOperations(app, options.host, operations);
  await serve({ app, ...server }, options.host, Number(options.port), async () => {
    upstreams.close();
    limits?.close();
    await cache?.close();
  });
});
