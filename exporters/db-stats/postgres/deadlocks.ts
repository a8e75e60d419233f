// Work that was cancelled because of other work: deadlocks, and conflicts with recovery on a standby.
import { type PostgresCollector, pg } from "./connection.ts";

export const deadlocks: PostgresCollector = {
  name: "deadlocks",
  emits: ["pg_deadlocks_total", "pg_conflicts_total"],
  timeout: "4s",
  collect: async ({ query }) => {
    const [row] = await query<{ deadlocks: number; conflicts: number }>(`
      select deadlocks::float8 as deadlocks, conflicts::float8 as conflicts
        from pg_stat_database where datname = current_database()`);
    return row === undefined ? [] : [pg("pg_deadlocks_total", row.deadlocks), pg("pg_conflicts_total", row.conflicts)];
  },
};
