import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inOtherNames, type Known, postgresNames, redisNames } from "../../exporters/db-stats/compat.ts";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { rows } from "../../telemetry/catalogue/index.ts";

const all = { ...postgresNames, ...redisNames };

describe("names that other exporters use", () => {
  it("stand in the docs beside ours, all of them and no others", async () => {
    const text = await readFile(join(import.meta.dirname, "../../docs/db-stats.md"), "utf8");
    const table = [...text.matchAll(/^\| `((?:pg|redis)_\w+)` \| `(\S+)`/gm)].map(([, theirs, ours]) => [theirs, ours]);
    const selector = (only: readonly [string, string] | undefined) => (only ? `{${only[0]}="${only[1]}"}` : "");
    expect(table).toEqual(
      Object.entries<Known>(all).map(([theirs, { from, only }]) => [theirs, `${from}${selector(only)}`]),
    );
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
      { metric: "pg_setting_bytes", labels: { setting: "wal_buffers" }, value: 1 },
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
    ]);
  });
});
