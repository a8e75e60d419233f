// What our recording rules make of other series. The names say the level, the metric and what was done to it.
import type { Rows } from "./row.ts";

export const recorded = {
  "database:pg_blocks_hit:ratio_rate5m": {
    needs: "block that was asked for",
    kind: "gauge",
    help: "Share of the blocks found in the server's buffers over five minutes, 0 to 1; absent while none is asked for.",
    from: "rules",
    labels: { database: "configured" },
  },
} as const satisfies Rows;
