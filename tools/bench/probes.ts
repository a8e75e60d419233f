// integration-health beside blackbox_exporter on one TLS target: how long each phase takes by either, and what a probe costs.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, until } from "../../test/support/ports.ts";
import { acquire } from "../acquire.ts";
import { selfSigned } from "../certificate.ts";
import { programOf } from "../programs.ts";
import { resolveTool } from "../resolve.ts";
import { median, type Verdict } from "./measure.ts";
import {
  cpuSeconds,
  mebibytes,
  type Program,
  pause,
  resident,
  startExporter,
  startProgram,
  textOf,
} from "./program.ts";

const targets = 500;
const intervalMs = 15_000;
/** What the target waits before its first byte, and before its last. */
const waitMs = 40;
const phases = { connect: "connect", tls: "tls", processing: "first_byte", transfer: "transfer" } as const;

export async function benchProbes(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const peer = programOf("blackbox_exporter");
  if (peer !== undefined) await acquire({ only: [peer] });
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-probes-"));
  const stop: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const certificate = selfSigned(
      "localhost",
      new Date(Date.now() - 86_400_000),
      new Date(Date.now() + 30 * 86_400_000),
    );
    const ca = join(folder, "ca.pem");
    writeFileSync(ca, certificate.cert);
    const server = createServer(certificate, (request, response) => {
      if (request.url === "/at-once") return void response.end("fine");
      setTimeout(() => {
        response.write("a");
        setTimeout(() => response.end("b"), waitMs);
      }, waitMs);
    });
    const target = `https://localhost:${await listen(server)}`;
    stop.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    const blackbox = await startBlackbox(folder, ca);
    stop.push(() => blackbox.child.kill());
    const agreement = await comparePhases(target, ca, folder, blackbox.url, 10 * rounds, say, stop);
    return [...agreement, ...(await compareCost(target, ca, folder, blackbox, rounds, say, stop))];
  } finally {
    for (const end of stop.toReversed()) end();
  }
}

/** Medians of each phase over so many probes by either. */
async function comparePhases(
  target: string,
  ca: string,
  folder: string,
  blackbox: string,
  probes: number,
  say: (line: string) => void,
  stop: (() => void)[],
): Promise<readonly Verdict[]> {
  const entry = { name: "target", probe: "http", url: `${target}/slowly`, interval: "1s", allow: ["loopback"] };
  const own = await startOwn(join(folder, "one.json"), [entry], ca);
  stop.push(() => own.child.kill());
  const theirs = new Map<string, number[]>();
  const ours = new Map<string, number[]>();
  const sums = async (): Promise<ReadonlyMap<string, number>> => {
    const page = await textOf(`${own.url}/metrics`);
    return new Map([
      ...[...page.matchAll(/^integration_probe_duration_seconds_sum\{.*phase="(\w+)".*\} (\S+)$/gm)].map(
        ([, phase = "", value]) => [phase, Number(value)] as const,
      ),
      ["probes", Number(/^integration_probes_total\{.*\} (\S+)$/m.exec(page)?.[1])],
    ]);
  };
  let before = await sums();
  for (let done = 0; done < probes; ) {
    const page = await textOf(`${blackbox}/probe?module=target&target=${encodeURIComponent(`${target}/slowly`)}`);
    for (const [, phase = "", value] of page.matchAll(/^probe_http_duration_seconds\{phase="(\w+)"\} (\S+)$/gm))
      theirs.set(phase, [...(theirs.get(phase) ?? []), Number(value)]);
    const now = await until(async () => {
      const seen = await sums();
      return (seen.get("probes") ?? 0) > (before.get("probes") ?? 0) ? seen : undefined;
    }, 10_000);
    const made = (now.get("probes") ?? 0) - (before.get("probes") ?? 0);
    for (const [phase, sum] of now)
      ours.set(phase, [...(ours.get(phase) ?? []), (sum - (before.get(phase) ?? 0)) / made]);
    before = now;
    done += made;
  }
  own.child.kill();
  return Object.entries(phases).map(([their, our]) => {
    const [mine, peer] = [median(ours.get(our) ?? []), median(theirs.get(their) ?? [])];
    say(`  ${our}: ${(1_000 * mine).toFixed(2)} ms, blackbox_exporter ${(1_000 * peer).toFixed(2)} ms`);
    const apart = Math.abs(mine - peer);
    return {
      what: `${our}: difference to blackbox_exporter`,
      seen: `${(1_000 * apart).toFixed(2)} ms`,
      promised: "5 ms or 2 %",
      kept: apart <= Math.max(0.005, 0.02 * peer),
    };
  });
}

/** CPU seconds a probe, and resident memory, of both at once on the same schedule; each is scraped as Prometheus would. */
async function compareCost(
  target: string,
  ca: string,
  folder: string,
  blackbox: Program,
  rounds: number,
  say: (line: string) => void,
  stop: (() => void)[],
): Promise<readonly Verdict[]> {
  const url = `${target}/at-once`;
  const entries = Array.from({ length: targets }, (_, index) => ({
    name: `target-${index}`,
    probe: "http",
    url,
    interval: `${intervalMs / 1_000}s`,
    allow: ["loopback"],
  }));
  const own = await startOwn(join(folder, "many.json"), entries, ca);
  stop.push(() => own.child.kill());
  const probes = async (): Promise<number> =>
    [...(await textOf(`${own.url}/metrics`)).matchAll(/^integration_probes_total\{.*\} (\S+)$/gm)].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  let theirProbes = 0;
  const ask = setInterval(() => {
    void textOf(`${blackbox.url}/probe?module=target&target=${encodeURIComponent(url)}`).then(
      () => theirProbes++,
      () => undefined,
    );
  }, intervalMs / targets);
  const scrape = setInterval(() => void probes().catch(() => undefined), intervalMs);
  stop.push(
    () => clearInterval(ask),
    () => clearInterval(scrape),
  );
  await pause(2 * intervalMs);
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const from = {
      own: cpuSeconds(own),
      peer: cpuSeconds(blackbox),
      ownProbes: await probes(),
      peerProbes: theirProbes,
    };
    await pause(2 * intervalMs);
    const mine = (cpuSeconds(own) - from.own) / ((await probes()) - from.ownProbes);
    const peer = (cpuSeconds(blackbox) - from.peer) / (theirProbes - from.peerProbes);
    ratios.push(mine / peer);
    say(
      `  round ${round}: ${(1_000 * mine).toFixed(2)} ms CPU a probe, blackbox_exporter ${(1_000 * peer).toFixed(2)} ms`,
    );
  }
  const memory = resident(own) / resident(blackbox);
  say(
    `  resident: ${mebibytes(resident(own))}, blackbox_exporter ${mebibytes(resident(blackbox))}, ratio ${memory.toFixed(2)}`,
  );
  const ratio = median(ratios);
  return [
    {
      what: `CPU a probe at ${targets} targets, to blackbox_exporter's`,
      seen: `${ratio.toFixed(2)} x`,
      promised: "1.50 x",
      kept: ratio <= 1.5,
    },
  ];
}

async function startOwn(file: string, integrations: readonly object[], ca: string): Promise<Program> {
  writeFileSync(file, JSON.stringify({ integrations }));
  return startExporter("integration-health", file, await freePort(), { NODE_EXTRA_CA_CERTS: ca });
}

async function startBlackbox(folder: string, ca: string): Promise<Program> {
  const file = join(folder, "blackbox.yml");
  // A connection of its own for each probe, as ours.
  const http = { tls_config: { ca_file: ca }, preferred_ip_protocol: "ip4", headers: { Connection: "close" } };
  writeFileSync(file, JSON.stringify({ modules: { target: { prober: "http", timeout: "5s", http } } }));
  const port = await freePort();
  const args = [`--config.file=${file}`, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"];
  return startProgram([resolveTool("blackbox_exporter").path, ...args], { port, path: "/-/healthy" });
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { readonly port: number }).port));
  });
