// Client connections of the whole server: by state, against the limit, waiting for locks, and the oldest transactions.
import { connectionStates } from "../../../telemetry/catalogue/postgres.ts";
import { oneOf } from "../../../telemetry/metrics.ts";
import { type PostgresCollector, pg } from "./connection.ts";
import { ownDatabase } from "./tabular.ts";

interface Row {
  readonly state: string;
  readonly amount: number;
  readonly own: number;
  readonly waiting: number;
  readonly oldest: number;
  readonly own_oldest: number;
  readonly idle: number;
}

type State = (typeof connectionStates)[number];

/** The age of the oldest transaction but this one. */
const oldest = (where: string): string =>
  `coalesce(extract(epoch from max(clock_timestamp() - xact_start) filter (where pid <> pg_backend_pid() and ${where})), 0)::float8`;

export const connections: PostgresCollector = {
  name: "connections",
  emits: [
    "pg_connections",
    "pg_connections_limit",
    "pg_connections_waiting_for_lock",
    "pg_longest_transaction_seconds",
    "pg_longest_idle_in_transaction_seconds",
    "pg_database_connections",
    "pg_database_longest_transaction_seconds",
  ],
  timeout: "4s",
  collect: async ({ query }) => {
    const rows = await query<Row>(`
      select regexp_replace(replace(replace(coalesce(state, 'other'), ' (aborted)', ' aborted'), ' function call', ''), '\\s', '_', 'g') as state,
             count(*)::int as amount, count(*) filter (where datid = ${ownDatabase})::int as own,
             count(*) filter (where wait_event_type = 'Lock')::int as waiting,
             ${oldest("true")} as oldest, ${oldest(`datid = ${ownDatabase}`)} as own_oldest,
             coalesce(extract(epoch from max(clock_timestamp() - state_change) filter (where state like 'idle in%')), 0)::float8 as idle
        from pg_stat_activity
       where backend_type = 'client backend'
       group by 1`);
    const [setting] = await query<{ limit: number }>(`
      select current_setting('max_connections')::int
             - current_setting('superuser_reserved_connections')::int
             - coalesce(current_setting('reserved_connections', true), '0')::int as "limit"`);
    const sum = (of: (row: Row) => number, state?: State): number =>
      rows.reduce(
        (all, row) => (state === undefined || oneOf(connectionStates, row.state) === state ? all + of(row) : all),
        0,
      );
    const longest = (of: (row: Row) => number): number => Math.max(0, ...rows.map(of));
    return [
      ...connectionStates.flatMap((state) => [
        pg(
          "pg_connections",
          sum(({ amount }) => amount, state),
          { state },
        ),
        pg(
          "pg_database_connections",
          sum(({ own }) => own, state),
          { state },
        ),
      ]),
      ...(setting === undefined ? [] : [pg("pg_connections_limit", setting.limit)]),
      pg(
        "pg_connections_waiting_for_lock",
        sum(({ waiting }) => waiting),
      ),
      pg(
        "pg_longest_transaction_seconds",
        longest(({ oldest }) => oldest),
      ),
      pg(
        "pg_database_longest_transaction_seconds",
        longest(({ own_oldest }) => own_oldest),
      ),
      pg(
        "pg_longest_idle_in_transaction_seconds",
        longest(({ idle }) => idle),
      ),
    ];
  },
};
