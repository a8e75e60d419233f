// Indexes that cost and do not help: never used, a copy of another one, or not valid.
import type { PostgresCollector } from "./connection.ts";
import { type Cells, ownSchemas, samplesOf } from "./tabular.ts";

const together = [
  "pg_indexes",
  "pg_indexes_unused",
  "pg_indexes_unused_size_bytes",
  "pg_indexes_duplicate",
  "pg_indexes_duplicate_size_bytes",
  "pg_indexes_invalid",
] as const;
const mostShown = 20;

/**
 * An expression as the server keeps it, but for where in the text it once stood. `pg_get_expr` would print it nicely, and wait for
 * whoever has locked the table.
 */
const tree = (column: string): string => `regexp_replace(${column}::text, ':location -?\\d+', '', 'g')`;

/** What makes an index a copy: all but the name. The first of the copies counts as the one to keep, one of a constraint before others. */
const sameAs = `partition by indrelid, indkey::text, indclass::text, indcollation::text, indoption::text,
  ${tree("indexprs")}, ${tree("indpred")}, c.relam
  order by indisprimary desc, indisunique desc, indexrelid`;

export const indexes: PostgresCollector = {
  name: "indexes",
  emits: [...together, "pg_index_unused_size_bytes", "pg_index_duplicate_size_bytes"],
  timeout: "8s",
  ttl: "5m",
  collect: async ({ query, dropped }) => {
    const rows = await query<Cells>(`
      with each as materialized (
             select n.nspname as schema, t.relname as "table", c.relname as index, not i.indisvalid as invalid,
                    c.relpages::int8 * current_setting('block_size')::int as bytes,
                    pg_stat_get_numscans(c.oid) = 0 and not i.indisunique
                      and not exists (select from pg_constraint k where k.conindid = c.oid) as unused,
                    row_number() over (${sameAs}) > 1 as duplicate
               from pg_index i join pg_class c on c.oid = i.indexrelid
               join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace
              where c.relkind = 'i' and c.relpersistence <> 't' and n.nspname not in ${ownSchemas})
      select null as schema, null as "table", null as index, null::int8 as pg_index_unused_size_bytes,
             null::int8 as pg_index_duplicate_size_bytes, count(*) as pg_indexes,
             count(*) filter (where unused) as pg_indexes_unused,
             coalesce(sum(bytes) filter (where unused), 0) as pg_indexes_unused_size_bytes,
             count(*) filter (where duplicate) as pg_indexes_duplicate,
             coalesce(sum(bytes) filter (where duplicate), 0) as pg_indexes_duplicate_size_bytes,
             count(*) filter (where invalid) as pg_indexes_invalid
        from each
       union all
      (select schema, "table", index, bytes, null, null, null, null, null, null, null
        from each where unused order by bytes desc, index limit ${mostShown})
       union all
      (select schema, "table", index, null, bytes, null, null, null, null, null, null
        from each where duplicate order by bytes desc, index limit ${mostShown})`);
    const [sums] = rows;
    for (const kind of ["pg_indexes_unused", "pg_indexes_duplicate"])
      dropped(Math.max(0, Number(sums?.[kind] ?? 0) - mostShown));
    return samplesOf(rows, [...together, "pg_index_unused_size_bytes", "pg_index_duplicate_size_bytes"]);
  },
};
