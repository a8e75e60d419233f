// What PostgreSQL may run out of, and what it may lose: transaction numbers, sequences, slots, the archive, damaged pages.
import { agg, type Expr, promql, sel } from "../telemetry/promql.ts";
import { chosen, lines, perSecond, worst } from "./database.ts";
import { query, type RowSpec, stateTimeline, type Thresholds, timeSeries } from "./panels.ts";

/** Neither may reach 2^31: https://www.postgresql.org/docs/18/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND */
const numbers = 2 ** 31;
const running: Thresholds = ["text", [0.5, "orange"], [0.9, "red"]];
const day = 86_400;

export const risks: RowSpec = {
  title: "What runs out, what may be lost",
  panels: [
    lines(
      "frozen-age",
      {
        transactions: promql`${worst("pg_server_frozen_age_xids")} / ${numbers}`,
        multixacts: promql`${worst("pg_server_frozen_age_multixacts")} / ${numbers}`,
      },
      {
        title: "Numbers used before the next freeze",
        description:
          "Share of the transaction numbers and multixacts that the oldest rows leave. At all of it the server stops taking writes; VACUUM frees them.",
        unit: "percentunit",
        width: 8,
        thresholds: running,
        showThresholds: true,
      },
    ),
    lines(
      "sequences",
      { "": worst("pg_sequence_used_ratio") },
      {
        title: "Fullest sequence",
        description: "Share of its values that the fullest sequence has given out. At the end inserts fail.",
        unit: "percentunit",
        width: 8,
        thresholds: running,
        showThresholds: true,
        emptyWhenHealthy: "No sequence",
      },
    ),
    timeSeries("slots", {
      title: "WAL kept for slots",
      description: "What the disk keeps for each replication slot. A slot that nobody reads fills the disk.",
      unit: "bytes",
      width: 8,
      emptyWhenHealthy: "No replication slot",
      queries: [
        query(
          agg("max", sel("pg_replication_slot_retained_bytes", chosen), "database", "slot"),
          "{{database}} {{slot}}",
        ),
      ],
    }),
    lines(
      "archive",
      { archived: perSecond("pg_archived_files_total"), failed: perSecond("pg_archive_failures_total") },
      {
        title: "Files to the archive",
        description:
          "Files of the WAL archived a second, and attempts that failed. What is not archived cannot be restored.",
        unit: "ops",
        width: 8,
      },
    ),
    stateTimeline("copies", {
      title: "Standbys and slots",
      description: "Whether each standby hears its primary, and whether each slot still has what it needs.",
      unit: "none",
      width: 8,
      states: { 1: ["Well", "green"], 0: ["Cut off or lost", "red"] },
      emptyWhenHealthy: "No standby, no slot",
      queries: [
        query(worst("pg_standby_receiving"), "{{database}} standby"),
        query(
          promql`1 - ${agg("max", sel("pg_replication_slot_lost", chosen), "database", "slot")}`,
          "{{database}} {{slot}}",
        ),
      ],
    }),
    stateTimeline("damage", {
      title: "Damaged pages",
      description:
        "Whether a page's checksum was wrong within the last day. Stop what writes, copy the data, and look at the disk.",
      unit: "none",
      width: 8,
      states: { 0: ["None", "green"], 1: ["Damaged", "red"] },
      queries: [
        query(
          promql`(time() - ${worst("pg_checksum_last_failure_timestamp_seconds")} < bool ${day}) or 0 * ${worst("pg_up")}` as Expr<"database">,
          "{{database}}",
        ),
      ],
    }),
  ],
};
