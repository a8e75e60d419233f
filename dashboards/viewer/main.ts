// The viewer as a program: node dashboards/viewer/main.ts --port 3000 --dashboards DIR --prometheus http://127.0.0.1:9090
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { messageOf, stackError } from "../../components/errors.ts";
import { isDuration, seconds } from "../../components/units.ts";
import { startViewer, type ViewerOptions } from "./server.ts";

// A service that answers small questions needs no large nursery for short-lived objects: this saves 40 MB under load.
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--max-semi-space-size=1");

const usage =
  "node dashboards/viewer/main.ts [--host 127.0.0.1] --port 3000 --dashboards DIR --prometheus URL [--traces URL] [--user NAME --password-file FILE] [--scrape-interval 15s] [--timeout 20s]";

function read(args: readonly string[]): ViewerOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "3000" },
      dashboards: { type: "string" },
      prometheus: { type: "string" },
      traces: { type: "string" },
      user: { type: "string" },
      "password-file": { type: "string" },
      "scrape-interval": { type: "string", default: "15s" },
      timeout: { type: "string", default: "20s" },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw stackError("viewer --port", `"${values.port}" is not a port`, usage);
  if (values.dashboards === undefined) throw stackError("viewer --dashboards", "is missing", usage);
  const prometheus = URL.parse(values.prometheus ?? "");
  if (prometheus?.protocol !== "http:")
    throw stackError("viewer --prometheus", `"${values.prometheus ?? ""}" is not an http URL`, usage);
  const traces = values.traces === undefined ? undefined : URL.parse(values.traces);
  if (traces === null || (traces !== undefined && !/^https?:$/.test(traces.protocol)))
    throw stackError("viewer --traces", `"${values.traces}" is not an http URL`, usage);
  const duration = (name: "scrape-interval" | "timeout"): number => {
    const text = values[name];
    if (!isDuration(text) || seconds(text) <= 0)
      throw stackError(`viewer --${name}`, `"${text}" is not a duration`, usage);
    return seconds(text);
  };
  const { user, "password-file": passwordFile } = values;
  if ((user === undefined) !== (passwordFile === undefined))
    throw stackError("viewer --user", "needs --password-file, and the other way round", usage);
  return {
    host: values.host,
    port,
    dashboards: values.dashboards,
    prometheus,
    ...(traces === undefined ? {} : { traces }),
    scrapeSeconds: duration("scrape-interval"),
    timeoutMs: duration("timeout") * 1_000,
    ...(user === undefined || passwordFile === undefined ? {} : { authorization: basic(user, passwordFile) }),
  };
}

/** The header that tells Prometheus who asks. */
function basic(user: string, passwordFile: string): string {
  try {
    return `Basic ${Buffer.from(`${user}:${readFileSync(passwordFile, "utf8").trim()}`).toString("base64")}`;
  } catch (error) {
    throw stackError("viewer --password-file", messageOf(error), "Name a file that holds the password alone.");
  }
}

try {
  const server = await startViewer(read(process.argv.slice(2)));
  const { address, port, family } = server.address() as AddressInfo;
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      server.close();
      server.closeAllConnections();
    });
  // The next start then needs no type stripping, which is 17 MB and the larger part of the time.
  flushCompileCache();
  process.stdout.write(`viewer: listens on http://${family === "IPv6" ? `[${address}]` : address}:${port}\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
