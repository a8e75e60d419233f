// The archiver: files that it put away, and those that it could not.
import { tabular } from "./tabular.ts";

export const archiver = tabular({
  name: "archiver",
  emits: [
    "pg_archived_files_total",
    "pg_archive_failures_total",
    "pg_archive_last_success_timestamp_seconds",
    "pg_archive_last_failure_timestamp_seconds",
  ],
  timeout: "4s",
  sql: `select archived_count as pg_archived_files_total, failed_count as pg_archive_failures_total,
               extract(epoch from last_archived_time) as pg_archive_last_success_timestamp_seconds,
               extract(epoch from last_failed_time) as pg_archive_last_failure_timestamp_seconds
          from pg_stat_archiver`,
});
