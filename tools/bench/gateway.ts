// The gateway's throughput, and the processor time of its process for each request, which tells the same on a machine that others use as
// well: with telemetry off, measured, traced; from its cache and past it; beside bare Fastify with the same bytes and @fastify/http-proxy.
// Ways that are compared take turns in one run: a ratio is the median of many, each of two turns a moment apart; of figures by themselves the quiet quarter counts.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { startClinic } from "../../test/demo/clinic.ts";
import { startGateway } from "../../test/gateway/support.ts";
import { freePort } from "../../test/support/ports.ts";
import { startRedis } from "../../test/support/redis.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { load } from "./gateway/load.ts";
import { startNginx } from "./gateway/nginx.ts";
import { beside, median, quiet, type Verdict } from "./measure.ts";
import { installPeers } from "./peers.ts";
import { cpuSeconds, startProgram } from "./program.ts";

const path = "/api/v2/patients/5";
const record = {
  id: 5,
  givenName: "Ada",
  familyName: "Lovelace",
  birthDate: "1990-12-10",
  sex: "female",
  homeLocationId: 1,
};
/** Processes of each way, one in each round: two of the same differ by up to a tenth, for as long as they live. */
const processes = 3;
/** How ways take turns in a round. */
interface Shape {
  /** Of each way: short ones lie close together, and many of them, because a machine that others use is uneven. */
  readonly turns: number;
  readonly milliseconds: number;
  /** Before a turn, until the processor's caches know the process again. */
  readonly leadInMs: number;
  /** Before a round, until V8 has compiled what a process runs. */
  readonly warmUpMs: number;
}
const connections = 32;
const usual: Shape = { turns: 15, milliseconds: 300, leadInMs: 100, warmUpMs: 6_000 };
/**
 * They differ by little, and what one request in ten does is compiled after ten times as many: the beginning of a span after some 10 s.
 * No shorter turns: what is recorded in one has to be sent in it, for the most part.
 */
const near: Shape = { ...usual, turns: 50, warmUpMs: 20_000 };

/** What is asked of one process. */
interface Way {
  /** The process whose time is taken. */
  readonly child: { readonly pid?: number | undefined };
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

type Started = Pick<Way, "child" | "url"> & Partial<Way>;

const wayTo = ({ child, url, headers: own = {} }: Started, headers: Way["headers"] = {}): Way => ({
  child,
  url,
  path,
  headers: { ...own, ...headers },
});

export async function benchGateway(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const redisServer = programOf("redis");
  if (redisServer !== undefined) await acquire({ only: [redisServer] });
  const peers = await installPeers("gateway-peers", say);
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-gateway-"));
  const stop: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const program = async (name: string, args: (port: number) => readonly string[], ready: string): Promise<Started> => {
    const port = await freePort();
    const entry = join("tools/bench/gateway", name);
    const started = await startProgram([process.execPath, entry, ...args(port)], {
      port,
      path: ready,
      cwd: codeRoot,
    });
    stop.push(() => started.child.kill());
    return started;
  };
  const serving = (name: string, text: string, header: object = {}) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return program("bytes.ts", (port) => [String(port), file, JSON.stringify(header)], "/");
  };
  try {
    const upstream = (await serving("upstream", JSON.stringify(record))).url;
    const clinic = await startClinic();
    stop.push(clinic.stop);
    const seeded = await clinic.seed("--patients", "400");
    if (seeded.code !== 0) throw new Error(`the clinic could not be filled: ${seeded.output}`);
    const service = (await clinic.service("clinical-service")).url;
    const redis = await startRedis();
    stop.push(() => redis.stop());
    const receiver = (await program("receiver.ts", (port) => [String(port)], "/")).url;
    const gateway = async (telemetry: object, to: string, ...args: readonly string[]) => {
      const settings = { redis: { address: `127.0.0.1:${redis.port}` }, telemetry };
      const started = await startGateway({ "clinical-service": to }, settings, ...args);
      stop.push(started.stop);
      const authorization = `Bearer ${await started.issuer.token(["manager"], { expires: "2h" })}`;
      return { child: started.child, url: started.url, headers: { authorization } };
    };
    const several = async (start: () => Promise<Started>, headers: Way["headers"] = {}): Promise<readonly Way[]> => {
      const ways: Way[] = [];
      while (ways.length < processes) ways.push(wayTo(await start(), headers));
      return ways;
    };
    const past = { "cache-control": "no-cache" };
    const measured = await several(() => gateway({}, upstream));
    const { url, headers } = measured[0] as Way;
    const answer = await fetch(url + path, { headers });
    const bytes = await answer.text();
    const ways = {
      bare: await several(() => serving("answer", bytes)),
      alike: await several(() => serving("answer", bytes, headerOf(answer)), headers),
      off: await several(() => gateway({ requests: false }, upstream)),
      measured,
      traced: await several(() => gateway({ headRatio: 0.1 }, upstream, "--traces", receiver)),
      // Processes of their own: one that serves both ways has the garbage of the one to collect in the turns of the other.
      uncached: await several(() => gateway({}, upstream), past),
      served: await several(() => gateway({}, service), past),
      proxy: await several(() => program("proxy.mjs", (port) => [peers, String(port), upstream], "/")),
    };
    const { off, traced, ...others } = ways;
    say("telemetry off, measured and traced");
    const observed = await inTurns({ off, measured, traced }, rounds, near, say);
    say("the cached route beside others");
    const judged = verdicts(observed, await inTurns(others, rounds, usual, say), say);
    const nginx = await startNginx(folder, (ways.bare[0] as Way).url);
    if (nginx === undefined) return judged;
    stop.push(() => nginx.child.kill());
    say("for orientation: nginx with a proxy_cache, which checks no token and counts nothing");
    await inTurns({ nginx: [wayTo(nginx)], measured: ways.measured }, rounds, usual, say);
    return judged;
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

/** The header of an answer, without what Node adds by itself. */
const headerOf = ({ headers }: Response): Readonly<Record<string, string>> =>
  Object.fromEntries([...headers].filter(([name]) => !nodes.has(name)));
const nodes = new Set(["connection", "content-length", "date", "keep-alive"]);

/** What was seen of one way in one turn. */
interface Turn {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Microseconds of the processor for each request, of the process that answers alone. */
  readonly cpuMicroseconds: number;
}

async function inTurns<const W extends string>(
  ways: Readonly<Record<W, readonly Way[]>>,
  rounds: number,
  { turns, milliseconds, leadInMs, warmUpMs }: Shape,
  say: (line: string) => void,
): Promise<Readonly<Record<W, readonly Turn[]>>> {
  const names = Object.keys(ways) as W[];
  const seen = new Map(names.map((name) => [name, [] as Turn[]]));
  for (let turn = 0; turn < rounds * turns; turn++) {
    const round = Math.floor(turn / turns);
    const inRound = (name: W): Way => ways[name][round % ways[name].length] as Way;
    if (turn % turns === 0)
      for (const name of names) await load(inRound(name), { connections, milliseconds: warmUpMs });
    for (const name of turn % 2 === 0 ? names : names.toReversed()) {
      const way = inRound(name);
      await load(way, { connections, milliseconds: leadInMs });
      const [from, before] = [performance.now(), cpuSeconds(way)];
      const { failed, perSecond, p99Ms } = await load(way, { connections, milliseconds });
      if (failed > 0) throw new Error(`${name}: ${failed} answers were not 200`);
      const answered = (perSecond * (performance.now() - from)) / 1_000;
      seen.get(name)?.push({ perSecond, p99Ms, cpuMicroseconds: (1e6 * (cpuSeconds(way) - before)) / answered });
    }
    if ((turn + 1) % turns !== 0) continue;
    const cost = (name: W) =>
      median((seen.get(name) ?? []).slice(-turns).map(({ cpuMicroseconds }) => cpuMicroseconds));
    const costs = names.map((name) => `${name} ${cost(name).toFixed(1)}`);
    say(`  round ${round + 1} of ${rounds}, ${turns} turns of each, microseconds a request: ${costs.join(", ")}`);
  }
  for (const [name, all] of seen) {
    const rates = all.map(({ perSecond }) => perSecond);
    const perSecond = 1 / quiet(rates.map((rate) => 1 / rate));
    const p99Ms = quiet(all.map((each) => each.p99Ms));
    const cpu = quiet(all.map(({ cpuMicroseconds }) => cpuMicroseconds));
    say(
      `  ${name}: ${perSecond.toFixed(0)} requests/s (${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)}), p99 ${p99Ms.toFixed(1)} ms, CPU ${cpu.toFixed(1)} us a request`,
    );
  }
  return Object.fromEntries(seen) as unknown as Record<W, readonly Turn[]>;
}

type Seen<W extends string> = Readonly<Record<W, readonly Turn[]>>;
type Observed = Seen<"off" | "measured" | "traced">;
type Others = Seen<"bare" | "alike" | "measured" | "uncached" | "served" | "proxy">;

function verdicts(
  { off, measured, traced }: Observed,
  others: Others,
  say: (line: string) => void,
): readonly Verdict[] {
  const ratio = (one: readonly Turn[], other: readonly Turn[], of = ({ perSecond }: Turn): number => perSecond) =>
    beside(one.map(of), other.map(of));
  const proxied = ratio(others.uncached, others.proxy).toFixed(2);
  say(`  uncached beside @fastify/http-proxy, which checks no token and no shape: ${proxied} x`);
  const promise = (what: string, one: readonly Turn[], other: readonly Turn[], least: number): Verdict => {
    const value = ratio(one, other);
    const cpu = ratio(other, one, ({ cpuMicroseconds }) => cpuMicroseconds);
    // The table promises an upper bound.
    return {
      what: `${what}, by its own`,
      seen: `1/${value.toFixed(2)}  (by CPU 1/${cpu.toFixed(2)})`,
      promised: `1/${least}`,
      kept: value >= least,
    };
  };
  const cached = (to: string, other: readonly Turn[], least: number): Verdict =>
    promise(`cached route: throughput ${to}`, others.measured, other, least);
  return [
    promise("measured: throughput with telemetry off", measured, off, 0.95),
    promise("traced (1 in 10): throughput with telemetry off", traced, off, 0.85),
    cached("uncached, from its service on PostgreSQL", others.served, 10),
    cached("uncached, from a service that does nothing", others.uncached, 10),
    cached("of bare Fastify with the same bytes, head and body", others.alike, 0.7),
    cached("of bare Fastify with the same body alone", others.bare, 0.7),
  ];
}
