// db-stats and a PostgreSQL with which something is wrong: it says what, shows what it can, and recovers by itself.
import { readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { type Certificate, selfSigned } from "../../tools/certificate.ts";
import { until } from "../support/ports.ts";
import { postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inTime, runExporter, type Scraped, type Shown } from "./scraped.ts";

const password = "trouble-password";
const missing = postgresMissing();
/** Asked anew at every scrape. */
const collectors = Object.fromEntries(
  postgresCollectors.filter(({ ttl }) => ttl !== undefined).map(({ name }) => [name, { ttl: "10ms" }]),
);
const failing = (page: Shown, target = "main"): readonly string[] =>
  postgresCollectors
    .map(({ name }) => name)
    .filter((name) => page.value(`collector_success{collector="${name}",target="${target}"}`) !== 1);

/** Calls of all statements of a database, or those of one series. */
const calls = (page: Shown, queryid = '[^"]*', id = "main"): number =>
  [
    ...page.body.matchAll(
      new RegExp(`^pg_statement_calls_total\\{database="${id}",queryid="${queryid}"\\} (\\d+)$`, "gm"),
    ),
  ].reduce((sum, [, value]) => sum + Number(value), 0);

describe.skipIf(missing !== undefined)(`db-stats in trouble${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestPostgres;
  let folder: string;
  let entry: Readonly<Record<string, unknown>>;
  let exporter: Scraped | undefined;
  const cleanups: (() => unknown)[] = [];

  async function client(port = server.port, user = server.user): Promise<pg.Client> {
    const made = new pg.Client({ host: "127.0.0.1", port, user, password, database: "postgres" });
    made.on("error", () => undefined);
    await made.connect();
    cleanups.push(() => made.end().catch(() => undefined));
    return made;
  }

  const stats = async (...databases: readonly object[]): Promise<Scraped> => {
    exporter = await runExporter(dbStats, { databases: databases.map((more) => ({ ...entry, ...more })) });
    return exporter;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-pg-trouble-"));
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, password, { mode: 0o600 });
    server = await startPostgres({
      password,
      settings: { shared_preload_libraries: "pg_stat_statements", max_connections: "20", autovacuum: "off" },
    });
    const admin = await client();
    await admin.query(`create role stats login password '${password}' in role pg_monitor`);
    // What the exporter asks itself would be counted, too.
    await admin.query("alter role stats set pg_stat_statements.track = 'none'");
    const address = `127.0.0.1:${server.port}`;
    entry = { id: "main", kind: "postgres", address, user: "stats", passwordFile, collectors };
  }, 60_000);

  afterAll(async () => {
    await server?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    vi.useRealTimers();
    await exporter?.close();
    exporter = undefined;
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  it("follows an address to the standby that took over, and tells either part of each server", async () => {
    const first = await client();
    await first.query("create extension pg_stat_statements");
    await first.query("select 'counted before the copy'");
    const standby = await startPostgres({
      standbyOf: server,
      settings: {
        max_connections: "20",
        max_standby_streaming_delay: "0",
        shared_preload_libraries: "pg_stat_statements",
      },
    });
    cleanups.push(async () => (await client()).query("drop extension pg_stat_statements"));
    cleanups.push(() => standby.stop());
    const way = await relay(() => server.port);
    cleanups.push(way.close);
    const { metrics } = await stats(
      { address: `127.0.0.1:${way.port}` },
      { id: "standby", address: `127.0.0.1:${standby.port}` },
    );
    const before = await until(async () => {
      const page = await metrics();
      const [receiving, lag] = ["receiving", "lag_seconds"].map((name) =>
        page.value(`pg_standby_${name}{database="standby"}`),
      );
      return receiving === 1 && lag === 0 ? page : undefined;
    }, 20_000);
    expect(before.value('pg_in_recovery{database="main"}')).toBe(0);
    expect(before.value('pg_in_recovery{database="standby"}')).toBe(1);
    expect(before.value('pg_replicas{database="main",state="streaming"}')).toBe(1);
    expect(failing(before)).toEqual([]);
    expect(failing(before, "standby")).toEqual([]);

    // What vacuum removes on the primary a query on the standby may still want to see.
    const writer = await client();
    const reader = await client(standby.port);
    await writer.query("create table removed as select n from generate_series(1, 1000) n");
    await until(async () => (await reader.query("select to_regclass('removed') is not null as there")).rows[0].there);
    await reader.query("begin isolation level repeatable read; select count(*) from removed");
    await writer.query("delete from removed");
    await writer.query("vacuum removed");
    await until(async () => (await metrics()).value('pg_conflicts_total{database="standby"}') === 1, 20_000);
    expect((await metrics()).value('pg_conflicts_total{database="main"}')).toBe(0);

    // What was done on the standby while we did not ask it there is not what the address has done since.
    const beside = await client(standby.port);
    for (let n = 0; n < 30; n++) await beside.query("select 'on the standby'");
    await writer.query("select 'on the primary'");
    const counted = calls(await metrics());
    expect(counted).toBeGreaterThan(0);
    await server.halt("SIGKILL");
    cleanups.push(() => server.resume());
    const lost = await metrics();
    expect(lost.value('pg_up{database="main"}')).toBe(0);
    expect(lost.value('pg_down_reason{database="main",cause="connect"}')).toBe(1);
    expect(lost.names.has("pg_wal_written_bytes_total")).toBe(false);
    await until(async () => (await metrics()).value('pg_standby_receiving{database="standby"}') === 0);

    const admin = await client(standby.port);
    await admin.query("set pg_stat_statements.track = 'none'");
    expect((await admin.query("select sum(calls)::int as n from pg_stat_statements")).rows[0].n).toBeGreaterThan(20);
    await admin.query("select pg_promote()");
    way.to(() => standby.port);
    const after = await until(async () => {
      const page = await metrics();
      return page.value('pg_up{database="main"}') === 1 && failing(page).length === 0 ? page : undefined;
    });
    expect(after.value('pg_in_recovery{database="main"}')).toBe(0);
    expect(calls(after)).toBeLessThanOrEqual(counted);
    for (let n = 0; n < 4; n++) await beside.query("select 'after the failover'");
    expect(calls(await metrics())).toBe(calls(after) + 4);
    expect(after.value('pg_standby_receiving{database="standby"}')).toBeUndefined();
    const { rows } = await admin.query(
      "select count(*)::int as n from pg_stat_activity where application_name = 'vitals-db-stats'",
    );
    expect(rows[0].n).toBeLessThanOrEqual(3);
  }, 60_000);

  it.each(["1 hour", "-1 hour"])(
    "tells by the primary's clock how far a standby is behind whose own is %s ahead, and nothing while there is nothing to replay",
    async (ahead) => {
      const admin = await client();
      // A server's clock is the machine's: on this standby, what it says of it is another.
      await admin.query(`
        set allow_system_table_mods = on;
        create function pg_catalog.ahead() returns interval language sql stable
          as $$ select coalesce(current_setting('clock.ahead', true), '0')::interval $$;
        create function pg_catalog.machine_clock() returns timestamptz language internal volatile as 'clock_timestamp';
        create or replace function pg_catalog.clock_timestamp() returns timestamptz language sql volatile
          as $$ select pg_catalog.machine_clock() + pg_catalog.ahead() $$;
        alter view pg_stat_wal_receiver rename to machine_wal_receiver;
        create view pg_catalog.pg_stat_wal_receiver as
          select status, last_msg_send_time, last_msg_receipt_time + pg_catalog.ahead() as last_msg_receipt_time
            from pg_catalog.machine_wal_receiver;
        grant select on pg_stat_wal_receiver to public`);
      cleanups.push(async () =>
        (await client()).query(`
          set allow_system_table_mods = on;
          create or replace function pg_catalog.clock_timestamp() returns timestamptz language internal volatile as 'clock_timestamp';
          drop view pg_catalog.pg_stat_wal_receiver;
          alter view pg_catalog.machine_wal_receiver rename to pg_stat_wal_receiver;
          drop function pg_catalog.machine_clock, pg_catalog.ahead`),
      );
      const standby = await startPostgres({
        standbyOf: server,
        settings: { max_connections: "20", "clock.ahead": ahead },
      });
      cleanups.push(() => standby.stop());
      const { metrics } = await stats({ address: `127.0.0.1:${standby.port}` });
      const value = async (name: string) => (await metrics()).value(`pg_${name}{database="main"}`);
      const lag = () => value("standby_lag_seconds");
      const writer = await client();
      const reader = await client(standby.port);
      await writer.query("create table written as select 1 as n");
      await until(async () => (await reader.query("select to_regclass('written') is not null as there")).rows[0].there);
      await until(async () => (await lag()) === 0);
      await reader.query("select pg_wal_replay_pause()");
      const began = performance.now();
      const { rows } = await reader.query(
        "select extract(epoch from machine_clock() - pg_last_xact_replay_timestamp())::float8 as age",
      );
      await writer.query("drop table written");
      const behind = await until(lag, 10_000);
      expect(behind).toBeGreaterThan(0);
      expect(behind).toBeLessThan(rows[0].age + (performance.now() - began) / 1_000);
      const bytes = await reader.query(
        "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::int as n",
      );
      expect(bytes.rows[0].n).toBeGreaterThan(0);
      expect(await value("standby_lag_bytes")).toBeGreaterThanOrEqual(bytes.rows[0].n);
      await reader.query("select pg_wal_replay_resume()");
      await until(async () => (await lag()) === 0);
    },
    60_000,
  );

  it("tells of a primary how far its standby is behind, and which old rows that keeps", async () => {
    const standby = await startPostgres({
      standbyOf: server,
      settings: { max_connections: "20", hot_standby_feedback: "on", wal_receiver_status_interval: "1s" },
    });
    cleanups.push(() => standby.stop());
    const { metrics } = await stats({});
    const value = async (name: string, labels = "") =>
      (await metrics()).value(`pg_${name}{database="main"${labels}}`) ?? 0;
    const [writer, reader] = [await client(), await client(standby.port)];
    const write = () => writer.query("select pg_logical_emit_message(true, '', 'written')");
    // What somebody looks at there is kept here; while nothing is replayed, it is behind.
    await reader.query("begin isolation level repeatable read; select pg_wal_replay_pause()");
    const before = await writer.query("select pg_current_wal_lsn() as lsn");
    for (let n = 0; n < 5; n++) await write();
    const { rows } = await writer.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::int as n", [
      before.rows[0].lsn,
    ]);
    expect(rows[0].n).toBeGreaterThan(0);
    await until(async () => (await value("replica_lag_bytes")) >= rows[0].n);
    await until(async () => (await value("xmin_age_xids", ',holder="standby"')) >= 5);
    await (await client(standby.port)).query("select pg_wal_replay_resume()");
    await until(async () => {
      await write();
      return (await value("replica_lag_seconds")) > 0;
    });
  }, 30_000);

  it("says that a slot is lost when the WAL that it needs is gone", async () => {
    const admin = await client();
    await admin.query("select pg_create_physical_replication_slot('left', true)");
    cleanups.push(async () => {
      const again = await client();
      await again.query("select pg_drop_replication_slot('left')");
      await again.query("alter system reset max_slot_wal_keep_size");
      await again.query("select pg_reload_conf()");
    });
    const { metrics } = await stats({});
    const slot = async (name: string) =>
      (await metrics()).value(`pg_replication_slot_${name}{database="main",slot="left"}`);
    expect([await slot("active"), await slot("lost")]).toEqual([0, 0]);
    expect(await slot("retained_bytes")).toBeGreaterThan(0);
    await admin.query("alter system set max_slot_wal_keep_size = '1MB'");
    await admin.query("select pg_reload_conf()");
    await until(async () => {
      await admin.query("select pg_logical_emit_message(true, '', ''), pg_switch_wal()");
      await admin.query("checkpoint");
      return (await slot("lost")) === 1;
    }, 20_000);
    expect(await slot("retained_bytes")).toBe(0);
  }, 30_000);

  it("keeps to the time that a scrape has while every answer is late, shows what came, and has all again afterwards", async () => {
    const way = await relay(() => server.port);
    cleanups.push(way.close);
    const { metrics } = await stats({ address: `127.0.0.1:${way.port}` });
    await metrics();
    way.late(120);
    const page = await inTime({ metrics }, 2);
    expect(page.value('pg_up{database="main"}')).toBe(1);
    const behind = failing(page);
    expect(behind.length).toBeGreaterThan(0);
    expect(behind.length).toBeLessThan(postgresCollectors.length);
    expect(page.value('target_failures_total{target="main",cause="timeout"}')).toBe(behind.length);
    way.late(0);
    await until(async () => failing(await metrics()).length === 0, 20_000);
  }, 30_000);

  it("tells a clock that differs, and loses nothing by it", async () => {
    const { metrics } = await stats({});
    const apart = async () => (await metrics()).value('pg_clock_skew_seconds{database="main"}') ?? Number.NaN;
    expect(Math.abs(await apart())).toBeLessThan(1);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    expect(Math.abs((await apart()) + 3_600)).toBeLessThan(1);
    vi.setSystemTime(Date.now() - 7_200_000);
    expect(Math.abs((await apart()) - 3_600)).toBeLessThan(1);
    const page = await metrics();
    expect(failing(page)).toEqual([]);
    expect(page.value('pg_longest_transaction_seconds{database="main"}')).toBeLessThan(60);
  });

  it("says that pg_stat_statements is not there, has it once it is, and only grows when it is reset", async () => {
    const admin = await client();
    const { metrics } = await stats({});
    const there = 'pg_extension_available{database="main",extension="pg_stat_statements"}';
    const absent = await metrics();
    expect(absent.value(there)).toBe(0);
    expect(absent.names.has("pg_statement_calls_total")).toBe(false);
    expect(failing(absent)).toEqual([]);
    await admin.query("create extension pg_stat_statements");
    expect((await metrics()).value(there)).toBe(1);
    for (let n = 0; n < 40; n++) await admin.query("select 'before'::text");
    const before = calls(await metrics());
    expect(before).toBeGreaterThanOrEqual(40);
    await admin.query("select pg_stat_statements_reset()");
    for (let n = 0; n < 30; n++) await admin.query("select 'after'::text");
    expect(calls(await metrics())).toBeGreaterThanOrEqual(before + 30);
    await admin.query("drop extension pg_stat_statements");
    await until(async () => (await metrics()).value(there) === 0);
  });

  it.each(["1.8", "1.9", ""])(
    "counts every call once, listed or in other, also when a user's entries go (pg_stat_statements %s)",
    async (version) => {
      const admin = await client();
      await admin.query("set pg_stat_statements.track = 'none'");
      await admin.query(`create extension pg_stat_statements ${version === "" ? "" : `version '${version}'`}`);
      cleanups.push(async () =>
        (await client()).query("drop extension pg_stat_statements; drop role anna; drop role ben"),
      );
      for (const name of ["anna", "ben"]) await admin.query(`create role ${name} login password '${password}'`);
      const [anna, ben] = [await client(server.port, "anna"), await client(server.port, "ben")];
      const times = async (who: pg.Client, n: number, text: string): Promise<void> => {
        for (let turn = 0; turn < n; turn++) await who.query(text);
      };
      await times(anna, 6, "select count(*) from generate_series(1, 300000)");
      await times(ben, 7, "select 1 as one");
      const { metrics } = await stats({ limits: { statements: 1 } });
      const first = await metrics();
      expect([failing(first), calls(first)]).toEqual([[], 0]);
      await times(anna, 3, "select count(*) from generate_series(1, 300000)");
      await times(anna, 40, "select 1 as one");
      await times(ben, 3, "select 1 as one");
      await times(ben, 5, "select 1 as one, 2 as two");
      const page = await metrics();
      expect([calls(page), calls(page, "other")]).toEqual([3 + 48, 48]);
      expect(page.names.has("pg_statements_evicted_total")).toBe(version !== "1.8");
      await admin.query("select pg_stat_statements_reset('anna'::regrole::oid)");
      // The slowest was of anna alone: it is not listed any more.
      expect(calls(await metrics())).toBe(48);
      await times(ben, 2, "select 1 as one");
      await times(anna, 4, "select 1 as one");
      expect(calls(await metrics())).toBe(48 + 6);
    },
  );

  it("names the grant that is missing, shows what may be seen without it, and all once it is given", async () => {
    const admin = await client();
    await admin.query(`create role bare login password '${password}'`);
    const { metrics, lines } = await stats({ user: "bare" });
    const page = await metrics();
    expect(page.value('pg_up{database="main"}')).toBe(1);
    expect(page.value('pg_grant_missing{database="main",grant="pg_monitor"}')).toBe(1);
    expect(lines.join("")).toContain('"grant":"pg_monitor"');
    expect(failing(page)).toEqual(["wal"]);
    expect(page.value('target_failures_total{target="main",cause="permission"}')).toBe(1);
    await admin.query("grant pg_monitor to bare");
    const granted = await until(async () => {
      const now = await metrics();
      return failing(now).length === 0 ? now : undefined;
    });
    expect(granted.value('pg_grant_missing{database="main",grant="pg_monitor"}')).toBe(0);
  });

  it("says full while every connection is taken by others, and is back when one is free", async () => {
    const { metrics } = await stats({});
    const admin = await client();
    await admin.query(`create role crowd login password '${password}'`);
    const crowd: pg.Client[] = [];
    for (;;) {
      const one = new pg.Client({
        host: "127.0.0.1",
        port: server.port,
        user: "crowd",
        password,
        database: "postgres",
      });
      one.on("error", () => undefined);
      const refused = await one.connect().then(
        () => undefined,
        (error: { readonly code?: string }) => error.code,
      );
      if (refused !== undefined) {
        expect(refused).toBe("53300");
        break;
      }
      crowd.push(one);
    }
    const page = await metrics();
    expect(page.value('pg_up{database="main"}')).toBe(0);
    expect(page.value('pg_down_reason{database="main",cause="full"}')).toBe(1);
    expect(page.value('pg_connection_failures_total{database="main",cause="full"}')).toBeGreaterThan(0);
    await Promise.all(crowd.map((each) => each.end()));
    const free = await until(async () => {
      const now = await metrics();
      return now.value('pg_up{database="main"}') === 1 ? now : undefined;
    });
    expect(free.value('pg_connections_limit{database="main"}')).toBe(17);
  });

  /** Switches TLS on with these files in the data directory, and what pg_hba.conf says before all else. */
  async function secure(
    admin: pg.Client,
    files: Readonly<Record<string, string>>,
    settings: Readonly<Record<string, string>>,
    firstRule = "",
  ): Promise<void> {
    for (const [name, text] of Object.entries(files)) await serverFile(admin, name, text);
    await chmod(join(server.data, "server.key"), 0o600);
    for (const [name, value] of Object.entries(settings)) await admin.query(`alter system set ${name} = ${value}`);
    const rules = readFileSync(join(server.data, "pg_hba.conf"), "utf8");
    server.write("data/pg_hba.conf", `${firstRule}\n${rules}`);
    await admin.query("select pg_reload_conf()");
    cleanups.push(async () => {
      server.write("data/pg_hba.conf", rules);
      for (const name of Object.keys(settings)) await admin.query(`alter system reset ${name}`);
      await admin.query("select pg_reload_conf()");
    });
    await until(async () => (await admin.query("show ssl")).rows[0].ssl === "on");
  }

  /** The server writes it itself, so that it is its own. */
  const serverFile = (admin: pg.Client, name: string, text: string) =>
    admin.query(
      `copy (select line from unnest(string_to_array('${text.trim()}', e'\\n')) with ordinality as t(line, n) order by n)
         to '${server.data}/${name}'`,
    );

  const validity = () => [new Date(Date.now() - 60_000), new Date(Date.now() + 3_600_000)] as const;

  it("reads a server over TLS whose certificate is trusted for its name, and a new authority without a restart", async () => {
    const admin = await client();
    const name = "database.internal";
    const [certificate, other] = [selfSigned(name, ...validity()), selfSigned(name, ...validity())];
    await secure(admin, { "server.crt": certificate.cert, "server.key": certificate.key }, { ssl: "on" });
    const caFile = join(folder, "ca.pem");
    await writeFile(caFile, other.cert);
    const address = `localhost:${server.port}`;
    const { metrics } = await stats(
      { tls: { caFile, serverName: name } },
      { id: "at-a-name", address, tls: { caFile, serverName: name } },
      { id: "of-its-address", address, tls: { caFile } },
      { id: "of-a-third", address, tls: { caFile, serverName: "elsewhere" } },
      { id: "of-an-ip", tls: { caFile, serverName: "127.0.0.9" } },
    );
    const refused = await metrics();
    for (const id of ["main", "at-a-name"])
      expect(refused.value(`pg_down_reason{database="${id}",cause="tls"}`)).toBe(1);
    await writeFile(caFile, certificate.cert);
    const trusted = await until(async () => {
      const page = await metrics();
      return ["main", "at-a-name"].every((id) => page.value(`pg_up{database="${id}"}`) === 1) ? page : undefined;
    });
    for (const id of ["of-its-address", "of-a-third", "of-an-ip"])
      expect(trusted.value(`pg_down_reason{database="${id}",cause="tls"}`)).toBe(1);
    const { rows } = await admin.query(
      "select bool_and(ssl) as all from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'vitals-db-stats'",
    );
    expect(rows[0].all).toBe(true);
  });

  it("shows the certificate that a server demands, a rotated one without a restart, and says why another is refused", async () => {
    const admin = await client();
    const certificate = selfSigned("localhost", ...validity());
    const [first, second, unknown] = [1, 2, 3].map(() => selfSigned("stats", ...validity())) as [
      Certificate,
      Certificate,
      Certificate,
    ];
    const someone = selfSigned("someone", ...validity());
    const over = selfSigned("stats", new Date(Date.now() - 120_000), new Date(Date.now() - 60_000));
    const trusted = (...certificates: readonly { readonly cert: string }[]): Promise<unknown> =>
      serverFile(admin, "clients.crt", certificates.map(({ cert }) => cert).join(""));
    await trusted(first, someone, over);
    await secure(
      admin,
      { "server.crt": certificate.cert, "server.key": certificate.key },
      { ssl: "on", ssl_ca_file: "'clients.crt'" },
      "hostssl all stats 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
    );
    const [caFile, certFile, keyFile] = ["ca.pem", "client.pem", "client.key"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(caFile, certificate.cert);
    const tls = { caFile, serverName: "localhost" };
    const { metrics } = await stats({ tls: { ...tls, certFile, keyFile } }, { id: "without", tls });
    const show = async ({ cert }: { readonly cert: string }, { key }: { readonly key: string }): Promise<void> => {
      await writeFile(certFile, cert);
      await writeFile(keyFile, key);
      await admin.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'vitals-db-stats'",
      );
    };
    const accepted = () => until(async () => failing(await metrics()).length === 0, 10_000);
    /** The next connect fails for this cause. */
    const refused = async (cause: string): Promise<void> => {
      const count = async () =>
        (await metrics()).value(`pg_connection_failures_total{database="main",cause="${cause}"}`);
      const before = (await count()) ?? Number.NaN;
      await until(async () => ((await count()) ?? 0) > before, 10_000);
      const page = await metrics();
      expect(page.value(`pg_down_reason{database="main",cause="${cause}"}`)).toBe(1);
      expect(page.value('pg_down_reason{database="without",cause="auth"}')).toBe(1);
    };
    await show(first, first);
    await accepted();
    const { rows } = await admin.query(
      "select client_dn from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'vitals-db-stats'",
    );
    expect(rows).toEqual([{ client_dn: "/CN=stats" }]);
    const wrong = [
      ["auth", someone, someone],
      ["tls", unknown, unknown],
      ["tls", over, over],
      ["tls", first, second],
      ["tls", { cert: "no certificate" }, second],
    ] as const;
    for (const [cause, cert, key] of wrong) {
      await show(cert, key);
      await refused(cause);
    }
    await trusted(second);
    await admin.query("select pg_reload_conf()");
    await show(first, first);
    await refused("tls");
    await show(second, second);
    await accepted();
  }, 60_000);

  it("counts a page that is not as it was written", async () => {
    const admin = await client();
    await admin.query("create table broken as select n from generate_series(1, 1000) n");
    const { rows } = await admin.query("select pg_relation_filepath('broken') as path");
    await admin.end();
    await server.halt();
    const file = join(server.data, rows[0].path);
    const pages = readFileSync(file);
    pages.fill(0xff, 4_000, 4_100);
    writeFileSync(file, pages);
    await server.resume();
    const reader = await client();
    await expect(reader.query("select count(*) from broken")).rejects.toThrow("invalid page");
    await reader.query("select pg_stat_force_next_flush()");
    const { metrics } = await stats({});
    const page = await until(async () => {
      const now = await metrics();
      return now.value('pg_checksum_failures_total{database="main"}') === 1 ? now : undefined;
    });
    const last = page.value('pg_checksum_last_failure_timestamp_seconds{database="main"}') ?? 0;
    expect(Math.abs(last - Date.now() / 1_000)).toBeLessThan(60);
    await reader.query("drop table broken");
  }, 30_000);

  it("reads bloat by pgstattuple_approx where that is asked for, and says when it is not there", async () => {
    const admin = await client();
    const { metrics } = await stats({ bloat: "approx" });
    const there = 'pg_extension_available{database="main",extension="pgstattuple"}';
    expect((await metrics()).value(there)).toBe(0);
    await admin.query("create extension pgstattuple");
    await admin.query("create table swollen as select n, repeat('x', 200) as text from generate_series(1, 20000) n");
    await admin.query("delete from swollen where n % 2 = 0");
    await admin.query("vacuum analyze swollen");
    const { rows } = await admin.query(
      "select dead_tuple_len + approx_free_space as bytes from pgstattuple_approx('swollen')",
    );
    const page = await metrics();
    expect(page.value(there)).toBe(1);
    const bytes = page.value('pg_table_bloat_bytes{database="main",schema="public",table="swollen"}');
    expect(bytes).toBe(Number(rows[0].bytes));
    expect(bytes).toBeGreaterThan(2_000_000);
  });
});

interface Relay {
  readonly port: number;
  /** Leads new connections elsewhere; those that are open end. */
  to(port: () => number): void;
  /** Holds back each piece of an answer for so many milliseconds. */
  late(ms: number): void;
  close(): Promise<void>;
}

/** A way to a server, as a load balancer's or a bad network's. */
async function relay(first: () => number): Promise<Relay> {
  let [port, delay] = [first, 0];
  const sockets = new Set<Socket>();
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server: Server = createServer((near) => {
    const far = connect(port(), "127.0.0.1");
    let before = Promise.resolve();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    near.on("data", (piece) => far.write(piece));
    far.on("data", (piece) => {
      const wait = sleep(delay);
      before = Promise.all([before, wait]).then(() => void (near.destroyed || near.write(piece)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { readonly port: number }).port,
    to: (next) => {
      port = next;
      end();
    },
    late: (ms) => {
      delay = ms;
    },
    close: () => {
      end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
