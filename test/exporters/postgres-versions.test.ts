// The same scripted work of known numbers on a real server of every major version: what db-stats says of it is exact.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { until } from "../support/ports.ts";
import { type Major, majors, postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { figures, forced } from "./figures.ts";
import { runExporter, type Scraped, type Shown } from "./scraped.ts";

const password = "CANARY-pg-password";
const roleSql = readFile(join(import.meta.dirname, "../../exporters/db-stats/postgres/role.sql"), "utf8");

describe.each(majors)("db-stats on PostgreSQL %i", (major: Major) => {
  const missing = postgresMissing(major);
  let server: TestPostgres;
  let folder: string;
  let exporter: Scraped;
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    if (missing !== undefined) return;
    folder = await mkdtemp(join(tmpdir(), "vitals-pg-versions-"));
    server = await startPostgres({
      password,
      major,
      settings: {
        shared_preload_libraries: "pg_stat_statements",
        "pg_stat_statements.track": "all",
        deadlock_timeout: "50ms",
        track_io_timing: "on",
        max_prepared_transactions: "5",
        autovacuum: "off",
        wal_level: "logical",
        work_mem: "5MB",
        archive_mode: "on",
      },
    });
    const admin = await client();
    await admin.query(await roleSql);
    await admin.query(`alter role vitals_db_stats password '${password}'`);
    await admin.query("create extension pg_stat_statements");
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, password, { mode: 0o600 });
    const entry = {
      id: "main",
      kind: "postgres",
      address: `127.0.0.1:${server.port}`,
      user: "vitals_db_stats",
      passwordFile,
      slowStatement: "10ms",
      compat: true,
      limits: { statements: 500 },
      collectors: Object.fromEntries(postgresCollectors.map(({ name }) => [name, { ttl: "10ms" }])),
    };
    exporter = await runExporter(dbStats, { databases: [entry] });
  }, 60_000);

  afterAll(async () => {
    await exporter?.close();
    for (const each of clients) await each.end().catch(() => undefined);
    await server?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function client(): Promise<pg.Client> {
    const made = new pg.Client({ host: "127.0.0.1", port: server.port, user: server.user, password });
    made.on("error", () => undefined);
    await made.connect();
    clients.push(made);
    return made;
  }

  /** A page of what is so now: what a collector read within its ttl would be shown again. */
  async function look(): ReturnType<Scraped["metrics"]> {
    await new Promise((resolve) => setTimeout(resolve, 15));
    return exporter.metrics();
  }

  /** Makes a session report what it has done; before version 15 it does so by itself every half second. */
  const flush = (session: pg.Client): Promise<unknown> =>
    session.query(major >= 15 ? "select pg_stat_force_next_flush()" : "select pg_sleep(0.6)");

  const of = (page: Shown, name: string, labels = ""): number =>
    page.value(`pg_${name}{database="main"${labels}}`) ?? Number.NaN;

  it.runIf(process.env.CI !== undefined)("has a server to be tried on, where nothing may be left out", () => {
    expect(missing).toBeUndefined();
  });

  it.skipIf(missing !== undefined)(
    `has every collector working${missing === undefined ? "" : ` (${missing})`}`,
    async () => {
      const page = await look();
      for (const { name } of postgresCollectors)
        expect([name, page.value(`collector_success{collector="${name}",target="main"}`)]).toEqual([name, 1]);
      expect(Math.floor(of(page, "server_version_number") / 10_000)).toBe(major);
      expect(page.names.has("pg_io_reads_total")).toBe(major >= 16);
      expect(page.names.has("pg_backend_buffers_written_total")).toBe(major < 17);
      expect(page.value("exporter_samples_refused_total")).toBe(0);
      for (const grant of ["pg_monitor", "column_widths", "sequences"])
        expect(of(page, "grant_missing", `,grant="${grant}"`)).toBe(0);
    },
  );

  it.skipIf(missing !== undefined)(
    "counts calls and rows of statements, nested ones included, and leaves nothing out of the sum",
    async () => {
      const made = await client();
      await made.query("create table counted (id int primary key, note text)");
      await made.query(`create function nested() returns void language plpgsql as $$
      begin for i in 1..7 loop insert into counted values (i + 1000 * (select count(*)::int from counted)); end loop; end $$`);
      await made.query(`create function twofold() returns void language plpgsql as $$
      begin for i in 1..5 loop delete from counted where id = -1; end loop; end $$`);
      await look();
      for (let index = 0; index < 13; index++)
        await made.query("select /* CANARY */ count(*), 'CANARY' from counted where id in (1, 2, 3)");
      for (let index = 0; index < 3; index++) await made.query("select nested()");
      // The same statement inside a function and by itself.
      await made.query("select twofold()");
      for (let index = 0; index < 2; index++) await made.query("delete from counted where id = -1");
      await look();
      await made.query("insert into counted select n, 'x' from generate_series(100000, 100499) n");
      const ids = await made.query<{ queryid: string; query: string }>(
        "select queryid::text, query from pg_stat_statements where query like '%counted%' or query like '%nested%'",
      );
      const idOf = (text: string): string => ids.rows.find(({ query }) => query.startsWith(text))?.queryid ?? "";
      const page = await look();
      const statement = (name: string, text: string): number =>
        of(page, `statement_${name}_total`, `,queryid="${idOf(text)}"`);
      expect(statement("calls", "select /* CANARY */")).toBe(13);
      expect(statement("rows", "select /* CANARY */")).toBe(13);
      expect(statement("calls", "select nested()")).toBe(3);
      expect(statement("calls", "insert into counted values")).toBe(21);
      expect(statement("rows", "insert into counted values")).toBe(21);
      expect(statement("rows", "insert into counted select")).toBe(500);
      expect(statement("calls", "delete from counted")).toBe(5 + 2);
      expect(statement("seconds", "select nested()")).toBeGreaterThan(0);
      expect(page.body).not.toContain("CANARY");
    },
  );

  it.skipIf(missing !== undefined)("counts temporary files, a forced deadlock and prepared transactions", async () => {
    const made = await client();
    const other = await client();
    const before = await look();
    await made.query("set work_mem = '64kB'; set max_parallel_workers_per_gather = 0");
    await made.query("create table crossed (id int primary key)");
    await made.query("insert into crossed values (1), (2)");
    // Each has a file for the series and one for its sort.
    for (let index = 0; index < 2; index++)
      await made.query(
        "select count(*) from (select n, repeat('x', 50) from generate_series(1, 20000) n order by 2, 1) big",
      );
    for (const each of [made, other]) await each.query("begin");
    await made.query("update crossed set id = 1 where id = 1");
    await other.query("update crossed set id = 2 where id = 2");
    const results = await Promise.allSettled([
      made.query("update crossed set id = 2 where id = 2"),
      other.query("update crossed set id = 1 where id = 1"),
    ]);
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
    for (const each of [made, other]) await each.query("rollback");
    await made.query("begin; insert into crossed values (3); prepare transaction 'kept'");
    // The next statement after a second reports what the session has done.
    const after = await until(async () => {
      for (const each of [made, other]) await flush(each);
      const page = await look();
      return of(page, "deadlocks_total") === 1 && of(page, "temp_files_total") > 1 ? page : undefined;
    }, 20_000);
    await made.query("rollback prepared 'kept'");
    expect(of(after, "deadlocks_total") - of(before, "deadlocks_total")).toBe(1);
    expect(of(after, "temp_files_total") - of(before, "temp_files_total")).toBe(2 * 2);
    expect(of(after, "temp_written_bytes_total")).toBeGreaterThan(1_000_000);
    expect(of(after, "prepared_transactions")).toBe(1);
  });

  it.skipIf(missing !== undefined)("counts locks, who is blocked, who blocks, and what is slow", async () => {
    const holder = await client();
    const waiting = [await client(), await client()];
    await holder.query("create table held (id int)");
    await holder.query("begin; lock table held in share mode");
    const blocked = waiting.map((each) => each.query("insert into held values (1)"));
    const page = await until(async () => {
      const now = await look();
      return of(now, "sessions_blocked") === 2 && of(now, "statements_slow") === 2 ? now : undefined;
    });
    expect(of(page, "sessions_blocking")).toBe(1);
    expect(of(page, "longest_blocked_seconds")).toBeGreaterThan(0);
    expect(of(page, "locks_granted", ',mode="ShareLock"')).toBe(1);
    expect(of(page, "locks_waiting", ',mode="RowExclusiveLock"')).toBe(2);
    await holder.query("commit");
    await Promise.all(blocked);
    expect(of(await look(), "sessions_blocked")).toBe(0);
  });

  it.skipIf(missing !== undefined)("tells tables, indexes, sequences, bloat and slots as they are", async () => {
    const made = await client();
    await made.query("create table grown (id serial primary key, kind int, note text)");
    await made.query("insert into grown (kind, note) select n % 7, repeat('x', 100) from generate_series(1, 40000) n");
    await made.query("create index grown_kind on grown (kind)");
    await made.query("create index grown_kind_again on grown (kind)");
    await made.query("delete from grown where id % 4 <> 0");
    await made.query("create sequence nearly as smallint maxvalue 101; select setval('nearly', 76)");
    await made.query("select pg_create_logical_replication_slot('kept', 'test_decoding')");
    // What the session has not reported yet would be added to what VACUUM reports.
    await flush(made);
    const deleted = await until(async () => {
      const now = await look();
      return of(now, "table_dead_rows", ',schema="public",table="grown"') === 30_000 ? now : undefined;
    });
    expect(of(deleted, "dead_rows")).toBeGreaterThanOrEqual(30_000);
    await made.query("vacuum analyze grown");
    const page = await until(async () => {
      const now = await look();
      const rows = (name: string) => of(now, name, ',schema="public",table="grown"');
      return rows("table_live_rows") === 10_000 && rows("table_dead_rows") === 0 ? now : undefined;
    }, 20_000);
    const table = ',schema="public",table="grown"';
    const real = await made.query<{ size: string; indexes: string; pages: number }>(
      "select pg_table_size('grown') as size, pg_indexes_size('grown') as indexes, relpages as pages from pg_class where relname = 'grown'",
    );
    expect(of(page, "table_size_bytes", table)).toBe(Number(real.rows[0]?.size));
    expect(of(page, "table_indexes_size_bytes", table)).toBe(Number(real.rows[0]?.indexes));
    expect(of(page, "table_dead_rows", table)).toBe(0);
    const theirs = ',schemaname="public",relname="grown",datname="postgres"';
    expect(of(page, "stat_user_tables_n_live_tup", theirs)).toBe(10_000);
    expect(Math.abs(of(page, "table_last_vacuum_timestamp_seconds", table) - Date.now() / 1_000)).toBeLessThan(60);
    // Three quarters of the rows are gone; the file is as long as it was.
    const heap = Number(real.rows[0]?.pages) * 8_192;
    expect(of(page, "table_bloat_bytes", table) / heap).toBeGreaterThan(0.7);
    expect(of(page, "table_bloat_bytes", table) / heap).toBeLessThan(0.8);
    expect(of(page, "indexes_duplicate")).toBe(1);
    expect(of(page, "indexes_unused")).toBe(2);
    expect(
      of(page, "index_duplicate_size_bytes", `${table.replace("grown", "grown")},index="grown_kind_again"`),
    ).toBeGreaterThan(0);
    expect(of(page, "sequence_used_ratio", ',schema="public",sequence="nearly"')).toBeCloseTo(0.75, 9);
    expect(of(page, "replication_slot_active", ',slot="kept"')).toBe(0);
    expect(of(page, "replication_slot_retained_bytes", ',slot="kept"')).toBeGreaterThan(0);
    expect(of(page, "tables_bloat_unknown")).toBe(0);
    await made.query("select pg_drop_replication_slot('kept')");
    // Of names statistics tell another width than they have: nothing is claimed of such a table.
    await made.query("create table named as select 'x'::name as who from generate_series(1, 20000)");
    await made.query("analyze named");
    const named = await until(async () => {
      const now = await look();
      return of(now, "tables_bloat_unknown") === 1 ? now : undefined;
    });
    expect(named.value('pg_table_bloat_bytes{database="main",schema="public",table="named"}')).toBeUndefined();
  });

  it.skipIf(missing !== undefined)(
    "tells settings, ages, sizes, checkpoints and the archiver as the server does",
    async () => {
      const made = await client();
      const before = await look();
      expect(of(before, "setting_bytes", ',setting="work_mem"')).toBe(5 * 2 ** 20);
      expect(of(before, "setting_seconds", ',setting="deadlock_timeout"')).toBe(0.05);
      expect(of(before, "setting_seconds", ',setting="checkpoint_timeout"')).toBe(300);
      expect(of(before, "setting_number", ',setting="max_connections"')).toBe(100);
      expect(of(before, "setting_enabled", ',setting="autovacuum"')).toBe(0);
      expect(of(before, "settings_max_connections")).toBe(100);
      const { rows } = await made.query<Record<"own" | "oldest" | "size", number>>(
        `select age(datfrozenxid) as own, (select max(age(datfrozenxid)) from pg_database) as oldest,
              pg_database_size('template1')::int as size
         from pg_database where datname = current_database()`,
      );
      expect(Math.abs(of(before, "database_frozen_age_xids") - (rows[0]?.own ?? 0))).toBeLessThanOrEqual(3);
      expect(Math.abs(of(before, "server_frozen_age_xids") - (rows[0]?.oldest ?? 0))).toBeLessThanOrEqual(3);
      expect(of(before, "server_database_size_bytes", ',datname="template1"')).toBe(rows[0]?.size);

      const archived = async () =>
        (
          await made.query<Record<"done" | "failed", number>>(
            "select archived_count::int as done, failed_count::int as failed from pg_stat_archiver",
          )
        ).rows[0];
      const archive = async (command: string): Promise<void> => {
        await made.query(`alter system set archive_command = '${command}'`);
        await made.query("select pg_reload_conf()");
        await until(async () => (await made.query("show archive_command")).rows[0].archive_command === command);
        await made.query("insert into archived values (1); select pg_switch_wal()");
      };
      await made.query("create table archived (id int)");
      await made.query("checkpoint");
      await archive("exit 0");
      await flush(made);
      const grown = (page: Shown, name: string, labels = ""): number =>
        of(page, name, labels) - of(before, name, labels);
      const after = await until(async () => {
        const page = await look();
        const done = of(page, "archived_files_total");
        const reported =
          grown(page, "checkpoints_requested_total") > 0 && done > 0 && done === (await archived())?.done;
        const read = major < 16 || grown(page, "io_hits_total", ',backend="client backend"') > 0;
        return reported && read ? page : undefined;
      });
      expect(grown(after, "checkpoints_requested_total")).toBe(1);
      expect(of(after, "wal_files")).toBeGreaterThan(0);
      expect(of(after, "archive_failures_total")).toBe(0);
      await archive("exit 1");
      await until(async () => {
        const failed = of(await look(), "archive_failures_total");
        return failed > 0 && failed === (await archived())?.failed;
      }, 20_000);
    },
  );

  it.skipIf(missing !== undefined)(
    "says of each figure what the server's own views say",
    async () => {
      const made = await client();
      const [held, beside, first, second] = [await client(), await client(), await client(), await client()];
      for (const text of [
        "create table measured (id int primary key, note text)",
        "insert into measured select n, repeat('x', 3000 + n) from generate_series(1, 500) n",
        "vacuum measured",
        "create table doubled (id int)",
        "insert into doubled values (1), (1)",
        "create table sorted (id int, note text)",
        "create table shared (id int)",
        "select pg_create_logical_replication_slot('measured', 'test_decoding')",
        "select pg_switch_wal()",
        "analyze measured",
        "update measured set note = 'y' where id <= 20",
        "delete from measured where id > 490",
        "set enable_seqscan = off",
        ...Array.from({ length: 5 }, () => "select note from measured where id = 5"),
        "set work_mem = '64kB'",
        "checkpoint",
      ])
        await made.query(text);
      await expect(made.query("create unique index concurrently broken on doubled (id)")).rejects.toThrow("broken");
      // Two who share a row make a multixact.
      for (const each of [held, beside]) await each.query("begin; select from doubled for share");
      for (const each of [held, beside]) await each.query("rollback");
      await endings(made);
      await look();
      const sorting = "insert into sorted select n, repeat('x', 50) from generate_series(1, 20000) n order by 2, 1";
      for (let index = 0; index < 2; index++) await made.query(sorting);
      await made.query("begin; insert into doubled values (2); prepare transaction 'measured'");
      for (let index = 0; index < 3; index++) await made.query("insert into doubled values (3)");
      await held.query("begin isolation level repeatable read");
      // Its transaction is older than what it asked last.
      await held.query("select pg_sleep(0.3)");
      await held.query("lock table shared in share mode");
      await made.query("insert into doubled values (4)");
      await beside.query("begin; lock table shared in share mode");
      const blocked: Promise<unknown>[] = [];
      // Whoever waits waits for both, and one longer than the other.
      for (const [index, each] of [first, second].entries()) {
        blocked.push(each.query("insert into shared values (1)"));
        await until(async () => of(await look(), "sessions_blocked") === index + 1);
        if (index === 0) await made.query("select pg_sleep(0.2)");
      }
      await made.query("alter system set max_connections = 99");
      await made.query("select pg_reload_conf()");
      await until(async () => of(await look(), "settings_pending_restart") === 1);
      await flush(made);

      const { rows } = await made.query(
        "select queryid::text from pg_stat_statements where query like 'insert into sorted%'",
      );
      const all = figures(major, { table: "measured", queryid: rows[0].queryid });
      const names = Object.keys(all);
      const asked = `select ${names.map((name, index) => `(${all[name]})::float8 as f${index}`).join(", ")}`;
      const views = async (): Promise<readonly (number | null)[]> => Object.values((await made.query(asked)).rows[0]);
      const [before, page, after] = [await views(), await look(), await views()];
      for (const [index, name] of names.entries()) {
        const [least, most] = [before[index] ?? null, after[index] ?? null];
        const [metric = "", labels = ""] = name.replace("}", "").split("{");
        const value = page.value(`pg_${metric}{database="main"${labels === "" ? "" : `,${labels}`}}`);
        if (least === null || most === null) expect([name, value]).toEqual([name, undefined]);
        else {
          const near = 1e-12 * Math.abs(most);
          const within = value !== undefined && value >= least - near && value <= most + near;
          expect({ name, least, value, most, within }).toEqual({ name, least, value, most, within: true });
        }
      }
      const told = new Set([...names.map((name) => name.split("{", 1)[0]), ...forced].map((name) => `pg_${name}`));
      const newer = (metric: string) =>
        (major < 16 && metric.startsWith("pg_io_")) || (major >= 17 && metric.startsWith("pg_backend_"));
      const untold = postgresCollectors.flatMap(({ emits }) => emits).filter((each) => !told.has(each) && !newer(each));
      expect(untold).toEqual([]);

      for (const each of [held, beside]) await each.query("rollback");
      await Promise.all(blocked);
      await made.query("rollback prepared 'measured'");
      await made.query("select pg_drop_replication_slot('measured')");
    },
    30_000,
  );

  /** Sessions that end in each of the ways that count: one is ended by another, two by the server, three leave without a word. */
  async function endings(by: pg.Client): Promise<void> {
    const all = await Promise.all(Array.from({ length: 6 }, client));
    const [killed, ...others] = await Promise.all(
      all.map(async (each) => (await each.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid),
    );
    await by.query("select pg_terminate_backend($1)", [killed]);
    for (const each of all.slice(1, 3))
      await each.query("set idle_in_transaction_session_timeout = 1; begin").catch(() => undefined);
    for (const each of all.slice(3))
      (each as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy();
    await until(
      async () =>
        (await by.query("select from pg_stat_activity where pid = any($1)", [[killed, ...others]])).rowCount === 0,
    );
  }
});
