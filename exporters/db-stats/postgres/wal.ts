// The write-ahead log: how much is written, and what lies in its folder.
import type { PostgresCollector } from "./connection.ts";
import { type Cells, samplesOf } from "./tabular.ts";

const written = [
  "pg_wal_written_bytes_total",
  "pg_wal_records_total",
  "pg_wal_full_page_images_total",
  "pg_wal_generated_bytes_total",
  "pg_wal_buffers_full_total",
] as const;
const files = ["pg_wal_files", "pg_wal_files_size_bytes"] as const;

export const wal: PostgresCollector = {
  name: "wal",
  emits: [...written, ...files],
  timeout: "4s",
  ttl: "30s",
  collect: async ({ query }) => {
    const counters = await query<Cells>(`
      select case when pg_is_in_recovery() then null else pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') end as pg_wal_written_bytes_total,
             wal_records as pg_wal_records_total, wal_fpi as pg_wal_full_page_images_total,
             wal_bytes as pg_wal_generated_bytes_total, wal_buffers_full as pg_wal_buffers_full_total
        from pg_stat_wal`);
    const folder = await query<Cells>(
      "select count(*) as pg_wal_files, coalesce(sum(size), 0) as pg_wal_files_size_bytes from pg_ls_waldir()",
    );
    return [...samplesOf(counters, written), ...samplesOf(folder, files)];
  },
};
