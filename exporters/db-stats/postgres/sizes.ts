// Sizes of tables and their indexes. Whoever asks for one waits for a lock on it, so those that somebody locks are left out.
import type { PostgresCollector } from "./connection.ts";
import { type Cells, cutOff, ownDatabase, ownSchemas, samplesOf } from "./tabular.ts";

const each = ["pg_table_size_bytes", "pg_table_indexes_size_bytes"] as const;
const together = ["pg_tables", "pg_tables_skipped"] as const;

/** Relations on which an ACCESS EXCLUSIVE lock is held, or waited for: everybody behind it waits, too. */
export const locked = `
  locked as materialized (
    select relation from pg_locks
     where locktype = 'relation' and mode = 'AccessExclusiveLock' and database in (0, ${ownDatabase}))`;

/** The table `c` itself, its TOAST table, or an index of either is locked. */
export const isLocked = `
  (c.oid in (select relation from locked) or c.reltoastrelid in (select relation from locked)
   or exists (select from pg_index i where i.indrelid in (c.oid, c.reltoastrelid) and i.indexrelid in (select relation from locked)))`;

export const sizes: PostgresCollector = {
  name: "sizes",
  emits: [...each, ...together],
  timeout: "8s",
  ttl: "1m",
  collect: async ({ query, dropped, settings: { limits } }) => {
    const rows = await query<Cells>(`
      with ${locked},
           largest as materialized (
             select c.oid, n.nspname as schema, c.relname as "table", ${isLocked} as skipped, c.relpages
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname not in ${ownSchemas}),
           shown as materialized (
             select *, ${cutOff(limits.tables)} from largest where not skipped order by relpages desc, oid limit ${limits.tables})
      select schema, "table", left_out, pg_table_size(oid) as pg_table_size_bytes,
             pg_indexes_size(oid) as pg_table_indexes_size_bytes, sums.*
        from shown right join (
          select count(*) as pg_tables, count(*) filter (where skipped) as pg_tables_skipped from largest) sums on true`);
    dropped(Number(rows[0]?.left_out ?? 0) * each.length);
    return [...samplesOf(rows, each), ...samplesOf(rows.slice(0, 1), together)];
  },
};
