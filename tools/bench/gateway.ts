// The gateway's throughput: with telemetry off, measured, traced; from its cache and past it; beside bare Fastify with the same bytes and
// @fastify/http-proxy. All ways take turns in one run.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { startGateway } from "../../test/gateway/support.ts";
import { freePort } from "../../test/support/ports.ts";
import { startRedis } from "../../test/support/redis.ts";
import { startIngest } from "../../test/telemetry/ingest.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { type Load, load } from "./gateway/load.ts";
import { median, type Verdict } from "./measure.ts";
import { installPeers } from "./peers.ts";
import { startProgram } from "./program.ts";

const path = "/api/v2/patients/5";
const record = {
  id: 5,
  givenName: "Ada",
  familyName: "Lovelace",
  birthDate: "1990-12-10",
  sex: "female",
  homeLocationId: 1,
};
const shape = { connections: 32, milliseconds: 3_000 };
const warmUp = { connections: 32, milliseconds: 1_500 };

interface Way {
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export async function benchGateway(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const redisServer = programOf("redis");
  if (redisServer !== undefined) await acquire({ only: [redisServer] });
  const peers = await installPeers("gateway-peers", say);
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-gateway-"));
  const stop: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const program = async (name: string, args: (port: number) => readonly string[], ready: string): Promise<string> => {
    const port = await freePort();
    const entry = join("tools/bench/gateway", name);
    const { child, url } = await startProgram([process.execPath, entry, ...args(port)], {
      port,
      path: ready,
      cwd: codeRoot,
    });
    stop.push(() => child.kill());
    return url;
  };
  const serving = (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return program("bytes.ts", (port) => [String(port), file], "/");
  };
  try {
    const upstream = await serving("upstream", JSON.stringify(record));
    const [redis, ingest] = await Promise.all([startRedis(), startIngest()]);
    stop.push(() => redis.stop(), ingest.close);
    const gateway = async (telemetry: object, ...args: readonly string[]) => {
      const settings = { redis: { address: `127.0.0.1:${redis.port}` }, telemetry };
      const started = await startGateway({ "clinical-service": upstream }, settings, ...args);
      stop.push(started.stop);
      return {
        url: started.url,
        authorization: `Bearer ${await started.issuer.token(["manager"], { expires: "2h" })}`,
      };
    };
    const off = await gateway({ requests: false });
    const measured = await gateway({});
    const traced = await gateway({ headRatio: 0.1 }, "--traces", ingest.url);
    const bytes = await (
      await fetch(measured.url + path, { headers: { authorization: measured.authorization } })
    ).text();
    const of = ({ url, authorization }: typeof off, headers: Way["headers"] = {}): Way => ({
      url,
      path,
      headers: { authorization, ...headers },
    });
    const ways = {
      bare: { url: await serving("answer", bytes), path, headers: {} },
      off: of(off),
      measured: of(measured),
      traced: of(traced),
      uncached: of(measured, { "cache-control": "no-cache" }),
      proxy: { url: await program("proxy.mjs", (port) => [peers, String(port), upstream], "/"), path, headers: {} },
    } satisfies Readonly<Record<string, Way>>;
    return verdicts(await inTurns(ways, rounds, say), say);
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

type Loads<W extends string> = Readonly<Record<W, readonly Load[]>>;

async function inTurns<const W extends string>(
  ways: Readonly<Record<W, Way>>,
  rounds: number,
  say: (line: string) => void,
): Promise<Loads<W>> {
  const names = Object.keys(ways) as W[];
  for (const name of names) await load(ways[name], warmUp);
  const seen = Object.fromEntries(names.map((name) => [name, [] as Load[]])) as Record<W, Load[]>;
  for (let round = 1; round <= rounds; round++)
    for (const name of round % 2 === 0 ? names.toReversed() : names) {
      const each = await load(ways[name], shape);
      if (each.failed > 0) throw new Error(`${name}: ${each.failed} answers were not 200`);
      seen[name].push(each);
      say(`  round ${round}: ${name} ${each.perSecond.toFixed(0)} requests/s, p99 ${each.p99Ms.toFixed(1)} ms`);
    }
  return seen;
}

function verdicts(
  seen: Loads<"bare" | "off" | "measured" | "traced" | "uncached" | "proxy">,
  say: (line: string) => void,
) {
  // Of the two sides of a ratio in the same round: the machine's moods hit both.
  const ratio = (side: keyof typeof seen, other: keyof typeof seen): number =>
    median(seen[side].map(({ perSecond }, round) => perSecond / (seen[other][round]?.perSecond ?? Number.NaN)));
  say(
    `  uncached beside @fastify/http-proxy, which checks no token and no shape: ${ratio("uncached", "proxy").toFixed(2)} x`,
  );
  const promise = (what: string, value: number, least: number): Verdict => ({
    what,
    // The table promises an upper bound.
    seen: `1/${value.toFixed(2)}`,
    promised: `1/${least}`,
    kept: value >= least,
  });
  return [
    promise("measured: throughput with telemetry off, by its own", ratio("measured", "off"), 0.95),
    promise("traced (1 in 10): throughput with telemetry off, by its own", ratio("traced", "off"), 0.85),
    promise("cached route: throughput uncached, by its own", ratio("measured", "uncached"), 10),
    promise("cached route: throughput of bare Fastify with the same bytes, by its own", ratio("measured", "bare"), 0.7),
  ];
}
