// db-stats beside postgres_exporter and redis_exporter on the same servers, each with its default collectors, scraped every 15 s: what a
// scrape costs the servers, how long it takes, how much memory the exporters hold.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { freePort } from "../../test/support/ports.ts";
import { startPostgres } from "../../test/support/postgres.ts";
import { startRedis } from "../../test/support/redis.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { resolveTool } from "../resolve.ts";
import { median, timed, type Verdict } from "./measure.ts";
import { mebibytes, type Program, pause, resident, startExporter, startProgram, textOf } from "./program.ts";

const intervalMs = 15_000;
const scrapesPerRound = 6;
const password = "bench-password";
const amounts = { tables: 300, indexes: 2, databases: 20, statements: 1_000, keys: 100_000 };
const memoryLimit = 130e6;

interface Cost {
  readonly serverMs: number;
  /** Undefined where the server does not count them. */
  readonly rows?: number;
}

interface Side {
  readonly name: string;
  readonly program: Program;
  /** What the server spends on it meanwhile. */
  readonly during: (work: () => Promise<unknown>) => Promise<Cost>;
}

interface Scrape extends Required<Cost> {
  readonly wallMs: number;
}

export async function benchDbStats(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  for (const name of ["postgres_exporter", "prometheus-redis-exporter"]) {
    const peer = programOf(name);
    if (peer !== undefined) await acquire({ only: [peer] });
  }
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-db-stats-"));
  const stop: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const own = async (entry: object): Promise<Program> => {
    const port = await freePort();
    const file = join(folder, `${port}.json`);
    writeFileSync(file, JSON.stringify({ databases: [entry] }));
    const program = await startExporter("db-stats", file, port);
    stop.push(() => program.child.kill());
    return program;
  };
  try {
    const onPostgres = await postgresSides(passwordFile, own, stop);
    const onRedis = await redisSides(own, stop);
    return [
      ...(await compare("PostgreSQL", onPostgres, rounds, say)),
      ...(await compare("Redis", onRedis, rounds, say)),
    ];
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

/** Each side scrapes in its half of the interval; a round's figures are means of the server's and the median of the wall's. */
async function compare(
  server: string,
  sides: readonly [Side, Side],
  rounds: number,
  say: (line: string) => void,
): Promise<readonly Verdict[]> {
  const told = (when: string, { name }: Side, { serverMs, rows, wallMs }: Scrape): void =>
    say(
      `  ${server}, ${when}, ${name}: ${serverMs.toFixed(2)} ms of the server, ${rows.toFixed(0)} rows, ${wallMs.toFixed(1)} ms a scrape`,
    );
  // The first one reads everything and opens connections; it is shown and not compared.
  for (const side of sides) told("first scrape", side, await scrape(side));
  const ratios: Scrape[] = [];
  for (let round = 1; round <= rounds; round++) {
    const seen: readonly [Scrape[], Scrape[]] = [[], []];
    for (let turn = 0; turn < scrapesPerRound; turn++)
      for (const index of [0, 1] as const) {
        const [, wait] = [seen[index].push(await scrape(sides[index])), pause(intervalMs / 2)];
        await wait;
      }
    const [ours, theirs] = seen.map(ofRound) as [Scrape, Scrape];
    told(`round ${round}`, sides[0], ours);
    told(`round ${round}`, sides[1], theirs);
    ratios.push({
      serverMs: ours.serverMs / theirs.serverMs,
      rows: ours.rows / theirs.rows,
      wallMs: ours.wallMs / theirs.wallMs,
    });
  }
  const [mine, peer] = sides.map(({ program }) => resident(program)) as [number, number];
  say(`  ${server}, resident: ${mebibytes(mine)}, ${sides[1].name} ${mebibytes(peer)}`);
  const kinds = { serverMs: "server time", rows: "rows", wallMs: "wall time" } as const;
  const verdicts = (Object.keys(kinds) as (keyof Scrape)[]).map((kind): Verdict => {
    const ratio = median(ratios.map((each) => each[kind]));
    return {
      what: `${server}: ${kinds[kind]} of a scrape, to ${sides[1].name}'s`,
      seen: `${ratio.toFixed(2)} x`,
      promised: "1.00 x",
      kept: !(ratio > 1),
    };
  });
  return [
    ...verdicts.filter(({ seen }) => !seen.startsWith("NaN")),
    {
      what: `${server}: resident memory of db-stats`,
      seen: `${Math.round(mine / 1e6)} MB`,
      promised: `${memoryLimit / 1e6} MB`,
      kept: mine <= memoryLimit,
    },
  ];
}

async function scrape({ program, during }: Side): Promise<Scrape> {
  let wallMs = 0;
  const { serverMs, rows = 0 } = await during(async () => {
    wallMs = await timed(() => textOf(`${program.url}/metrics`));
  });
  return { serverMs, rows, wallMs };
}

const ofRound = (all: readonly Scrape[]): Scrape => ({
  serverMs: all.reduce((sum, { serverMs }) => sum + serverMs, 0) / all.length,
  rows: all.reduce((sum, { rows }) => sum + rows, 0) / all.length,
  wallMs: median(all.map(({ wallMs }) => wallMs)),
});

type Own = (entry: object) => Promise<Program>;

/** Two roles with the same rights: what each has cost stands in pg_stat_statements, planning and utility statements included. */
async function postgresSides(passwordFile: string, own: Own, stop: (() => unknown)[]): Promise<readonly [Side, Side]> {
  const server = await startPostgres({
    password,
    settings: {
      shared_preload_libraries: "pg_stat_statements",
      "pg_stat_statements.track_planning": "on",
      autovacuum: "off",
    },
  });
  stop.push(() => server.stop());
  const admin = new pg.Client({ host: "127.0.0.1", port: server.port, user: server.user, password });
  await admin.connect();
  stop.push(() => admin.end());
  await admin.query("create extension pg_stat_statements");
  await admin.query(readFileSync(join(codeRoot, "exporters/db-stats/postgres/role.sql"), "utf8"));
  await admin.query("create role peer login in role pg_monitor");
  for (const role of ["peer", "vitals_db_stats"]) await admin.query(`alter role ${role} password '${password}'`);
  for (let n = 0; n < amounts.tables; n++)
    await admin.query(
      `create table t${n} (id int primary key, a text, b int); create index on t${n} (a); create index on t${n} (b);
       insert into t${n} select i, repeat('x', 100), i from generate_series(1, 200) i`,
    );
  await admin.query("analyze");
  for (let n = 0; n < amounts.databases; n++) await admin.query(`create database d${n}`);
  for (let n = 0; n < amounts.statements; n++) await admin.query(`select ${"1, ".repeat(n)} 1`);
  const spent = async (role: string): Promise<Required<Cost>> => {
    const { rows } = await admin.query<{ ms: number; rows: string }>(
      `select coalesce(sum(total_exec_time + total_plan_time), 0)::float8 as ms, coalesce(sum(rows), 0) as rows
         from pg_stat_statements(false) where userid = '${role}'::regrole`,
    );
    return { serverMs: rows[0]?.ms ?? 0, rows: Number(rows[0]?.rows ?? 0) };
  };
  const duringOf =
    (role: string): Side["during"] =>
    async (work) => {
      const before = await spent(role);
      await work();
      const after = await spent(role);
      return { serverMs: after.serverMs - before.serverMs, rows: after.rows - before.rows };
    };
  const address = `127.0.0.1:${server.port}`;
  const port = await freePort();
  const peer = await startProgram(
    [resolveTool("postgres_exporter").path, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"],
    {
      port,
      path: "/",
      env: {
        DATA_SOURCE_URI: `${address}/postgres?sslmode=disable`,
        DATA_SOURCE_USER: "peer",
        DATA_SOURCE_PASS_FILE: passwordFile,
      },
    },
  );
  stop.push(() => peer.child.kill());
  const mine = await own({ id: "bench", kind: "postgres", address, user: "vitals_db_stats", passwordFile });
  return [
    { name: "db-stats", program: mine, during: duringOf("vitals_db_stats") },
    { name: "postgres_exporter", program: peer, during: duringOf("peer") },
  ];
}

/** Redis counts by command, not by user; only one side is at work at a time. */
async function redisSides(own: Own, stop: (() => unknown)[]): Promise<readonly [Side, Side]> {
  const server = await startRedis();
  stop.push(() => server.stop());
  const client = new Redis(server.port, "127.0.0.1");
  stop.push(() => client.disconnect());
  for (let n = 0; n < amounts.keys; n += 1_000)
    await client.mset(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`key:${n + i}`, "x".repeat(50)])));
  for (const command of ["get", "set", "hset", "lpush", "sadd", "zadd", "incr", "expire"] as const)
    await client.call(command, "a").catch(() => undefined);
  const port = await freePort();
  const peer = await startProgram(
    [
      resolveTool("prometheus-redis-exporter").path,
      "-redis.addr",
      `redis://127.0.0.1:${server.port}`,
      "-web.listen-address",
      `127.0.0.1:${port}`,
    ],
    { port, path: "/" },
  );
  stop.push(() => peer.child.kill());
  const during: Side["during"] = async (work) => {
    await client.config("RESETSTAT");
    await work();
    const lines = (await client.info("commandstats")).matchAll(/^cmdstat_(?!config\|resetstat)\S+?:.*?usec=(\d+)/gm);
    return { serverMs: [...lines].reduce((sum, [, usec]) => sum + Number(usec), 0) / 1_000 };
  };
  const mine = await own({ id: "bench", kind: "redis", address: `127.0.0.1:${server.port}`, user: "default" });
  return [
    { name: "db-stats", program: mine, during },
    { name: "redis_exporter", program: peer, during },
  ];
}
