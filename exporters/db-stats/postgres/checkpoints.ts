// Checkpoints and the background writer. Version 17 moved checkpoints to a view of their own.
import { tabular } from "./tabular.ts";

export const checkpoints = tabular({
  name: "checkpoints",
  emits: [
    "pg_checkpoints_timed_total",
    "pg_checkpoints_requested_total",
    "pg_checkpoint_write_seconds_total",
    "pg_checkpoint_sync_seconds_total",
    "pg_checkpoint_buffers_written_total",
    "pg_bgwriter_buffers_written_total",
    "pg_bgwriter_rounds_stopped_total",
    "pg_buffers_allocated_total",
    "pg_backend_buffers_written_total",
  ],
  timeout: "4s",
  sql: (major) => {
    const [timed, requested, write, sync, buffers, from] =
      major >= 17
        ? ["num_timed", "num_requested", "c.write_time", "c.sync_time", "c.buffers_written", "pg_stat_checkpointer c, "]
        : [
            "checkpoints_timed",
            "checkpoints_req",
            "checkpoint_write_time",
            "checkpoint_sync_time",
            "buffers_checkpoint",
            "",
          ];
    return `
      select ${timed} as pg_checkpoints_timed_total, ${requested} as pg_checkpoints_requested_total,
             ${write} / 1000 as pg_checkpoint_write_seconds_total, ${sync} / 1000 as pg_checkpoint_sync_seconds_total,
             ${buffers} as pg_checkpoint_buffers_written_total, buffers_clean as pg_bgwriter_buffers_written_total,
             maxwritten_clean as pg_bgwriter_rounds_stopped_total, buffers_alloc as pg_buffers_allocated_total,
             ${major >= 17 ? "null" : "buffers_backend"} as pg_backend_buffers_written_total
        from ${from}pg_stat_bgwriter`;
  },
});
