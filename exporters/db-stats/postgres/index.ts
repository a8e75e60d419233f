// The PostgreSQL collectors: one line each.
import { archiver } from "./archiver.ts";
import { bloat } from "./bloat.ts";
import { checkpoints } from "./checkpoints.ts";
import type { PostgresCollector } from "./connection.ts";
import { connections } from "./connections.ts";
import { databases } from "./databases.ts";
import { indexes } from "./indexes.ts";
import { io } from "./io.ts";
import { locks } from "./locks.ts";
import { replication } from "./replication.ts";
import { sequences } from "./sequences.ts";
import { server } from "./server.ts";
import { settings } from "./settings.ts";
import { sizes } from "./sizes.ts";
import { slow } from "./slow.ts";
import { statements } from "./statements.ts";
import { tables } from "./tables.ts";
import { transactions } from "./transactions.ts";
import { wal } from "./wal.ts";
import { wraparound } from "./wraparound.ts";

export const postgresCollectors: readonly PostgresCollector[] = [
  server,
  connections,
  locks,
  slow,
  transactions,
  statements,
  replication,
  wal,
  checkpoints,
  io,
  archiver,
  wraparound,
  settings,
  tables,
  sizes,
  indexes,
  bloat,
  sequences,
  databases,
];
