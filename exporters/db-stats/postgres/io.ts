// Input and output by kind of process, from version 16 on. The contexts and objects of pg_stat_io are added up.
import { backendKinds } from "../../../telemetry/catalogue/postgres-server.ts";
import { tabular } from "./tabular.ts";

const quoted = backendKinds.map((kind) => `'${kind}'`).join(", ");

export const io = tabular({
  name: "io",
  emits: [
    "pg_io_reads_total",
    "pg_io_read_bytes_total",
    "pg_io_writes_total",
    "pg_io_written_bytes_total",
    "pg_io_extends_total",
    "pg_io_hits_total",
    "pg_io_evictions_total",
    "pg_io_fsyncs_total",
    "pg_io_read_seconds_total",
    "pg_io_write_seconds_total",
  ],
  timeout: "4s",
  sql: (major) => {
    if (major < 16) return undefined;
    const [read, written] = major >= 18 ? ["read_bytes", "write_bytes"] : ["reads * op_bytes", "writes * op_bytes"];
    return `
      select case when backend_type in (${quoted}) then backend_type else 'other' end as backend,
             sum(reads) as pg_io_reads_total, sum(${read}) as pg_io_read_bytes_total,
             sum(writes) as pg_io_writes_total, sum(${written}) as pg_io_written_bytes_total,
             sum(extends) as pg_io_extends_total, sum(hits) as pg_io_hits_total,
             sum(evictions) as pg_io_evictions_total, sum(fsyncs) as pg_io_fsyncs_total,
             sum(read_time) / 1000 as pg_io_read_seconds_total, sum(write_time) / 1000 as pg_io_write_seconds_total
        from pg_stat_io group by 1`;
  },
});
