// Client connections of the whole server: by state, against the limit, waiting for locks, and the oldest transactions.
import { connectionStates } from "../../../telemetry/catalogue/postgres.ts";
import { oneOf } from "../../../telemetry/metrics.ts";
import { type PostgresCollector, pg } from "./connection.ts";

interface Row {
  readonly state: string;
  readonly amount: number;
  readonly waiting: number;
  readonly oldest: number;
  readonly idle: number;
}

export const connections: PostgresCollector = {
  name: "connections",
  emits: [
    "pg_connections",
    "pg_connections_limit",
    "pg_connections_waiting_for_lock",
    "pg_longest_transaction_seconds",
    "pg_longest_idle_in_transaction_seconds",
  ],
  timeout: "4s",
  collect: async ({ query }) => {
    const rows = await query<Row>(`
      select regexp_replace(replace(replace(coalesce(state, 'other'), ' (aborted)', ' aborted'), ' function call', ''), '\\s', '_', 'g') as state,
             count(*)::int as amount,
             count(*) filter (where wait_event_type = 'Lock')::int as waiting,
             coalesce(extract(epoch from max(clock_timestamp() - xact_start) filter (where pid <> pg_backend_pid())), 0)::float8 as oldest,
             coalesce(extract(epoch from max(clock_timestamp() - state_change) filter (where state like 'idle in%')), 0)::float8 as idle
        from pg_stat_activity
       where backend_type = 'client backend'
       group by 1`);
    const [setting] = await query<{ limit: number }>(`
      select current_setting('max_connections')::int
             - current_setting('superuser_reserved_connections')::int
             - coalesce(current_setting('reserved_connections', true), '0')::int as "limit"`);
    const amounts = new Map<(typeof connectionStates)[number], number>(connectionStates.map((state) => [state, 0]));
    for (const { state, amount } of rows) {
      const known = oneOf(connectionStates, state);
      amounts.set(known, (amounts.get(known) ?? 0) + amount);
    }
    return [
      ...[...amounts].map(([state, amount]) => pg("pg_connections", amount, { state })),
      ...(setting === undefined ? [] : [pg("pg_connections_limit", setting.limit)]),
      pg(
        "pg_connections_waiting_for_lock",
        rows.reduce((sum, { waiting }) => sum + waiting, 0),
      ),
      pg("pg_longest_transaction_seconds", Math.max(0, ...rows.map(({ oldest }) => oldest))),
      pg("pg_longest_idle_in_transaction_seconds", Math.max(0, ...rows.map(({ idle }) => idle))),
    ];
  },
};
