// Sizes of the server's databases. The server looks at every file for it, so it is asked rarely, and for the busiest ones alone.

import type { PostgresCollector } from "./connection.ts";
import { type Cells, cutOff, ownDatabase, samplesOf } from "./tabular.ts";

export const databases: PostgresCollector = {
  name: "databases",
  emits: ["pg_size_bytes", "pg_server_database_size_bytes"],
  timeout: "8s",
  ttl: "5m",
  collect: async ({ query, dropped, settings: { limits } }) => {
    const own = await query<Cells>(`select pg_database_size(${ownDatabase}) as pg_size_bytes`);
    const all = await query<Cells>(`
      with busiest as materialized (
             select d.oid, d.datname, ${cutOff(limits.databases)}
               from pg_database d left join pg_stat_database s on s.datid = d.oid
              where d.datallowconn
              order by coalesce(s.blks_hit + s.blks_read, 0) desc, d.oid limit ${limits.databases})
      select datname, left_out, pg_database_size(oid) as pg_server_database_size_bytes from busiest`);
    dropped(Number(all[0]?.left_out ?? 0));
    return [...samplesOf(own, ["pg_size_bytes"]), ...samplesOf(all, ["pg_server_database_size_bytes"])];
  },
};
