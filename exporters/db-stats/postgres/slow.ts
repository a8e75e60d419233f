// Statements that run now for longer than they should.
import { seconds } from "../../../components/units.ts";
import { tabular } from "./tabular.ts";

export const slow = tabular({
  name: "slow",
  emits: ["pg_statements_slow", "pg_longest_statement_seconds"],
  timeout: "4s",
  sql: (_major, { slowStatement }) => `
    select count(*) filter (where query_start < clock_timestamp() - interval '${seconds(slowStatement)} s') as pg_statements_slow,
           coalesce(extract(epoch from max(clock_timestamp() - query_start)), 0) as pg_longest_statement_seconds
      from pg_stat_activity
     where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid() and query_start is not null`,
});
