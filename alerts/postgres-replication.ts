// PostgreSQL's copies: standbys that are behind or cut off, slots that hold up WAL, WAL that is not archived.

import { fallen, happened } from "./database-flags.ts";
import { beyond } from "./database-limits.ts";
import { gauge } from "./database-measures.ts";
import type { Alert } from "./rule.ts";

const slot = { slot: "archive" } as const;

export const postgresReplicationAlerts: readonly Alert[] = [
  fallen("pg_standby_receiving", {
    name: "PostgresStandbyCutOff",
    for: "2m",
    severity: "ticket",
    summary: "The PostgreSQL standby {{ $labels.database }} receives nothing from its primary.",
    action: "See whether the primary runs, lets the standby in and still has the WAL that it needs.",
  }),
  beyond(gauge("pg_replica_lag_seconds"), {
    name: "PostgresReplicaBehind",
    measures: "Behind by",
    for: "5m",
    severity: "ticket",
    limit: 60,
    unit: "seconds",
    shown: "1m 30s",
    summary: "A standby of PostgreSQL {{ $labels.database }} is more than a minute behind.",
    action: "See whether it lacks network, disk or CPU, or whether a long query on it holds up what it replays.",
  }),
  beyond(gauge("pg_standby_lag_seconds"), {
    name: "PostgresStandbyBehind",
    measures: "Behind by",
    for: "5m",
    severity: "ticket",
    limit: 60,
    unit: "seconds",
    shown: "1m 30s",
    summary: "The PostgreSQL standby {{ $labels.database }} has received more than it has replayed for over a minute.",
    action: "Look for a long query on it that conflicts with what it replays, and at its disk.",
  }),
  beyond(gauge("pg_replication_slot_retained_bytes", slot), {
    name: "PostgresSlotRetains",
    measures: "WAL kept",
    for: "5m",
    severity: "ticket",
    limit: 10 * 2 ** 30,
    unit: "bytes",
    shown: "15Gi",
    summary: "PostgreSQL {{ $labels.database }} keeps much WAL for the slot {{ $labels.slot }}.",
    action: "See whether its reader still lives; drop the slot if not, before the WAL fills the disk.",
  }),
  beyond(gauge("pg_replication_slot_lost", slot), {
    name: "PostgresSlotLost",
    measures: "Lost slots",
    for: "1m",
    severity: "ticket",
    limit: 0,
    shown: "1",
    summary: "PostgreSQL {{ $labels.database }} no longer has the WAL that the slot {{ $labels.slot }} needs.",
    action: "Set up its reader anew from a backup, and drop the slot.",
  }),
  happened(
    "pg_archive_failures_total",
    "10m",
    {
      name: "PostgresArchiveFailing",
      measures: "Failures in ten minutes",
      for: "5m",
      severity: "ticket",
      summary: "PostgreSQL {{ $labels.database }} cannot archive its WAL.",
      action: "The server's log has the output of archive_command; until it works, WAL piles up and backups end here.",
    },
    "pg_archived_files_total",
  ),
];
