import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inOtherNames } from "../../exporters/db-stats/compat.ts";
import { type Known, postgresNames, redisNames } from "../../exporters/db-stats/established.ts";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { rows } from "../../telemetry/catalogue/index.ts";
import { namesNotThere } from "../../tools/bench/names-not-there.ts";

const all = { ...postgresNames, ...redisNames };

describe("names that other exporters use", () => {
  it("stand in the docs beside ours, all of them and no others", async () => {
    const text = await readFile(join(import.meta.dirname, "../../docs/db-stats.md"), "utf8");
    const table = [...text.matchAll(/^\| `((?:pg|redis)_\w+)` \| `(\S+)`/gm)].map(
      ([, theirs, ours]) => `${theirs} ${ours}`,
    );
    // Settings are one row for each unit.
    const rows = Object.entries<Known>(all).map(([theirs, { from, only }]) =>
      only === undefined ? `${theirs} ${from}` : `${theirs.replace(only[1], "NAME")} ${from}{${only[0]}="NAME"}`,
    );
    expect(table).toEqual([...new Set(rows)]);
  });

  it("are said not to be there, with the reason, only where none of them is", async () => {
    const names = Object.keys(dbStats.rows);
    const absent = await namesNotThere();
    expect(absent.length).toBeGreaterThan(50);
    for (const { written, matches } of absent) expect([written, names.filter(matches)]).toEqual([written, []]);
    expect(absent.some(({ matches }) => matches("pg_statio_user_tables_heap_blocks_hit"))).toBe(true);
  });

  it("are none of ours, and stand for one of ours", () => {
    for (const [theirs, { from }] of Object.entries(all)) {
      expect([theirs, Object.hasOwn(rows, theirs)]).toEqual([theirs, false]);
      expect([from, Object.hasOwn(rows, from)]).toEqual([from, true]);
    }
    for (const theirs of Object.keys(all)) expect(Object.keys(dbStats.rows)).toContain(theirs);
  });

  it("carry the labels and the unit that they are known by", () => {
    const samples = [
      { metric: "pg_blocks_read_seconds_total", labels: {}, value: 1.5 },
      { metric: "pg_table_dead_rows", labels: { schema: "public", table: "visits" }, value: 7 },
      { metric: "redis_command_calls_total", labels: { command: "get" }, value: 3 },
      { metric: "pg_up", labels: {}, value: 1 },
      { metric: "pg_setting_bytes", labels: { setting: "work_mem" }, value: 4_194_304 },
      { metric: "pg_setting_bytes", labels: { setting: "no_such_setting" }, value: 1 },
      { metric: "pg_setting_number", labels: { setting: "superuser_reserved_connections" }, value: 3 },
      { metric: "pg_database_connections", labels: { state: "idle_in_transaction_aborted" }, value: 2 },
      { metric: "pg_locks_granted", labels: { mode: "AccessShareLock" }, value: 4 },
      { metric: "pg_server_version_number", labels: {}, value: 180_004 },
      { metric: "redis_primary", labels: {}, value: 0 },
      { metric: "redis_command_latency_seconds", labels: { command: "get", percentile: "99.9" }, value: 0.25 },
    ];
    expect(inOtherNames(samples, "clinic")).toEqual([
      { metric: "pg_stat_database_blk_read_time", labels: { datname: "clinic" }, value: 1_500 },
      {
        metric: "pg_stat_user_tables_n_dead_tup",
        labels: { schemaname: "public", relname: "visits", datname: "clinic" },
        value: 7,
      },
      { metric: "redis_commands_total", labels: { cmd: "get" }, value: 3 },
      { metric: "pg_settings_work_mem_bytes", labels: {}, value: 4_194_304 },
      { metric: "pg_settings_superuser_reserved_connections", labels: {}, value: 3 },
      {
        metric: "pg_stat_activity_count",
        labels: { state: "idle in transaction (aborted)", datname: "clinic" },
        value: 2,
      },
      { metric: "pg_locks_count", labels: { mode: "accesssharelock", datname: "clinic" }, value: 4 },
      { metric: "pg_static", labels: { short_version: "18.4.0" }, value: 1 },
      { metric: "redis_instance_info", labels: { role: "slave" }, value: 1 },
      { metric: "redis_latency_percentiles_usec", labels: { cmd: "get", quantile: "99.9" }, value: 250_000 },
    ]);
  });
});
