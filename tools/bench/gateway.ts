// The gateway's throughput, and the processor time of its process for each request, which tells the same on a machine that others use as
// well: with telemetry off, measured, traced; from its cache and past it; beside bare Fastify with the same bytes and @fastify/http-proxy.
// Ways that are compared take turns in one run: a ratio is the median of many, each of two turns a moment apart; of figures by themselves
// the quiet quarter counts.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeOptions } from "../../components/platforms/node.ts";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { gatewayArtifact } from "../../components/services/gateway.ts";
import { startClinic } from "../../test/demo/clinic.ts";
import { startGateway } from "../../test/gateway/support.ts";
import { freePort } from "../../test/support/ports.ts";
import { startRedis } from "../../test/support/redis.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { startNginx } from "./gateway/nginx.ts";
import { cost, inTurns, type Seen, type Shape, type Turn, throughput, type Way } from "./gateway/turns.ts";
import type { Verdict } from "./measure.ts";
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
const usual: Omit<Shape, "rounds"> = { turns: 15, milliseconds: 300, leadInMs: 100, warmUpMs: 6_000 };
/**
 * They differ by little, so more processes of each; and what one request in ten does is compiled after ten times as many: the beginning of
 * a span after some 10 s. No shorter turns: what is recorded in one has to be sent in it, for the most part.
 */
const near: Omit<Shape, "rounds"> = { ...usual, turns: 20, warmUpMs: 15_000 };
const moreRounds = 3;

type Started = Pick<Way, "child" | "url"> & Partial<Way>;
type Start = () => Promise<Way>;

export async function benchGateway(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const redisServer = programOf("redis");
  if (redisServer !== undefined) await acquire({ only: [redisServer] });
  const peers = await installPeers("gateway-peers", say);
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-gateway-"));
  const stop: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const program = async (name: string, args: (port: number) => readonly string[], ready: string): Promise<Started> => {
    const port = await freePort();
    const entry = join("tools/bench/gateway", name);
    // With the gateway's own room for what is short-lived.
    const started = await startProgram([process.execPath, ...nodeOptions(gatewayArtifact), entry, ...args(port)], {
      port,
      path: ready,
      cwd: codeRoot,
    });
    const end = () => started.child.kill();
    stop.push(end);
    return { ...started, end };
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
      const authorization = `Bearer ${await started.issuer.token(["manager"], { expires: "2h" })}`;
      return { child: started.child, url: started.url, headers: { authorization }, end: started.stop };
    };
    const asked =
      (start: () => Promise<Started>, headers: Way["headers"] = {}): Start =>
      async () => {
        const { child, url, headers: own, end = () => {} } = await start();
        return { child, url, path, headers: { ...own, ...headers }, end };
      };
    const past = { "cache-control": "no-cache" };
    const measured = asked(() => gateway({}, upstream));
    const { url, headers, end } = await measured();
    stop.push(end);
    const answer = await fetch(url + path, { headers });
    const bytes = await answer.text();
    const alike = headerOf(answer);
    // Beside an answer from the cache it weighs much because that is quick, beside one of a service because there are more spans.
    const observed = (header: Way["headers"]) => ({
      off: asked(() => gateway({ requests: false }, upstream), header),
      measured: asked(() => gateway({}, upstream), header),
      traced: asked(() => gateway({ headRatio: 0.1 }, upstream, "--traces", receiver), header),
    });
    say("telemetry off, measured and traced, where its service answers");
    const passed = await inTurns(observed(past), { ...near, rounds: moreRounds * rounds }, say);
    say("telemetry off, measured and traced, where the cache answers");
    const kept = await inTurns(observed({}), { ...near, rounds: moreRounds * rounds }, say);
    say("the cached route beside others");
    const bare = asked(() => serving("answer", bytes));
    const others = {
      bare,
      // It is told who asks, too.
      alike: asked(() => serving("answer", bytes, alike), headers),
      measured,
      // Processes of their own: one that serves both ways has the garbage of the one to collect in the turns of the other.
      uncached: asked(() => gateway({}, upstream), past),
      served: asked(() => gateway({}, service), past),
      proxy: asked(() => program("proxy.mjs", (port) => [peers, String(port), upstream], "/")),
    };
    const beside = await inTurns(others, { ...usual, rounds }, say);
    const judged = [
      ...telemetryVerdicts(passed, "its service"),
      ...telemetryVerdicts(kept, "the cache"),
      ...cacheVerdicts(beside, say),
    ];
    const nginx = await startNginx(folder, (await bare()).url);
    if (nginx === undefined) return judged;
    stop.push(() => nginx.child.kill());
    say("for orientation: nginx with a proxy_cache, which checks no token and counts nothing");
    await inTurns({ nginx: asked(async () => nginx), measured }, { ...usual, rounds }, say);
    return judged;
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

/** The header of an answer, without what Node adds by itself. */
const headerOf = ({ headers }: Response): Readonly<Record<string, string>> =>
  Object.fromEntries([...headers].filter(([name]) => !nodes.has(name)));
const nodes = new Set(["connection", "content-length", "date", "keep-alive"]);

type Observed = Seen<"off" | "measured" | "traced">;
type Others = Seen<"bare" | "alike" | "measured" | "uncached" | "served" | "proxy">;

/** The table promises upper bounds, so each throughput is shown as a share of what it is held against, turned over. */
function promise(what: string, one: readonly Turn[], other: readonly Turn[], least: number): Verdict {
  const { all, rounds } = throughput(one, other);
  const [low, high, cpu] = [Math.min(...rounds), Math.max(...rounds), 1 / cost(one, other)].map((x) => x.toFixed(2));
  return {
    what: `${what}, by its own`,
    seen: `1/${all.toFixed(3)}  (rounds 1/${low} to 1/${high}; by CPU 1/${cpu})`,
    promised: `1/${least}`,
    kept: all >= least,
  };
}

const telemetryVerdicts = ({ off, measured, traced }: Observed, from: string): readonly Verdict[] => [
  promise(`from ${from}, measured: throughput with telemetry off`, measured, off, 0.95),
  promise(`from ${from}, traced (1 in 10): throughput with telemetry off`, traced, off, 0.85),
];

function cacheVerdicts(others: Others, say: (line: string) => void): readonly Verdict[] {
  const orientation = (what: string, one: readonly Turn[], other: readonly Turn[]): void =>
    say(`  for orientation: ${what}: ${throughput(one, other).all.toFixed(2)} x`);
  orientation("cached beside uncached from a service that does nothing", others.measured, others.uncached);
  orientation("that beside @fastify/http-proxy, which checks no token and no shape", others.uncached, others.proxy);
  const cached = (to: string, other: readonly Turn[], least: number): Verdict =>
    promise(`cached route: throughput ${to}`, others.measured, other, least);
  return [
    cached("uncached, from its service on PostgreSQL", others.served, 10),
    cached("of bare Fastify with the same bytes, head and body", others.alike, 0.7),
    cached("of bare Fastify with the same body alone", others.bare, 0.7),
  ];
}
