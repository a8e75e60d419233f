// Replication: how far standbys are behind, what a standby itself has replayed, what slots keep.
import { replicaStates } from "../../../telemetry/catalogue/postgres-server.ts";
import { oneOf } from "../../../telemetry/metrics.ts";
import { type PostgresCollector, pg } from "./connection.ts";
import { type Cells, cutOff, samplesOf } from "./tabular.ts";

const lags = ["pg_replica_lag_bytes", "pg_replica_lag_seconds"] as const;
const standby = ["pg_standby_lag_bytes", "pg_standby_lag_seconds", "pg_standby_receiving"] as const;
const slots = ["pg_replication_slot_active", "pg_replication_slot_lost", "pg_replication_slot_retained_bytes"] as const;
const mostSlots = 50;

/** On a standby, what it has received takes the place of what was written. */
const position = "case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end";

/** Transactions have the time of the primary's clock, and a standby's may be another: by how much, each message from there tells. */
const primaryTime =
  "clock_timestamp() - coalesce((select last_msg_receipt_time - last_msg_send_time from pg_stat_wal_receiver), '0')";

export const replication: PostgresCollector = {
  name: "replication",
  emits: ["pg_replicas", ...lags, ...standby, ...slots],
  timeout: "4s",
  collect: async ({ query, dropped }) => {
    const replicas = await query<Cells & { readonly state: string }>(`
      select coalesce(state, 'other') as state, count(*)::int as amount,
             max(pg_wal_lsn_diff(${position}, replay_lsn)) as pg_replica_lag_bytes,
             max(extract(epoch from replay_lag)) as pg_replica_lag_seconds
        from pg_stat_replication group by 1`);
    const counts = replicaStates.map((state) => {
      const of = replicas.filter((row) => oneOf(replicaStates, row.state) === state);
      return pg(
        "pg_replicas",
        of.reduce((all, { amount }) => all + Number(amount), 0),
        { state },
      );
    });
    const worst = lags.flatMap((metric) => {
      const values = replicas.flatMap((row) => (row[metric] == null ? [] : [Number(row[metric])]));
      return values.length === 0 ? [] : [pg(metric, Math.max(...values))];
    });
    // After a restart it has replayed what lay there already, beyond the segment's start from which it receives again.
    const own = await query<Cells>(`
      select greatest(0, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())) as pg_standby_lag_bytes,
             case when pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() then 0
                  else greatest(0, extract(epoch from ${primaryTime} - pg_last_xact_replay_timestamp())) end as pg_standby_lag_seconds,
             exists (select from pg_stat_wal_receiver where status = 'streaming') as pg_standby_receiving
       where pg_is_in_recovery()`);
    const kept = await query<Cells>(`
      select slot_name as slot, active as pg_replication_slot_active,
             coalesce(wal_status = 'lost', false) as pg_replication_slot_lost,
             greatest(0, pg_wal_lsn_diff(${position}, restart_lsn)) as pg_replication_slot_retained_bytes,
             ${cutOff(mostSlots)}
        from pg_replication_slots order by 4 desc nulls last limit ${mostSlots}`);
    dropped(Number(kept[0]?.left_out ?? 0) * slots.length);
    return [...counts, ...worst, ...samplesOf(own, standby), ...samplesOf(kept, slots)];
  },
};
