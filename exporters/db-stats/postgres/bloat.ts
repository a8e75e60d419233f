// Space in tables that their rows do not need: estimated from statistics, or by pgstattuple_approx where the configuration asks for it.
import type { PostgresCollector, PostgresContext } from "./connection.ts";
import { isLocked, locked } from "./sizes.ts";
import { type Cells, cutOff, ownSchemas, samplesOf } from "./tabular.ts";

const mostShown = 20;
/** Below a megabyte bloat costs nothing. */
const leastPages = 128;

export const bloat: PostgresCollector = {
  name: "bloat",
  emits: ["pg_table_bloat_bytes", "pg_tables_bloat_unknown", "pg_extension_available"],
  timeout: "8s",
  ttl: "10m",
  collect: async (context) => {
    const rows = await (context.settings.bloat === "approx" ? approximated(context) : estimated(context));
    context.dropped(Number(rows[0]?.left_out ?? 0));
    return samplesOf(rows, ["pg_table_bloat_bytes", "pg_tables_bloat_unknown", "pg_extension_available"]);
  },
};

const large = `
  large as materialized (
    select c.oid, n.nspname as schema, c.relname as "table", c.relpages, c.reltuples, c.reloptions
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname not in ${ownSchemas}
       and c.relpages >= ${leastPages} and not ${isLocked})`;

/**
 * A page holds 24 bytes of header; a row a pointer of 4 bytes, a header of 23 and a bit per column where it has NULLs, padded to 8
 * (https://www.postgresql.org/docs/current/storage-page-layout.html). Without statistics for a column, or with one of type name,
 * whose width statistics get wrong, nothing is claimed.
 */
async function estimated({ query }: PostgresContext): Promise<readonly Cells[]> {
  const [may] = await query<{ readonly there: boolean }>(
    "select to_regprocedure('vitals_db_stats.column_widths()') is not null as there",
  );
  if (may?.there !== true) return [];
  return query<Cells>(`
    with ${locked}, ${large},
         widths as materialized (
           select a.attrelid, sum((1 - w.null_share) * w.width) as data, max(w.null_share) > 0 as nulls, count(*) as columns,
                  bool_or(w.relation is null or a.atttypid = 'name'::regtype) as unknown
             from large join pg_attribute a on a.attrelid = large.oid and a.attnum > 0 and not a.attisdropped
             left join vitals_db_stats.column_widths() w on w.relation = a.attrelid and w.number = a.attnum
            group by a.attrelid),
         sized as materialized (
           select large.*, unknown or reltuples < 0 as is_na, current_setting('block_size')::int as page,
                  coalesce(substring(array_to_string(reloptions, ' ') from 'fillfactor=([0-9]+)')::int, 100) as fill,
                  4 + 8 * ceil((case when nulls then 23 + (columns + 7) / 8 else 23 end) / 8.0) + 8 * ceil(data / 8.0) as row
             from large join widths on attrelid = oid),
         shown as materialized (
           select schema, "table", ${cutOff(mostShown)},
                  greatest(0, relpages - ceil(reltuples / greatest(1, floor((page - 24) * fill / 100.0 / row)))) * page as bytes
             from sized where not is_na order by 4 desc limit ${mostShown})
    select schema, "table", left_out, bytes as pg_table_bloat_bytes, sums.*
      from shown right join (select count(*) filter (where is_na) as pg_tables_bloat_unknown from sized) sums on true`).then(
    onceOnly,
  );
}

/** Reads the visibility map and the pages that it does not vouch for. */
async function approximated({ query }: PostgresContext): Promise<readonly Cells[]> {
  const [where] = await query<{ readonly schema: string }>(`
    select quote_ident(n.nspname) as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'pgstattuple'`);
  if (where === undefined) return [{ extension: "pgstattuple", pg_extension_available: 0 }];
  const rows = await query<Cells>(`
    with ${locked}, ${large},
         shown as materialized (select *, ${cutOff(mostShown)} from large order by relpages desc, oid limit ${mostShown})
    select schema, "table", left_out, dead_tuple_len + approx_free_space as pg_table_bloat_bytes
      from shown, lateral ${where.schema}.pgstattuple_approx(oid)`);
  return [...rows, { extension: "pgstattuple", pg_extension_available: 1 }];
}

/** What is said of all tables together stands in every row. */
const onceOnly = (rows: readonly Cells[]): readonly Cells[] =>
  rows.map((row, index) => (index === 0 ? row : { ...row, pg_tables_bloat_unknown: null }));
