// Locks held and waited for, and the sessions that wait and hold up others.
import { lockModes } from "../../../telemetry/catalogue/postgres-server.ts";
import { type PostgresCollector, pg } from "./connection.ts";
import { ownDatabase, samplesOf } from "./tabular.ts";

type Mode = (typeof lockModes)[number];

export const locks: PostgresCollector = {
  name: "locks",
  emits: [
    "pg_locks_granted",
    "pg_locks_waiting",
    "pg_sessions_blocked",
    "pg_sessions_blocking",
    "pg_longest_blocked_seconds",
  ],
  timeout: "4s",
  collect: async ({ query }) => {
    const held = await query<{ mode: string; granted: number; waiting: number }>(`
      select mode, count(*) filter (where granted)::int as granted, count(*) filter (where not granted)::int as waiting
        from pg_locks
       where pid <> pg_backend_pid() and (database = ${ownDatabase} or database is null)
       group by mode`);
    const sum = (mode: Mode, of: "granted" | "waiting"): number =>
      held.reduce((all, row) => {
        const known = lockModes.find((each) => each === row.mode) ?? "other";
        return known === mode ? all + row[of] : all;
      }, 0);
    // Who blocks is asked only for those who wait: the call looks at every lock of the server.
    const blocked = await query<Record<string, number>>(`
      with waiting as materialized (
             select pid, min(waitstart) as since from pg_locks where not granted group by pid),
           edges as materialized (
             select waiting.pid, unnest(pg_blocking_pids(waiting.pid)) as blocker from waiting)
      select (select count(*) from waiting)::int as pg_sessions_blocked,
             (select count(distinct blocker) from edges
               where blocker <> 0 and blocker not in (select pid from waiting))::int as pg_sessions_blocking,
             coalesce((select extract(epoch from clock_timestamp() - min(since)) from waiting), 0)::float8
               as pg_longest_blocked_seconds`);
    return [
      ...lockModes.map((mode) => pg("pg_locks_granted", sum(mode, "granted"), { mode })),
      ...lockModes.map((mode) => pg("pg_locks_waiting", sum(mode, "waiting"), { mode })),
      ...samplesOf(blocked, ["pg_sessions_blocked", "pg_sessions_blocking", "pg_longest_blocked_seconds"]),
    ];
  },
};
