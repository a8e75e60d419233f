// How far transaction ids have run: what is not frozen yet, and who keeps old rows from going.
import { xminHolders } from "../../../telemetry/catalogue/postgres-server.ts";
import type { PostgresCollector } from "./connection.ts";
import { type Cells, ownDatabase, samplesOf } from "./tabular.ts";

const ages = [
  "pg_database_frozen_age_xids",
  "pg_server_frozen_age_xids",
  "pg_server_frozen_age_multixacts",
  "pg_databases",
] as const;
const work = ["pg_autovacuum_workers", "pg_prepared_transactions", "pg_longest_prepared_transaction_seconds"] as const;
const holders: Readonly<Record<(typeof xminHolders)[number], string>> = {
  session:
    "select max(age(backend_xmin)) from pg_stat_activity where backend_type <> 'walsender' and pid <> pg_backend_pid()",
  standby: "select max(age(backend_xmin)) from pg_stat_replication",
  slot: "select max(greatest(age(xmin), age(catalog_xmin))) from pg_replication_slots",
  prepared: "select max(age(transaction)) from pg_prepared_xacts",
};

export const wraparound: PostgresCollector = {
  name: "wraparound",
  emits: [...ages, ...work, "pg_xmin_age_xids"],
  timeout: "4s",
  collect: async ({ query }) => {
    const frozen = await query<Cells>(`
      select max(age(datfrozenxid)) filter (where oid = ${ownDatabase}) as pg_database_frozen_age_xids,
             max(age(datfrozenxid)) as pg_server_frozen_age_xids,
             max(mxid_age(datminmxid)) as pg_server_frozen_age_multixacts,
             count(*) filter (where datallowconn) as pg_databases
        from pg_database`);
    const now = await query<Cells>(`
      select (select count(*) from pg_stat_activity where backend_type = 'autovacuum worker') as pg_autovacuum_workers,
             count(*) as pg_prepared_transactions,
             coalesce(extract(epoch from max(clock_timestamp() - prepared)), 0) as pg_longest_prepared_transaction_seconds
        from pg_prepared_xacts`);
    const held = await query<Cells>(
      xminHolders
        .map((holder) => `select '${holder}' as holder, coalesce((${holders[holder]}), 0) as pg_xmin_age_xids`)
        .join(" union all "),
    );
    return [...samplesOf(frozen, ages), ...samplesOf(now, work), ...samplesOf(held, ["pg_xmin_age_xids"])];
  },
};
