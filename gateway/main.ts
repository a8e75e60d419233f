// The API front of the clinic: `node gateway/main.ts --clinical URL --business URL --medication URL --host H --port N`.
import { readOptions } from "../components/arguments.ts";
import { createServer, runMain, serve } from "../components/server.ts";
import { addProxy } from "./proxy.ts";
import { clinic } from "./routes/clinic.ts";

runMain("gateway/main.ts", async () => {
  const options = readOptions("gateway/main.ts", process.argv.slice(2), {
    clinical: { kind: "url" },
    business: { kind: "url" },
    medication: { kind: "url" },
    host: { kind: "text" },
    port: { kind: "port" },
    "deadline-ms": { kind: "count", default: "8000" },
    traces: { kind: "receiver", default: "off" },
  });
  const upstreams = {
    "clinical-service": options.clinical,
    "business-service": options.business,
    "medication-service": options.medication,
  };
  const server = await createServer({ name: "gateway", rows: {}, traces: options.traces, upstreams });
  addProxy(server.app, { routes: clinic, upstreams, deadlineMs: Number(options["deadline-ms"]) });
  await serve(server, options.host, Number(options.port));
});
