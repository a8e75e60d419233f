// Runs one exporter alone: npm run exporter -- NAME --config FILE --port N.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { messageOf } from "../../components/errors.ts";

const help = `npm run exporter -- NAME --config FILE [--port N] [--host H] [--traces URL]
  NAME            integration-health or db-stats
  --config FILE   its configuration as JSON; a change is taken up within seconds, a wrong one is refused
  --port N        0, the default, takes a free one; the log says which
  --host H        default 127.0.0.1
  --traces URL    where integration-health sends a trace of each attempt: an OTLP/HTTP receiver, such as http://127.0.0.1:4318
  --help          this text

integration-health: { "integrations": [{ "name": "vendor", "probe": "http", "url": "https://…", "expectStatus": [200] },
                                       { "name": "queue", "probe": "tcp", "address": "host:5671", "timeout": "5s", "interval": "30s" }] }
db-stats:           { "databases": [{ "id": "main", "kind": "postgres", "address": "host:5432", "user": "stats",
                                      "passwordFile": "/path", "database": "postgres" },
                                    { "id": "cache", "kind": "redis", "address": "host:6379", "user": "stats", "passwordFile": "/path" }] }
Pages: /metrics, /healthz, /readyz; integration-health has a status page at / and an API too.
Exit code: 0 ended by SIGTERM or SIGINT, 2 wrong usage or configuration.`;

const main = fileURLToPath(new URL("../../exporters/main.ts", import.meta.url));

function run(args: readonly string[]): void {
  if (asksForHelp(args)) {
    console.log(help);
    return;
  }
  const child = spawn(process.execPath, [main, ...args], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => {
    console.error(messageOf(error));
    process.exitCode = 1;
  });
  child.once("exit", (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 128);
  });
}

/** Everything else is for the exporter itself to judge. */
function asksForHelp(args: readonly string[]): boolean {
  const { values } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: { help: { type: "boolean", short: "h" } },
  });
  return values.help === true || args.length === 0;
}

run(process.argv.slice(2));
