// A connection to PostgreSQL that can only read, and never for long: what every collector here asks through.
import type { Client } from "pg";
import type { CollectorCause } from "../../../telemetry/catalogue/exporter.ts";
import { postgres } from "../../../telemetry/catalogue/postgres.ts";
import { type Collector, CollectorError, type Run, sampler } from "../../collector.ts";
import { causeOf } from "../causes.ts";
import type { PostgresEntry } from "../config.ts";
import type { Connection, Connections, Owner } from "../connections.ts";
import { endpointOf } from "../endpoint.ts";
import { readPassword } from "../password.ts";
import { tlsOf } from "../tls.ts";

/** A statement, or the one for a major version of the server; undefined where that has nothing to ask. */
export type Sql = string | ((major: number, settings: Settings) => string | undefined);
export type Settings = Pick<PostgresEntry, "limits" | "slowStatement" | "bloat">;

export interface PostgresContext extends Pick<Run, "dropped"> {
  /** Runs one statement without parameters in a read-only transaction with the time limits of this run. */
  query<Row extends object>(sql: Sql): Promise<readonly Row[]>;
  readonly settings: Settings;
  /** The same object for the same configured database: what a collector remembers of it is kept by this. */
  readonly identity: object;
  /** Tells a person which grants the role lacks; none is good news. */
  lacks(grants: readonly string[]): void;
}

export type PostgresCollector = Collector<PostgresContext>;

/** A sample of a `pg_*` metric. */
export const pg = sampler(postgres, "database");

export interface PostgresConnection extends Connection {
  readonly client: Client;
  /** Of the server's version, such as 18. */
  readonly major: number;
}

/** A collector never waits longer for a lock than this; it asks again at the next scrape. */
const lockTimeoutMs = 500;

export function postgresOwner(entry: PostgresEntry, failed: (error: unknown) => void): Owner<PostgresConnection> {
  const { host, port } = endpointOf(entry);
  // Loaded only where it is used, and not while a scrape waits for it.
  const loading = import("pg");
  return {
    id: entry.id,
    server: `${host}:${port}`,
    late: () => failed(new CollectorError("timeout")),
    open: async (signal, begun) => {
      const { default: library } = await loading;
      const [password, ssl] = await Promise.all([readPassword(entry.passwordFile), tlsOf(entry)]).catch((error) => {
        failed(error);
        throw error;
      });
      // The time may be over before there is anything that could be given up.
      if (signal.aborted) throw new CollectorError("timeout");
      const client = new library.Client({
        host,
        port,
        user: entry.user,
        database: entry.database,
        ...(password === undefined ? {} : { password }),
        ...(ssl === undefined ? {} : { ssl }),
        application_name: "vitals-db-stats",
        keepAlive: true,
        // A server that is gone does not answer these; one that makes us wait does.
        keepAliveInitialDelayMillis: 10_000,
      });
      let usable = true;
      let major = 0;
      wireOf(client).on("parameterStatus", ({ parameterName, parameterValue }) => {
        if (parameterName === "server_version") major = Number.parseInt(parameterValue, 10);
      });
      const destroy = (): void => {
        usable = false;
        wireOf(client).stream.destroy();
      };
      // It starts a session, which waits where a lock on its catalogues is held, and does not look whether we are still there.
      wireOf(client).stream.once("connect", begun);
      // Without a listener the end of the server would end this process.
      client.on("error", () => {
        usable = false;
      });
      client.on("end", () => {
        usable = false;
      });
      signal.addEventListener("abort", destroy, { once: true });
      try {
        await client.connect();
        return { client, major, healthy: () => usable, destroy, close: () => client.end() };
      } catch (error) {
        destroy();
        // Who has waited in vain has said so.
        if (!signal.aborted) failed(named(error));
        throw error;
      } finally {
        signal.removeEventListener("abort", destroy);
      }
    },
  };
}

export const postgresContext = (
  connections: Connections,
  owner: Owner<PostgresConnection>,
  run: Run,
  settings: Settings,
  lacks: PostgresContext["lacks"],
): PostgresContext => ({
  settings,
  lacks,
  identity: owner,
  dropped: run.dropped,
  query: async (sql) => {
    try {
      return await connections.with(owner, run.signal, async (connection) => {
        const text = typeof sql === "string" ? sql : sql(connection.major, settings);
        return text === undefined ? [] : readOnly(connection, text, run.remaining());
      });
    } catch (error) {
      throw new CollectorError(causeOf(named(error)), error);
    }
  },
});

/** One round trip. The server's own limit is a little shorter than ours, so that a slow statement does not cost the connection. */
async function readOnly<Row>(
  { client, destroy }: PostgresConnection,
  sql: string,
  remainingMs: number,
): Promise<readonly Row[]> {
  const statementMs = Math.max(50, Math.floor(remainingMs - Math.min(250, remainingMs / 4)));
  const limits = `set local statement_timeout = ${statementMs}; set local lock_timeout = ${Math.min(lockTimeoutMs, statementMs)}`;
  const script = `begin transaction read only; ${limits}; set local search_path = pg_catalog; ${sql}; commit`;
  try {
    const results = (await client.query(script)) as unknown as readonly { readonly rows: readonly Row[] }[];
    return results[4]?.rows ?? [];
  } catch (error) {
    await client.query("rollback").catch(destroy);
    throw error;
  }
}

/** pg reports a connect that took too long, and a lost connection, without a code. */
function named(error: unknown): unknown {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  if (error instanceof CollectorError || code !== undefined) return error;
  const cause: CollectorCause = /timeout/i.test(message) ? "timeout" : /SSL/.test(message) ? "tls" : "connect";
  return /timeout|SSL|terminated|closed/i.test(message) ? new CollectorError(cause, error) : error;
}

/** pg's types leave out the connection: what the server says of itself, and the only way to let go without waiting for it. */
const wireOf = (client: Client) =>
  (
    client as unknown as {
      readonly connection: {
        readonly stream: { destroy(): void; once(event: "connect", listener: () => void): void };
        on(
          event: "parameterStatus",
          listener: (message: { readonly parameterName: string; readonly parameterValue: string }) => void,
        ): void;
      };
    }
  ).connection;
