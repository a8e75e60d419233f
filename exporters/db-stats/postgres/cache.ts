// How the server's buffers serve the database: blocks found in them and blocks that had to be read.
import { type PostgresCollector, pg } from "./connection.ts";

export const cache: PostgresCollector = {
  name: "cache",
  emits: ["pg_blocks_read_total", "pg_blocks_hit_total"],
  timeout: "4s",
  collect: async ({ query }) => {
    const [row] = await query<{ read: number; hit: number }>(`
      select blks_read::float8 as read, blks_hit::float8 as hit
        from pg_stat_database where datname = current_database()`);
    return row === undefined ? [] : [pg("pg_blocks_read_total", row.read), pg("pg_blocks_hit_total", row.hit)];
  },
};
