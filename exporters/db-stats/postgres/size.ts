// The size of the database on disk. The server looks at every file for it, so it is asked rarely.
import { type PostgresCollector, pg } from "./connection.ts";

export const size: PostgresCollector = {
  name: "size",
  emits: ["pg_database_size_bytes"],
  timeout: "8s",
  ttl: "1m",
  collect: async ({ query }) => {
    const [row] = await query<{ bytes: number }>("select pg_database_size(current_database())::float8 as bytes");
    return row === undefined ? [] : [pg("pg_database_size_bytes", row.bytes)];
  },
};
