// db-stats beside postgres_exporter and redis_exporter on the same servers, each with its default collectors: what a scrape costs the
// servers, how long it takes, how much memory the exporters hold. The first scrape of a new process and one that keeps nothing read
// everything; of those every 15 s some reuse what an earlier one has read.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { freePort } from "../../test/support/ports.ts";
import { startPostgres } from "../../test/support/postgres.ts";
import { startRedis } from "../../test/support/redis.ts";
import { acquire } from "../acquire.ts";
import { programOf } from "../programs.ts";
import { resolveTool } from "../resolve.ts";
import { median, timed, type Verdict } from "./measure.ts";
import { namesNotThere } from "./names-not-there.ts";
import { mebibytes, type Program, pause, resident, startExporter, startProgram, textOf } from "./program.ts";

const intervalMs = 15_000;
const scrapesPerRound = 6;
const startsPerRound = 3;
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
  readonly version: string;
  readonly start: () => Promise<Program>;
  /** What the server spends on it meanwhile. */
  readonly during: (work: () => Promise<unknown>) => Promise<Cost>;
}

interface Scrape extends Cost {
  readonly wallMs: number;
}

/** Ours and theirs. */
type Pair = readonly [Scrape, Scrape];
type Kind = keyof Scrape;

interface Sides {
  readonly ours: Side;
  /** Ours without any answer kept for later scrapes, where there are such. */
  readonly keepingNothing?: Side;
  readonly theirs: Side;
}

/** How a scrape's cost is told and compared. */
const kinds = {
  serverMs: ["server time", (value: number) => `${value.toFixed(2)} ms of the server`],
  rows: ["rows", (value: number) => `${value.toFixed(0)} rows`],
  wallMs: ["wall time", (value: number) => `${value.toFixed(1)} ms in all`],
} as const satisfies Record<Kind, readonly [string, (value: number) => string]>;

export async function benchDbStats(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  for (const name of ["postgres_exporter", "prometheus-redis-exporter"]) {
    const peer = programOf(name);
    if (peer !== undefined) await acquire({ only: [peer] });
  }
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-db-stats-"));
  const stop: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const own = (entry: object): Omit<Side, "during"> => ({
    name: "db-stats",
    version: "of this checkout",
    start: async () => {
      const port = await freePort();
      const file = join(folder, `${port}.json`);
      writeFileSync(file, JSON.stringify({ databases: [entry] }));
      return startExporter("db-stats", file, port);
    },
  });
  try {
    return [
      ...(await compare("PostgreSQL", await postgresSides(passwordFile, own, stop), rounds, say)),
      ...(await compare("Redis", await redisSides(own, stop), rounds, say)),
    ];
  } finally {
    for (const end of stop.toReversed()) await end();
  }
}

async function compare(
  server: string,
  { ours, keepingNothing, theirs }: Sides,
  rounds: number,
  say: (line: string) => void,
): Promise<readonly Verdict[]> {
  for (const { name, version } of [ours, theirs]) say(`  ${server}: ${name} ${version}`);
  const told = (when: string, pair: Pair): Pair => {
    for (const [index, { name }] of [ours, theirs].entries())
      say(`  ${server}, ${when}, ${name}: ${inWords(pair[index])}`);
    return pair;
  };
  const firsts: Pair[] = [];
  for (let round = 1; round <= rounds * startsPerRound; round++)
    firsts.push(told(`first scrape ${round}`, await firstScrapes([ours, theirs], round)));
  say(
    `  ${server}, first scrape: wall time to ${theirs.name}'s ${inRatio(ratioOf("wallMs", firsts))}, with what a process compiles`,
  );

  const unknown = await namesUnknown(theirs);
  for (const name of unknown) say(`  ${server}: the docs say nothing of ${theirs.name}'s ${name}`);

  const repeated = async (when: string, mine: Side, every: number): Promise<readonly Verdict[]> => {
    const programs = [await mine.start(), await theirs.start()] as const;
    try {
      const sides = [mine, theirs] as const;
      for (const index of [0, 1] as const) await scrape(sides[index], programs[index]);
      const pairs: Pair[] = [];
      for (let round = 1; round <= rounds; round++)
        pairs.push(told(`${when}, round ${round}`, await repeatedScrapes(sides, programs, every)));
      const [own, peer] = programs.map(resident) as [number, number];
      say(`  ${server}, ${when}, resident: db-stats ${mebibytes(own)}, ${theirs.name} ${mebibytes(peer)}`);
      return [
        ...verdicts(`${server}, ${when}`, theirs.name, pairs, ["serverMs", "rows", "wallMs"]),
        {
          what: `${server}, ${when}: resident memory`,
          seen: `${Math.round(own / 1e6)} MB`,
          promised: `${memoryLimit / 1e6} MB`,
          kept: own <= memoryLimit,
        },
      ];
    } finally {
      for (const program of programs) await ended(program);
    }
  };
  return [
    ...verdicts(`${server}, first scrape`, theirs.name, firsts, ["serverMs", "rows"]),
    {
      what: `${server}: names of ${theirs.name} of which the docs say nothing`,
      seen: `${unknown.length}`,
      promised: "0",
      kept: unknown.length === 0,
    },
    ...(keepingNothing === undefined ? [] : await repeated("keeping nothing", keepingNothing, 1_000)),
    ...(await repeated(`every ${intervalMs / 1_000} s`, ours, intervalMs)),
  ];
}

/** The names of its metrics that are neither given, with `compat` or without, nor said not to be there. */
async function namesUnknown({ start }: Side): Promise<readonly string[]> {
  const program = await start();
  try {
    const page = await textOf(`${program.url}/metrics`);
    const absent = await namesNotThere();
    return [...page.matchAll(/^# TYPE ((?:pg|redis)_\w+)/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => !name.startsWith("pg_settings_"))
      .filter((name) => !Object.hasOwn(dbStats.rows, name) && !absent.some(({ matches }) => matches(name)));
  } finally {
    await ended(program);
  }
}

/** Of a new process each, in turn: it opens its connection and asks for everything. */
async function firstScrapes(sides: readonly [Side, Side], round: number): Promise<Pair> {
  const seen: Scrape[] = [];
  for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
    const side = sides[index] as Side;
    const program = await side.start();
    try {
      seen[index] = await scrape(side, program);
    } finally {
      await ended(program);
    }
  }
  return seen as unknown as Pair;
}

/** Each side scrapes in its half of the interval; the figures are means of the server's and the median of the wall's. */
async function repeatedScrapes(
  sides: readonly [Side, Side],
  programs: readonly [Program, Program],
  every: number,
): Promise<Pair> {
  const seen: readonly [Scrape[], Scrape[]] = [[], []];
  for (let turn = 0; turn < scrapesPerRound; turn++)
    for (const index of [0, 1] as const) {
      const [, wait] = [seen[index].push(await scrape(sides[index], programs[index])), pause(every / 2)];
      await wait;
    }
  return seen.map(ofRound) as unknown as Pair;
}

/** A ratio that is no number was not measured: that keeps no promise. Where the server does not count rows, none is made. */
const verdicts = (what: string, peer: string, pairs: readonly Pair[], judged: readonly Kind[]): readonly Verdict[] =>
  judged
    .filter((kind) => kind !== "rows" || pairs.flat().some(({ rows }) => rows !== undefined))
    .map((kind) => {
      const ratio = ratioOf(kind, pairs);
      const told = `${what}: ${kinds[kind][0]}, to ${peer}'s`;
      return { what: told, seen: inRatio(ratio), promised: "1.00 x", kept: ratio <= 1 };
    });

const ratioOf = (kind: Kind, pairs: readonly Pair[]): number =>
  median(pairs.map(([ours, theirs]) => (ours[kind] ?? Number.NaN) / (theirs[kind] ?? Number.NaN)));

const inRatio = (ratio: number): string => (Number.isFinite(ratio) ? `${ratio.toFixed(2)} x` : "not measured");

const inWords = (scrape: Scrape | undefined): string =>
  (Object.keys(kinds) as Kind[])
    .flatMap((kind) => (scrape?.[kind] === undefined ? [] : [kinds[kind][1](scrape[kind])]))
    .join(", ");

async function scrape({ during }: Side, program: Program): Promise<Scrape> {
  let wallMs = Number.NaN;
  const cost = await during(async () => {
    wallMs = await timed(() => textOf(`${program.url}/metrics`));
  });
  return { ...cost, wallMs };
}

const ofRound = (all: readonly Scrape[]): Scrape => {
  const mean = (of: (scrape: Scrape) => number): number => all.reduce((sum, each) => sum + of(each), 0) / all.length;
  return {
    serverMs: mean(({ serverMs }) => serverMs),
    ...(all.every(({ rows }) => rows === undefined) ? {} : { rows: mean(({ rows }) => rows ?? Number.NaN) }),
    wallMs: median(all.map(({ wallMs }) => wallMs)),
  };
};

async function ended({ child }: Program): Promise<void> {
  const end = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await end;
}

type Own = (entry: object) => Omit<Side, "during">;

/** Two roles with the same rights: what each has cost stands in pg_stat_statements, planning and utility statements included. */
async function postgresSides(passwordFile: string, own: Own, stop: (() => unknown)[]): Promise<Sides> {
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
  const { path, version } = resolveTool("postgres_exporter");
  const env = {
    DATA_SOURCE_URI: `${address}/postgres?sslmode=disable`,
    DATA_SOURCE_USER: "peer",
    DATA_SOURCE_PASS_FILE: passwordFile,
  };
  const start = async (): Promise<Program> => {
    const port = await freePort();
    return startProgram([path, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"], {
      port,
      path: "/",
      env,
    });
  };
  const entry = { id: "bench", kind: "postgres", address, user: "vitals_db_stats", passwordFile };
  const anew = Object.fromEntries(postgresCollectors.map(({ name }) => [name, { ttl: "10ms" }]));
  const during = duringOf("vitals_db_stats");
  return {
    ours: { ...own(entry), during },
    keepingNothing: { ...own({ ...entry, collectors: anew }), during },
    theirs: { name: "postgres_exporter", version, start, during: duringOf("peer") },
  };
}

/** Redis counts by command, not by user; only one side is at work at a time. */
async function redisSides(own: Own, stop: (() => unknown)[]): Promise<Sides> {
  const server = await startRedis();
  stop.push(() => server.stop());
  const client = new Redis(server.port, "127.0.0.1");
  stop.push(() => client.disconnect());
  for (let n = 0; n < amounts.keys; n += 1_000)
    await client.mset(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`key:${n + i}`, "x".repeat(50)])));
  for (const command of ["get", "set", "hset", "lpush", "sadd", "zadd", "incr", "expire"] as const)
    await client.call(command, "a").catch(() => undefined);
  const { path, version } = resolveTool("prometheus-redis-exporter");
  const start = async (): Promise<Program> => {
    const port = await freePort();
    const args = ["-redis.addr", `redis://127.0.0.1:${server.port}`, "-web.listen-address", `127.0.0.1:${port}`];
    return startProgram([path, ...args], { port, path: "/" });
  };
  const during: Side["during"] = async (work) => {
    await client.config("RESETSTAT");
    await work();
    const lines = (await client.info("commandstats")).matchAll(/^cmdstat_(?!config\|resetstat)\S+?:.*?usec=(\d+)/gm);
    return { serverMs: [...lines].reduce((sum, [, usec]) => sum + Number(usec), 0) / 1_000 };
  };
  const address = `127.0.0.1:${server.port}`;
  return {
    ours: { ...own({ id: "bench", kind: "redis", address, user: "default" }), during },
    theirs: { name: "redis_exporter", version, start, during },
  };
}
