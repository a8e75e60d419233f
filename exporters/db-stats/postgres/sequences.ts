// Sequences that run out. What a sequence has given is hidden from a role that only monitors; a function of role.sql tells the share.
import type { PostgresCollector } from "./connection.ts";
import { type Cells, cutOff, samplesOf } from "./tabular.ts";

const mostShown = 50;

export const sequences: PostgresCollector = {
  name: "sequences",
  emits: ["pg_sequence_used_ratio"],
  timeout: "8s",
  ttl: "5m",
  collect: async ({ query, dropped }) => {
    const [may] = await query<{ readonly there: boolean }>(
      "select to_regprocedure('vitals_db_stats.sequences()') is not null as there",
    );
    if (may?.there !== true) return [];
    const rows = await query<Cells>(`
      select n.nspname as schema, c.relname as sequence, s.used_ratio as pg_sequence_used_ratio, ${cutOff(mostShown)}
        from vitals_db_stats.sequences() s join pg_class c on c.oid = s.sequence join pg_namespace n on n.oid = c.relnamespace
       order by s.used_ratio desc, c.oid limit ${mostShown}`);
    dropped(Number(rows[0]?.left_out ?? 0));
    return samplesOf(rows, ["pg_sequence_used_ratio"]);
  },
};
