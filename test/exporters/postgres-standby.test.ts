// db-stats and servers that follow each other: standbys, failovers, what keeps WAL and old rows.
import { describe, expect, it } from "vitest";
import { until } from "../support/ports.ts";
import { postgresMissing, startPostgres } from "../support/postgres.ts";
import { relay } from "./relay.ts";
import { calls, failing, trouble } from "./trouble.ts";

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`db-stats and a standby${missing === undefined ? "" : ` (${missing})`}`, () => {
  const db = trouble();
  const { cleanups, client, stats } = db;

  it("follows an address to the standby that took over, and tells either part of each server", async () => {
    const first = await client();
    await first.query("create extension pg_stat_statements");
    await first.query("select 'counted before the copy'");
    const standby = await startPostgres({
      standbyOf: db.server,
      settings: {
        max_connections: "20",
        max_standby_streaming_delay: "0",
        shared_preload_libraries: "pg_stat_statements",
      },
    });
    cleanups.push(async () => (await client()).query("drop extension pg_stat_statements"));
    cleanups.push(() => standby.stop());
    const way = await relay(() => db.server.port);
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
    await db.server.halt("SIGKILL");
    cleanups.push(() => db.server.resume());
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
        standbyOf: db.server,
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
      standbyOf: db.server,
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
});
