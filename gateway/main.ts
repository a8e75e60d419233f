// The API front of the clinic: `node gateway/main.ts --config FILE --host H --port N [--operations-port N] [--traces URL]`.
import { readOptions } from "../components/arguments.ts";
import { readConfig } from "../components/config-file.ts";
import { stackError } from "../components/errors.ts";
import { runMain, serve } from "../components/server.ts";
import { createGateway } from "./app.ts";
import { gatewayConfig } from "./config.ts";
import { addOperations } from "./operations.ts";
import { clinic } from "./routes/clinic.ts";

runMain("gateway/main.ts", async () => {
  const options = readOptions("gateway/main.ts", process.argv.slice(2), {
    config: { kind: "file" },
    host: { kind: "text" },
    port: { kind: "port" },
    "operations-port": { kind: "port", default: "0" },
    traces: { kind: "receiver", default: "off" },
  });
  const config = await readConfig(options.config, gatewayConfig);
  const known = new Set(clinic.map(({ upstream }) => upstream));
  const strangers = Object.keys(config.upstreams).filter((name) => !known.has(name));
  if (strangers.length > 0)
    throw stackError(
      options.config,
      `no route leads to ${strangers.join(", ")}`,
      `Name services that routes know: ${[...known].join(", ")}.`,
    );
  const resources = new Set(clinic.map(({ operation }) => operation.resource.name));
  const unknown = config.uncached.filter((name) => !resources.has(name));
  if (unknown.length > 0)
    throw stackError(
      options.config,
      `there is no resource ${unknown.join(", ")} to leave uncached`,
      `Name some of ${[...resources].join(", ")}.`,
    );
  const { server, close } = await createGateway(config, clinic, options.traces);
  const operations = Number(options["operations-port"]);
  if (operations !== 0) addOperations(server.app, options.host, operations);
  await serve(server, options.host, Number(options.port), close);
});
