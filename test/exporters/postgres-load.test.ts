// db-stats where there is much, or where somebody locks: what it costs stays bounded, and what is not concerned is shown.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { until } from "../support/ports.ts";
import { postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inTime, runExporter, type Scraped, type Shown } from "./scraped.ts";

const password = "load-test-password";
const role = "vitals_db_stats";
const missing = postgresMissing();
const whole = process.env.VITALS_PROVE === "1";
const amounts = whole
  ? { statements: 5_000, text: 20_000, tables: 2_000, databases: 500, limits: {} }
  : { statements: 400, text: 2_000, tables: 200, databases: 8, limits: { databases: 5 } };

describe.skipIf(missing !== undefined)(`db-stats under load${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestPostgres;
  let folder: string;
  let exporter: Scraped;
  const clients: pg.Client[] = [];

  async function client(): Promise<pg.Client> {
    const made = new pg.Client({ host: "127.0.0.1", port: server.port, user: server.user, password });
    made.on("error", () => undefined);
    await made.connect();
    clients.push(made);
    return made;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-pg-load-"));
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, password, { mode: 0o600 });
    server = await startPostgres({
      password,
      settings: { shared_preload_libraries: "pg_stat_statements", "pg_stat_statements.max": "6000", autovacuum: "off" },
    });
    const admin = await client();
    await admin.query(await readFile(join(import.meta.dirname, "../../exporters/db-stats/postgres/role.sql"), "utf8"));
    await admin.query(`alter role ${role} password '${password}'`);
    await admin.query("create extension pg_stat_statements");
    // What is found out of a partial index, of one on an expression and of a sequence must not need the lock that somebody has.
    await admin.query("create table target (id int primary key, note text)");
    for (const again of ["", "_again"]) {
      await admin.query(`create index part${again} on target (note) where note is not null or id > 7`);
      await admin.query(`create index expression${again} on target (lower(note), (id % 7))`);
    }
    await admin.query("create index expression_other on target (lower(note), (id % 8))");
    for (const name of ["free", "altered", "dropped"]) await admin.query(`create sequence ${name} maxvalue 100`);
    await admin.query("select setval('free', 34)");
    const entry = {
      id: "main",
      kind: "postgres",
      address: `127.0.0.1:${server.port}`,
      user: role,
      passwordFile,
      limits: amounts.limits,
      collectors: Object.fromEntries(postgresCollectors.map(({ name }) => [name, { ttl: "10ms" }])),
    };
    exporter = await runExporter(dbStats, { databases: [entry] });
  });

  afterAll(async () => {
    await exporter?.close();
    for (const each of clients) await each.end().catch(() => undefined);
    await server?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const works = (page: Shown, name: string) => page.value(`collector_success{collector="${name}",target="main"}`);
  const failing = (page: Shown): readonly string[] =>
    postgresCollectors.map(({ name }) => name).filter((name) => works(page, name) !== 1);

  /** The most processes that the server has for the role meanwhile. */
  async function mostBackends<Result>(work: () => Promise<Result>): Promise<readonly [Result, number]> {
    let most = 0;
    let watching = true;
    const watch = (async () => {
      while (watching) {
        most = Math.max(most, server.backends(role));
        await sleep(40);
      }
    })();
    try {
      return [await work(), most];
    } finally {
      watching = false;
      await watch;
    }
  }

  const scrapes = async (): Promise<readonly Shown[]> => {
    const pages = await Promise.all(Array.from({ length: 20 }, () => exporter.metrics()));
    for (let turn = 0; turn < 5; turn++) pages.push(await exporter.metrics());
    return pages;
  };

  it("shows all but what is locked while somebody holds, or waits for, an ACCESS EXCLUSIVE lock, with at most 3 sessions", async () => {
    const [reader, locker, alterer] = [await client(), await client(), await client()];
    for (const waiting of [false, true]) {
      if (waiting) await reader.query("begin; select * from target; select nextval('altered'), nextval('dropped')");
      await locker.query("begin");
      await alterer.query("begin");
      const locked = [
        locker.query("lock table target in access exclusive mode; drop sequence dropped"),
        alterer.query("alter sequence altered increment 2"),
      ];
      if (!waiting) await Promise.all(locked);
      const [pages, most] = await mostBackends(scrapes);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(3);
      for (const page of pages) {
        expect(failing(page)).toEqual([]);
        expect(page.value('pg_tables_skipped{database="main"}')).toBe(1);
        expect(page.value('pg_indexes_duplicate{database="main"}')).toBe(2);
        const used = (sequence: string) =>
          page.value(`pg_sequence_used_ratio{database="main",schema="public",sequence="${sequence}"}`);
        // The one that waits to drop has not come to the sequence yet.
        expect([used("free"), used("altered"), used("dropped") === undefined]).toEqual([1 / 3, undefined, !waiting]);
      }
      if (waiting) await reader.query("rollback");
      await Promise.all(locked);
      await locker.query("rollback");
      await alterer.query("rollback");
    }
    const page = await exporter.metrics();
    expect(page.value('pg_tables_skipped{database="main"}')).toBe(0);
  }, 30_000);

  it.each(["pg_database", "pg_authid"])(
    "has no more than 3 sessions, those included that are being started, while %s is locked so that nobody can connect",
    async (catalogue) => {
      const locker = await client();
      await exporter.metrics();
      await locker.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vitals-db-stats'",
      );
      await until(() => server.backends(role) === 0);
      await locker.query(`begin; lock table ${catalogue} in access exclusive mode`);
      const [pages, most] = await mostBackends(async () => {
        const shown: Shown[] = [];
        for (let turn = 0; turn < 5; turn++) {
          // What failed is not tried again at once.
          if (turn > 0) await sleep(550);
          shown.push(...(await Promise.all([1, 2, 3].map(() => inTime(exporter, 1)))));
        }
        return shown;
      });
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(3);
      expect(pages.map((page) => page.value('pg_up{database="main"}'))).toEqual(pages.map(() => 0));
      await locker.query("rollback");
      // What was begun then is what it goes on with.
      await until(async () => failing(await exporter.metrics()).length === 0, 20_000);
      await until(() => server.backends(role) === 1);
    },
    60_000,
  );

  it("keeps its series and its time bounded with many statements of large texts, many tables and many databases", async () => {
    const admin = await client();
    const padding = "x".repeat(amounts.text);
    for (let index = 0; index < amounts.statements; index++)
      await admin.query(
        `select 1 as "${padding}" where ${"1 = 1 and ".repeat(index % 50)} ${index} > 0 and ${Array.from({ length: Math.floor(index / 50) + 1 }, () => "2").join(" + ")} > 0`,
      );
    for (let index = 0; index < amounts.tables; index++)
      await admin.query(`create table many_${index} (id int primary key)`);
    for (let index = 0; index < amounts.databases; index++)
      await admin.query(`create database many_${index} strategy file_copy`);
    await exporter.metrics();
    const cost = async () =>
      (
        await admin.query<{ ms: number; rows: number }>(
          `select sum(total_exec_time)::float8 as ms, sum(rows)::int as rows
             from pg_stat_statements(false) where userid = '${role}'::regrole`,
        )
      ).rows[0] ?? { ms: Number.NaN, rows: Number.NaN };
    const before = await cost();
    const began = performance.now();
    const page = await exporter.metrics();
    const took = performance.now() - began;
    const after = await cost();
    const rows = after.rows - before.rows;
    const series = page.body.split("\n").filter((line) => line.startsWith("pg_")).length;
    const dropped = (name: string) => page.value(`collector_series_dropped{collector="${name}",target="main"}`);
    console.log(
      `${page.value('pg_statements_tracked{database="main"}')} statements, ${amounts.tables} tables, ${amounts.databases} databases: ${series} series in ${Math.round(took)} ms, of the server ${Math.round(after.ms - before.ms)} ms and ${rows} rows`,
    );
    expect(failing(page)).toEqual([]);
    expect(page.value('pg_tables{database="main"}')).toBe(amounts.tables + 1);
    expect(series).toBeLessThan(1_600);
    // One row for all statements together, and no more tables and databases than have series.
    expect(rows).toBeLessThan(1_000);
    const { databases = 50 } = amounts.limits;
    expect(dropped("databases")).toBe(amounts.databases + 2 - databases);
    // Of a table eight metrics and two sizes, of a statement seven metrics.
    expect(dropped("tables")).toBe((amounts.tables + 1 - 50) * 8);
    expect(dropped("sizes")).toBe((amounts.tables + 1 - 50) * 2);
    expect(dropped("statements")).toBe(((page.value('pg_statements_tracked{database="main"}') ?? 0) - 50) * 7);
    expect(took).toBeLessThan(3 * 10_000);
  }, 600_000);
});
