// A PostgreSQL of its own for tests of db-stats, with what undoes each test's mischief.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { runExporter, type Scraped, type Shown } from "./scraped.ts";

export const password = "trouble-password";

/** Asked anew at every scrape. */
const collectors = Object.fromEntries(
  postgresCollectors.filter(({ ttl }) => ttl !== undefined).map(({ name }) => [name, { ttl: "10ms" }]),
);

/** The collectors that did not succeed. */
export const failing = (page: Shown, target = "main"): readonly string[] =>
  postgresCollectors
    .map(({ name }) => name)
    .filter((name) => page.value(`collector_success{collector="${name}",target="${target}"}`) !== 1);

/** Calls of all statements of a database, or those of one series. */
export const calls = (page: Shown, queryid = '[^"]*', id = "main"): number =>
  [
    ...page.body.matchAll(
      new RegExp(`^pg_statement_calls_total\\{database="${id}",queryid="${queryid}"\\} (\\d+)$`, "gm"),
    ),
  ].reduce((sum, [, value]) => sum + Number(value), 0);

export interface Trouble {
  readonly server: TestPostgres;
  /** For files of the test. */
  readonly folder: string;
  /** What is to be undone after the test; the last comes first. */
  readonly cleanups: (() => unknown)[];
  client(port?: number, user?: string): Promise<pg.Client>;
  /** Runs db-stats on the server, once for each of these settings. */
  stats(...databases: readonly object[]): Promise<Scraped>;
}

/** Starts the server before the tests of a `describe` and ends it after them; filled in when they run. */
export function trouble(): Trouble {
  let server: TestPostgres;
  let folder: string;
  let entry: Readonly<Record<string, unknown>>;
  let exporter: Scraped | undefined;
  const cleanups: (() => unknown)[] = [];

  async function client(port = server.port, user = server.user): Promise<pg.Client> {
    const made = new pg.Client({ host: "127.0.0.1", port, user, password, database: "postgres" });
    made.on("error", () => undefined);
    await made.connect();
    cleanups.push(() => made.end().catch(() => undefined));
    return made;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-pg-trouble-"));
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, password, { mode: 0o600 });
    server = await startPostgres({
      password,
      settings: { shared_preload_libraries: "pg_stat_statements", max_connections: "20", autovacuum: "off" },
    });
    const admin = await client();
    await admin.query(`create role stats login password '${password}' in role pg_monitor`);
    // What the exporter asks itself would be counted, too.
    await admin.query("alter role stats set pg_stat_statements.track = 'none'");
    const address = `127.0.0.1:${server.port}`;
    entry = { id: "main", kind: "postgres", address, user: "stats", passwordFile, collectors };
  }, 60_000);

  afterAll(async () => {
    await server?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    await exporter?.close();
    exporter = undefined;
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  return {
    get server() {
      return server;
    },
    get folder() {
      return folder;
    },
    cleanups,
    client,
    stats: async (...databases) => {
      exporter = await runExporter(dbStats, { databases: databases.map((more) => ({ ...entry, ...more })) });
      return exporter;
    },
  };
}
