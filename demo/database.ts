// A bounded pool of PostgreSQL connections with a time limit on everything, and its state as metrics.
import pg from "pg";
import { splitAddress } from "../components/arguments.ts";
import { observePool } from "../telemetry/database.ts";
import type { Log } from "../telemetry/log.ts";
import type { Telemetry } from "../telemetry/service.ts";
import { appRole, databaseName } from "./clinic/roles.ts";

export interface Query {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface Database {
  /** Rejects when it fails, or takes too long. The server gives the statement up when `signal` is aborted. */
  query<R extends object>(query: Query, signal: AbortSignal): Promise<readonly R[]>;
  ready(): Promise<boolean>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly address: string;
  readonly password: string;
  /** Shown in pg_stat_activity. */
  readonly service: string;
  readonly telemetry: Telemetry & { readonly log: Log };
}

const connections = 8;
const checkClientMs = 500;
const { builtins, getTypeParser } = pg.types;
/** Dates stay dates; instants become what JSON has for them. */
const types = {
  getTypeParser: (oid: number, format?: "text" | "binary") => {
    if (oid === builtins.DATE) return (text: string) => text;
    if (oid === builtins.TIMESTAMPTZ) return (text: string) => (getTypeParser(oid)(text) as Date).toISOString();
    return getTypeParser(oid, format as "text");
  },
};

export function openDatabase({ address, password, service, telemetry }: DatabaseOptions): Database {
  const pool = new pg.Pool({
    ...splitAddress(address),
    user: appRole,
    password,
    database: databaseName,
    application_name: service,
    max: connections,
    connectionTimeoutMillis: 2_000,
    idleTimeoutMillis: 30_000,
    options: `-c client_connection_check_interval=${checkClientMs}`,
    statement_timeout: 4_000,
    // Also ends the wait for a server that hangs and cannot keep its own limit.
    query_timeout: 5_000,
    types: types as pg.CustomTypesConfig,
  });
  observePool(pool, telemetry);
  pool.on("error", (error) =>
    telemetry.log.warn("request failed", { cause: "idle_connection", "error.type": codeOf(error) }),
  );
  return {
    query: async (query, signal) => {
      const client = await pool.connect();
      let ended = false;
      const end = (broken: boolean): void => {
        if (!ended) client.release(broken);
        ended = true;
      };
      // The server sees that nobody listens any more, and gives the statement up.
      const leave = (): void => end(true);
      signal.addEventListener("abort", leave, { once: true });
      try {
        signal.throwIfAborted();
        const { rows } = await client.query({ ...query, values: [...query.values] });
        end(false);
        return rows;
      } finally {
        signal.removeEventListener("abort", leave);
        // After a failure it may still be busy.
        end(true);
      }
    },
    ready: () =>
      pool.query({ text: "SELECT", query_timeout: 1_000 } as pg.QueryConfig).then(
        () => true,
        () => false,
      ),
    close: () => pool.end(),
  };
}

/** An SQLSTATE or a system error's code; never the message, which may quote a row. */
export const codeOf = (thrown: unknown): string => {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  if (typeof code !== "string") return "unknown";
  // redact.ts lets names pass: they start with a letter.
  return /^\d/.test(code) ? `sqlstate_${code}` : code;
};
