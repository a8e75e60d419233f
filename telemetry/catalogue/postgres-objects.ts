// What db-stats says of what is inside a PostgreSQL database: statements, tables, indexes, sequences.
import type { Rows } from "./row.ts";

const database = { database: "configured" } as const;

export const postgresObjects = {
  pg_statement_calls_total: {
    kind: "counter",
    help: "Times that the statement was executed while this exporter watched; `other` is all statements that were not listed at the time.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statement_seconds_total: {
    kind: "counter",
    help: "Time spent executing the statement in seconds.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statement_rows_total: {
    kind: "counter",
    help: "Rows that the statement returned or changed.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statement_blocks_hit_total: {
    kind: "counter",
    help: "Blocks that the statement found in the server's buffers.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statement_blocks_read_total: {
    kind: "counter",
    help: "Blocks that the statement had to read.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statement_temp_blocks_total: {
    kind: "counter",
    help: "Blocks of temporary files that the statement read or wrote.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statement_wal_bytes_total: {
    kind: "counter",
    help: "WAL that the statement generated in bytes.",
    labels: { ...database, queryid: "configured" },
  },
  pg_statements_tracked: {
    kind: "gauge",
    help: "Different statements of this database in pg_stat_statements.",
    labels: database,
  },
  pg_statements_tracked_limit: {
    kind: "gauge",
    help: "Statements that pg_stat_statements keeps; the least executed ones go first.",
    labels: database,
  },
  pg_statements_evicted_total: {
    kind: "counter",
    help: "Times that pg_stat_statements put out statements to make room.",
    labels: database,
  },
  pg_statements_reset_timestamp_seconds: {
    kind: "gauge",
    help: "When pg_stat_statements was reset last, in seconds since 1970.",
    labels: database,
  },
  pg_table_size_bytes: {
    kind: "gauge",
    help: "Size of the table with its TOAST table in bytes.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_indexes_size_bytes: {
    kind: "gauge",
    help: "Size of the table's indexes in bytes.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_tables: {
    kind: "gauge",
    help: "Tables and materialized views of this database, the system's left out.",
    labels: database,
  },
  pg_tables_skipped: {
    kind: "gauge",
    help: "Tables left out of the sizes because somebody holds or waits for an ACCESS EXCLUSIVE lock on them.",
    labels: database,
  },
  pg_table_live_rows: {
    kind: "gauge",
    help: "Estimate of the table's live rows.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_dead_rows: {
    kind: "gauge",
    help: "Estimate of the table's dead rows.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_modified_since_analyze_rows: {
    kind: "gauge",
    help: "Estimate of the table's rows changed since it was analyzed last.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_last_vacuum_timestamp_seconds: {
    kind: "gauge",
    help: "When the table was vacuumed last, by hand or by autovacuum, in seconds since 1970; absent when never.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_last_analyze_timestamp_seconds: {
    kind: "gauge",
    help: "When the table was analyzed last, by hand or by autovacuum, in seconds since 1970; absent when never.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_frozen_age_xids: {
    kind: "gauge",
    help: "Transactions since the oldest row of the table that is not frozen.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_sequential_scans_total: {
    kind: "counter",
    help: "Sequential scans of the table.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_table_index_scans_total: {
    kind: "counter",
    help: "Index scans of the table.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_dead_rows: { kind: "gauge", help: "Estimate of the dead rows of all tables of this database.", labels: database },
  pg_live_rows: { kind: "gauge", help: "Estimate of the live rows of all tables of this database.", labels: database },
  pg_tables_never_vacuumed: { kind: "gauge", help: "Tables with rows that were never vacuumed.", labels: database },
  pg_tables_never_analyzed: { kind: "gauge", help: "Tables with rows that were never analyzed.", labels: database },
  pg_indexes: { kind: "gauge", help: "Indexes of this database, the system's left out.", labels: database },
  pg_indexes_unused: {
    kind: "gauge",
    help: "Indexes that no scan has used since the statistics were reset; unique ones and those of constraints left out.",
    labels: database,
  },
  pg_indexes_unused_size_bytes: {
    kind: "gauge",
    help: "Size of the unused indexes in bytes, as of the last vacuum or analyze.",
    labels: database,
  },
  pg_indexes_duplicate: {
    kind: "gauge",
    help: "Indexes that repeat another one of the same table: same columns, classes, expressions and condition.",
    labels: database,
  },
  pg_indexes_duplicate_size_bytes: {
    kind: "gauge",
    help: "Size of the duplicate indexes in bytes, as of the last vacuum or analyze.",
    labels: database,
  },
  pg_indexes_invalid: {
    kind: "gauge",
    help: "Indexes that are not valid, as after a failed CREATE INDEX CONCURRENTLY.",
    labels: database,
  },
  pg_index_unused_size_bytes: {
    kind: "gauge",
    help: "Size of an unused index in bytes, as of the last vacuum or analyze.",
    labels: { ...database, schema: "configured", table: "configured", index: "configured" },
  },
  pg_index_duplicate_size_bytes: {
    kind: "gauge",
    help: "Size of a duplicate index in bytes, as of the last vacuum or analyze.",
    labels: { ...database, schema: "configured", table: "configured", index: "configured" },
  },
  pg_table_bloat_bytes: {
    kind: "gauge",
    help: "Estimate of the space in the table that rows do not need in bytes.",
    labels: { ...database, schema: "configured", table: "configured" },
  },
  pg_tables_bloat_unknown: {
    kind: "gauge",
    help: "Tables whose bloat cannot be estimated: no statistics, or a column of type name.",
    labels: database,
  },
  pg_sequence_used_ratio: {
    needs: "sequence",
    kind: "gauge",
    help: "Share of the sequence's values that are used, 0 to 1.",
    labels: { ...database, schema: "configured", sequence: "configured" },
  },
} as const satisfies Rows;
