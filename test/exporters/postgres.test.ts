import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { until } from "../support/ports.ts";
import { postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inTime, runExporter, type Scraped, type Shown } from "./scraped.ts";

const password = "CANARY-pg-password";

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(
  `db-stats on a real PostgreSQL${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    let server: TestPostgres;
    let folder: string;
    let passwordFile: string;
    let exporter: Scraped | undefined;
    const cleanups: (() => Promise<unknown> | unknown)[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "vitals-pg-stats-"));
      passwordFile = join(folder, "password");
      server = await startPostgres({ password, settings: { max_connections: "20", deadlock_timeout: "50ms" } });
    }, 60_000);

    afterAll(async () => {
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    afterEach(async () => {
      await exporter?.close();
      exporter = undefined;
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    });

    async function client(database = "postgres"): Promise<pg.Client> {
      const made = new pg.Client({ host: "127.0.0.1", port: server.port, user: server.user, password, database });
      made.on("error", () => undefined);
      await made.connect();
      cleanups.push(() => made.end().catch(() => undefined));
      return made;
    }

    /** A database and a role with pg_monitor of its own, named after the test. */
    async function fresh(name: string): Promise<pg.Client> {
      const admin = await client();
      await admin.query(`create database ${name}`);
      await admin.query(`create role ${name}_stats login password '${password}' in role pg_monitor`);
      return client(name);
    }

    const own = (name: string) => ({
      id: "main",
      kind: "postgres",
      address: `127.0.0.1:${server.port}`,
      user: `${name}_stats`,
      passwordFile,
      database: name,
    });

    async function stats(name: string, ...more: readonly object[]): Promise<Scraped> {
      await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
      exporter = await runExporter(dbStats, { databases: [own(name), ...more] });
      return exporter;
    }

    const of = (page: Shown, name: string): number => page.value(`pg_${name}{database="main"}`) ?? Number.NaN;
    const sessions = async (admin: pg.Client): Promise<number> =>
      (
        await admin.query(
          "select count(*)::int as n from pg_stat_get_activity(null) where application_name = 'vitals-db-stats'",
        )
      ).rows[0].n;

    it("reports transactions, rows, deadlocks and sizes as they were made", async () => {
      const made = await fresh("counted");
      const { metrics } = await stats("counted");
      await made.query("create table things (id int primary key, note text)");
      await made.query("select pg_stat_force_next_flush()");
      const before = await metrics();
      await made.query("insert into things select n, 'x' from generate_series(1, 1000) n");
      for (let index = 0; index < 25; index++) await made.query("update things set note = 'y' where id = 1");
      for (let index = 0; index < 10; index++) {
        await made.query("begin");
        await made.query("delete from things where id <= 3");
        await made.query("rollback");
      }
      await forceDeadlock(made, await client("counted"));
      await made.query("select pg_stat_force_next_flush()");
      const after = await until(async () => {
        const page = await metrics();
        return of(page, "deadlocks_total") === 1 ? page : undefined;
      });
      const grown = (name: string) => of(after, name) - of(before, name);
      expect(grown("tuples_inserted_total")).toBe(1_000);
      // 25 updates, and the deadlock's survivor and victim updated one row each before the victim was rolled back, the survivor two.
      expect(grown("tuples_updated_total")).toBe(25 + 3);
      expect(grown("tuples_deleted_total")).toBe(30);
      expect(grown("transactions_rolled_back_total")).toBe(11);
      expect(grown("deadlocks_total")).toBe(1);
      expect(of(after, "size_bytes")).toBeGreaterThan(5_000_000);
      expect(of(after, "blocks_hit_total")).toBeGreaterThan(of(before, "blocks_hit_total"));
      expect(of(after, "server_version_number")).toBeGreaterThanOrEqual(180_000);
      expect(of(after, "in_recovery")).toBe(0);
      expect(Math.abs(of(after, "start_timestamp_seconds") - Date.now() / 1_000)).toBeLessThan(600);
    }, 30_000);

    it("reports connections by state, the limit, waiting sessions and the oldest transaction", async () => {
      const made = await fresh("connected");
      // Sessions that are over are no backends.
      for (let index = 0; index < 6; index++) await (await client("connected")).end();
      await made.query("create table things (id int)");
      await made.query("begin");
      await made.query("lock table things in access exclusive mode");
      const waiting = await client("connected");
      const blocked = waiting.query("select * from things");
      const failed = await client("connected");
      await failed.query("begin");
      await failed.query("select 1/0").catch(() => undefined);
      const { metrics } = await stats("connected");
      const page = await until(async () => {
        const now = await metrics();
        return of(now, "connections_waiting_for_lock") === 1 ? now : undefined;
      });
      const state = (name: string) => page.value(`pg_connections{database="main",state="${name}"}`);
      expect(state("idle_in_transaction")).toBe(1);
      expect(state("idle_in_transaction_aborted")).toBe(1);
      // The one that waits and the one that asks.
      expect(state("active")).toBe(2);
      expect(state("other")).toBe(0);
      const here = (name: string) => page.value(`pg_database_connections{database="main",state="${name}"}`);
      expect([here("idle_in_transaction"), here("idle_in_transaction_aborted"), here("active")]).toEqual([1, 1, 2]);
      // The administrator is connected to another database.
      expect([state("idle"), here("idle")]).toEqual([1, 0]);
      // A second of the exporter's own stands beside the first while that is held up.
      expect(of(page, "database_backends")).toBeGreaterThanOrEqual(4);
      expect(of(page, "database_backends")).toBeLessThanOrEqual(5);
      expect(of(page, "database_longest_transaction_seconds")).toBeGreaterThan(0);
      expect(of(page, "connections_limit")).toBe(17);
      expect(of(page, "longest_transaction_seconds")).toBeGreaterThan(0);
      expect(of(page, "longest_idle_in_transaction_seconds")).toBeGreaterThan(0);
      await made.query("rollback");
      await blocked;
    });

    it("keeps one connection over many scrapes, read-only and under its own name", async () => {
      await fresh("reused");
      const admin = await client();
      const { metrics, close } = await stats("reused");
      await metrics();
      const pid = async () =>
        (await admin.query("select pid from pg_stat_activity where application_name = 'vitals-db-stats' order by pid"))
          .rows;
      const first = await pid();
      expect(first).toHaveLength(1);
      for (let turn = 0; turn < 50; turn++) await metrics();
      expect(await pid()).toEqual(first);
      await close();
      exporter = undefined;
      await until(async () => (await sessions(admin)) === 0);
    });

    it("asks in read-only transactions alone, each with limits of its collector", async () => {
      const made = await fresh("asked");
      await made.query("alter role asked_stats set log_statement = 'all'");
      const collectors = { settings: { timeout: "700ms" }, bloat: { enabled: false } };
      await writeFile(passwordFile, password, { mode: 0o600 });
      exporter = await runExporter(dbStats, { databases: [{ ...own("asked"), collectors }] });
      const before = server.output().length;
      const page = await exporter.metrics({ "x-prometheus-scrape-timeout-seconds": "3" });
      expect(page.value('collector_success{collector="settings",target="main"}')).toBe(1);
      expect(page.value('collector_success{collector="bloat",target="main"}')).toBeUndefined();
      const asked = await until(() => {
        const found = [
          ...server
            .output()
            .slice(before)
            .matchAll(/statement: (begin[\s\S]*?commit)$/gm),
        ];
        return found.some(([, text]) => text?.includes("pg_settings")) ? found.map(([, text = ""]) => text) : undefined;
      });
      expect(
        server
          .output()
          .slice(before)
          .match(/statement: /g),
      ).toHaveLength(asked.length);
      expect(asked.length).toBeGreaterThan(20);
      for (const text of asked) {
        const [, statement, lock] =
          /^begin transaction read only; set local statement_timeout = (\d+); set local lock_timeout = (\d+); /.exec(
            text,
          ) ?? [];
        // Prometheus' three seconds less the way back; the server gives up before we do.
        const limit = text.includes("from pg_settings where name in") ? 700 : 2_700;
        expect([text.slice(0, 200), Number(statement)]).toEqual([text.slice(0, 200), expect.any(Number)]);
        expect(Number(statement)).toBeGreaterThanOrEqual(50);
        expect(Number(statement)).toBeLessThan(limit);
        expect(Number(lock)).toBeLessThanOrEqual(500);
      }
    });

    it("has at most three connections to all databases together, and shows each", async () => {
      await fresh("many");
      const admin = await client();
      const ids = ["b", "c", "d", "e", "f"];
      await stats("many", ...ids.map((id) => ({ ...own("many"), id })));
      let most = 0;
      for (let turn = 0; turn < 5; turn++) {
        const pages = Promise.all([
          exporter?.metrics(),
          exporter?.metrics(),
          ...ids.map((id) => exporter?.page(`/probe?database=${id}`).then((page) => page.text())),
        ]);
        let asking = true;
        void pages.then(() => {
          asking = false;
        });
        while (asking) most = Math.max(most, await sessions(admin));
        const [page] = await pages;
        for (const id of ["main", ...ids]) expect([id, page?.value(`pg_up{database="${id}"}`)]).toEqual([id, 1]);
      }
      expect(most).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(3);
    }, 30_000);

    it("answers in time with a held exclusive lock on the catalogue of the sizes and many scrapes at once, with at most 3 connections", async () => {
      const made = await fresh("locked");
      const admin = await client();
      const { metrics } = await stats("locked");
      // Every view that shows the name of a database waits for this lock, and so does every new connection.
      expect(of(await metrics(), "up")).toBe(1);
      await made.query("begin");
      await made.query("lock table pg_database in access exclusive mode");
      let most = 0;
      let watching = true;
      const watch = (async () => {
        while (watching) most = Math.max(most, await sessions(admin));
      })();
      const pages = await Promise.all(Array.from({ length: 20 }, () => inTime({ metrics }, 2)));
      watching = false;
      await watch;
      expect(most).toBeLessThanOrEqual(3);
      expect(most).toBeGreaterThan(0);
      for (const page of pages) {
        expect(of(page, "up")).toBe(1);
        expect(page.value('collector_success{collector="transactions",target="main"}')).toBe(0);
        expect(page.value('target_failures_total{target="main",cause="timeout"}')).toBeGreaterThan(0);
      }
      await made.query("rollback");
      await until(async () => of(await metrics(), "transactions_committed_total") > 0);
      // What was opened beside the first has gone again.
      await until(async () => (await metrics()).value("exporter_targets") === 1 && (await sessions(admin)) === 1);
    }, 30_000);

    it("shows down after a crash with a cause and without old values, and up again without a restart of its own", async () => {
      await fresh("crashed");
      const { metrics, lines } = await stats("crashed");
      expect(of(await metrics(), "up")).toBe(1);
      await server.halt("SIGQUIT");
      await metrics();
      await new Promise((resolve) => setTimeout(resolve, 600));
      const page = await metrics();
      expect(of(page, "up")).toBe(0);
      expect([...page.names].filter((name) => name.startsWith("pg_")).toSorted()).toEqual([
        "pg_connection_failures_total",
        "pg_down_reason",
        "pg_up",
      ]);
      expect(page.value('pg_down_reason{database="main",cause="connect"}')).toBe(1);
      expect(page.value('pg_connection_failures_total{database="main",cause="connect"}')).toBeGreaterThan(0);
      await server.resume();
      await until(async () => of(await metrics(), "up") === 1);
      expect(of(await metrics(), "transactions_committed_total")).toBeGreaterThan(0);
      expect(`${(await metrics()).body}${lines.join("")}`).not.toMatch(/canary|127\.0\.0\.1|crashed_stats/i);
    }, 60_000);

    it("reads a rotated password again after a refusal", async () => {
      await fresh("rotated");
      const { metrics } = await stats("rotated");
      await writeFile(passwordFile, "CANARY-old");
      const page = await metrics();
      expect(of(page, "up")).toBe(0);
      expect(page.value('pg_connection_failures_total{database="main",cause="auth"}')).toBe(1);
      expect(page.value('pg_down_reason{database="main",cause="auth"}')).toBe(1);
      await writeFile(passwordFile, password);
      await until(async () => of(await metrics(), "up") === 1);
      // What is connected stays so; whoever connects anew needs the new one.
      const admin = await client();
      await admin.query("alter role rotated_stats password 'CANARY-next'");
      expect(of(await metrics(), "up")).toBe(1);
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vitals-db-stats'",
      );
      await until(async () => (await metrics()).value('pg_down_reason{database="main",cause="auth"}') === 1);
      await writeFile(passwordFile, "CANARY-next");
      await until(async () => of(await metrics(), "up") === 1);
    });

    it("says that the server is full, and recovers when it is not", async () => {
      await fresh("crowded");
      const { metrics } = await stats("crowded");
      const admin = await client();
      await admin.query("alter role crowded_stats connection limit 0");
      const page = await metrics();
      expect(of(page, "up")).toBe(0);
      expect(page.value('pg_connection_failures_total{database="main",cause="full"}')).toBe(1);
      expect(page.value('pg_down_reason{database="main",cause="full"}')).toBe(1);
      await admin.query("alter role crowded_stats connection limit -1");
      await until(async () => of(await metrics(), "up") === 1);
    });

    it("answers in time while another server accepts and never speaks", async () => {
      await fresh("beside");
      const sockets = new Set<Socket>();
      const mute = createServer((socket) => sockets.add(socket));
      await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
      cleanups.push(
        () => new Promise((resolve) => mute.close(resolve)),
        () => {
          for (const socket of sockets) socket.destroy();
        },
      );
      const { port } = mute.address() as { port: number };
      const { configure, metrics } = await stats("beside");
      await metrics();
      const entry = { id: "mute", kind: "postgres", address: `127.0.0.1:${port}`, user: "u", passwordFile };
      await configure({ databases: [own("beside"), entry] });
      const page = await until(async () => {
        const shown = await inTime({ metrics }, 1);
        return shown.names.has("pg_down_reason") ? shown : undefined;
      });
      expect(of(page, "up")).toBe(1);
      expect(page.value('pg_down_reason{database="mute",cause="timeout"}')).toBe(1);
    });
  },
);

/** Two sessions take two rows crosswise; the server ends one of them. */
async function forceDeadlock(one: pg.Client, two: pg.Client): Promise<void> {
  await one.query("begin");
  await two.query("begin");
  await one.query("update things set note = 'a' where id = 10");
  await two.query("update things set note = 'b' where id = 20");
  const results = await Promise.allSettled([
    one.query("update things set note = 'a' where id = 20"),
    two.query("update things set note = 'b' where id = 10"),
  ]);
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
  await one.query("commit").catch(() => undefined);
  await two.query("commit").catch(() => undefined);
  for (const each of [one, two]) await each.query("select pg_stat_force_next_flush()");
}
