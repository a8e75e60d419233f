// The API front of the clinic: `node gateway/main.ts --config FILE --host H --port N [--traces URL]`.
import { readOptions } from "../components/arguments.ts";
import { readConfig } from "../components/config-file.ts";
import { createServer, runMain, serve } from "../components/server.ts";
import { cache as cacheRows } from "../telemetry/catalogue/cache.ts";
import { addApi, versionedUrl } from "./api.ts";
import { openCache } from "./cache.ts";
import { callersOf } from "./callers.ts";
import { gatewayConfig } from "./config.ts";
import { createExchange } from "./exchange.ts";
import { clinic } from "./routes/clinic.ts";
import { createUpstreams } from "./upstreams.ts";
import { versionHeader } from "./versions.ts";

runMain("gateway/main.ts", async () => {
  const options = readOptions("gateway/main.ts", process.argv.slice(2), {
    config: { kind: "file" },
    host: { kind: "text" },
    port: { kind: "port" },
    traces: { kind: "receiver", default: "off" },
  });
  const { upstreams: urls, access, deadlineMs, redis, secretFile } = await readConfig(options.config, gatewayConfig);
  const server = await createServer({
    name: "gateway",
    rows: cacheRows,
    traces: options.traces,
    spans: ["cache"],
    upstreams: urls,
    rewriteUrl: ({ url = "/", headers }) => versionedUrl(url, headers[versionHeader]),
  });
  const { own, tracer } = server.telemetry;
  const loads = own.histogram("cache_load_duration_seconds");
  const cache =
    redis === undefined
      ? undefined
      : openCache({ redis, secretFile }, clinic, {
          source: own.source,
          observeLoad: (policy, seconds) => loads.observe({ cache: policy }, seconds),
        });
  const upstreams = createUpstreams({ urls, deadlineMs });
  const exchange = createExchange({ upstreams, cache, tracer });
  addApi(server.app, { routes: clinic, exchange, callers: callersOf(access) });
  await serve(server, options.host, Number(options.port), async () => {
    upstreams.close();
    await cache?.close();
  });
});
