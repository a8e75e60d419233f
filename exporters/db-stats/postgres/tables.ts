// Tables: vacuum and analyze, dead rows, scans. All of it is statistics; no table is touched.

import type { PostgresCollector } from "./connection.ts";
import { type Cells, cutOff, ownSchemas, samplesOf } from "./tabular.ts";

const each = [
  "pg_table_live_rows",
  "pg_table_dead_rows",
  "pg_table_modified_since_analyze_rows",
  "pg_table_last_vacuum_timestamp_seconds",
  "pg_table_last_analyze_timestamp_seconds",
  "pg_table_frozen_age_xids",
  "pg_table_sequential_scans_total",
  "pg_table_index_scans_total",
] as const;
const together = ["pg_dead_rows", "pg_live_rows", "pg_tables_never_vacuumed", "pg_tables_never_analyzed"] as const;

export const tables: PostgresCollector = {
  name: "tables",
  emits: [...each, ...together],
  timeout: "8s",
  ttl: "1m",
  collect: async ({ query, dropped, settings: { limits } }) => {
    const rows = await query<Cells>(`
      with seen as materialized (
             select c.oid, n.nspname as schema, c.relname as "table", c.relpages,
                    coalesce(nullif(age(c.relfrozenxid), 2147483647), 0) as frozen,
                    pg_stat_get_live_tuples(c.oid) as live, pg_stat_get_dead_tuples(c.oid) as dead,
                    greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) as vacuumed,
                    greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) as analyzed
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname not in ${ownSchemas})
      select schema, "table", live as pg_table_live_rows, dead as pg_table_dead_rows,
             pg_stat_get_mod_since_analyze(oid) as pg_table_modified_since_analyze_rows,
             extract(epoch from vacuumed) as pg_table_last_vacuum_timestamp_seconds,
             extract(epoch from analyzed) as pg_table_last_analyze_timestamp_seconds,
             frozen as pg_table_frozen_age_xids,
             pg_stat_get_numscans(oid) as pg_table_sequential_scans_total,
             (select sum(pg_stat_get_numscans(indexrelid)) from pg_index where indrelid = oid) as pg_table_index_scans_total,
             sums.*, left_out
        from (select *, ${cutOff(limits.tables)} from seen order by relpages + dead / 10 desc, oid limit ${limits.tables}) top
       right join (select coalesce(sum(dead), 0) as pg_dead_rows, coalesce(sum(live), 0) as pg_live_rows,
                     count(*) filter (where live + dead > 0 and vacuumed is null) as pg_tables_never_vacuumed,
                     count(*) filter (where live + dead > 0 and analyzed is null) as pg_tables_never_analyzed
                from seen) sums on true`);
    dropped(Number(rows[0]?.left_out ?? 0) * each.length);
    return [...samplesOf(rows, each), ...samplesOf(rows.slice(0, 1), together)];
  },
};
