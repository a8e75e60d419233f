// The entry of every exporter: node exporters/main.ts NAME --config FILE [--host H] [--port N] [--traces URL]
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { formatProblems, messageOf, StackError, stackError } from "../components/errors.ts";

const usage = "node exporters/main.ts NAME --config FILE [--host 127.0.0.1] [--port 0] [--traces URL]";

// A scrape is a burst of short-lived objects, and V8 would rather grow by 50 MB than collect them.
for (const flag of ["--optimize-for-size", "--semi-space-growth-factor=1"]) setFlagsFromString(flag);
// Name resolution runs in this pool and may block for seconds; with Node's own 4 threads a few slow names would hold up all others.
process.env.UV_THREADPOOL_SIZE ??= "64";

try {
  await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof StackError;
  process.stderr.write(`${known ? formatProblems(error.problems) : messageOf(error)}\n`);
  process.exit(known ? 2 : 1);
}

async function main(args: readonly string[]): Promise<void> {
  const { exporters } = await import("./index.ts");
  const { expose } = await import("./runtime.ts");
  const { name, ...options } = readArguments(args, Object.keys(exporters));
  const exporter = await exporters[name]?.();
  if (exporter === undefined) return;
  const { createLog } = await import("../telemetry/log.ts");
  const { sayLastWords } = await import("../components/last-words.ts");
  sayLastWords(createLog(exporter.name));
  const exposed = await expose(exporter, options);
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => void exposed.close().then(() => process.exit(0)));
}

function readArguments(args: readonly string[], known: readonly string[]) {
  const { name, stray, values } = parse(args);
  const list = `Give one of: ${known.join(", ")}. Usage: ${usage}`;
  if (name === undefined) throw stackError("exporter", "no name is given", list);
  if (!known.includes(name)) throw stackError(`exporter ${name}`, "is not an exporter that exists", list);
  if (stray !== undefined) throw stackError("exporter", `"${stray}" is a word too many`, `Usage: ${usage}`);
  const { config, host = "127.0.0.1", port = "0", traces } = values;
  if (config === undefined) throw stackError(`exporter ${name}`, "no --config is given", `Usage: ${usage}`);
  const number = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  if (!(number <= 65_535))
    throw stackError("--port", "is not a port", "Give a number from 0 to 65535; 0 takes a free one.");
  if (traces !== undefined && !(URL.canParse(traces) && /^https?:$/.test(new URL(traces).protocol)))
    throw stackError("--traces", "is not an address", "Give the base URL of an OTLP/HTTP receiver.");
  return { name, configFile: config, host, port: number, ...(traces === undefined ? {} : { traces }) };
}

function parse(args: readonly string[]) {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: "string" },
        host: { type: "string" },
        port: { type: "string" },
        traces: { type: "string" },
      },
    });
    return { name: positionals[0], stray: positionals[1], values };
  } catch (error) {
    throw stackError("arguments", messageOf(error), `Usage: ${usage}`);
  }
}
