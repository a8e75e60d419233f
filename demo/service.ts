// One of the clinic's REST services: `node demo/service.ts clinical-service --host H --port N --database host:port --password-file F`.

import { readOptions, readPassword } from "../components/arguments.ts";
import { stackError } from "../components/errors.ts";
import { sheets } from "../records/index.ts";
import { openDatabase } from "./database.ts";
import { createServer, runMain, serve } from "./http.ts";
import { addRoutes } from "./services/engine.ts";

runMain("demo/service.ts", async () => {
  const [name = "", ...argv] = process.argv.slice(2);
  const sheet = sheets.find((each) => each.name === name);
  if (sheet === undefined)
    throw stackError(
      "demo/service.ts",
      `there is no service ${JSON.stringify(name)}`,
      `Use one of: ${sheets.map((each) => each.name).join(", ")}.`,
    );
  const options = readOptions(`demo/service.ts ${name}`, argv, {
    host: { kind: "text" },
    port: { kind: "port" },
    database: { kind: "address" },
    "password-file": { kind: "file" },
    traces: { kind: "receiver", default: "off" },
  });
  const password = readPassword(options["password-file"]);
  const server = await createServer({ name, ready: () => database.ready(), traces: options.traces });
  const database = openDatabase({ address: options.database, password, service: name, telemetry: server.telemetry });
  addRoutes(server, sheet, database);
  await serve(server, options.host, Number(options.port), database.close);
});
