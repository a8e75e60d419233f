// db-stats and a PostgreSQL with which something is wrong: it says what, shows what it can, and recovers by itself.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterEach, describe, expect, it, vi } from "vitest";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { until } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { relay } from "./relay.ts";
import { inTime } from "./scraped.ts";
import { calls, failing, password, trouble } from "./trouble.ts";

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`db-stats in trouble${missing === undefined ? "" : ` (${missing})`}`, () => {
  const db = trouble();
  const { cleanups, client, stats } = db;

  afterEach(() => {
    vi.useRealTimers();
  });

  it("keeps to the time that a scrape has while every answer is late, shows what came, and has all again afterwards", async () => {
    const way = await relay(() => db.server.port);
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
      const [anna, ben] = [await client(db.server.port, "anna"), await client(db.server.port, "ben")];
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
        port: db.server.port,
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

  it("counts a page that is not as it was written", async () => {
    const admin = await client();
    await admin.query("create table broken as select n from generate_series(1, 1000) n");
    const { rows } = await admin.query("select pg_relation_filepath('broken') as path");
    await admin.end();
    await db.server.halt();
    const file = join(db.server.data, rows[0].path);
    const pages = readFileSync(file);
    pages.fill(0xff, 4_000, 4_100);
    writeFileSync(file, pages);
    await db.server.resume();
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
