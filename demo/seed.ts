// The job that makes the clinic's database: roles, schema, synthetic data. May run again at any time; adds only what is missing.

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { readOptions, readPassword, splitAddress } from "../components/arguments.ts";
import { messageOf, StackError, stackError } from "../components/errors.ts";
import { formatMilliseconds } from "../components/units.ts";
import { patientData, recordData, referenceData } from "./clinic/data.ts";
import {
  appRole,
  clinicGrants,
  databaseName,
  loginRole,
  serverGrants,
  statsGrants,
  statsRole,
} from "./clinic/roles.ts";
import { keysAndIndexes, tables } from "./clinic/schema.ts";

export interface SeedOptions {
  readonly address: string;
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly clinicPassword: string;
  readonly statsPassword: string;
  readonly patients: number;
  /** The day that the synthetic appointments lie around; the first run's day stays. */
  readonly asOf: string;
  readonly waitMilliseconds: number;
}

export interface Seeded {
  readonly patients: number;
  readonly appointments: number;
  readonly added: number;
}

// Any two seeds of one server exclude each other.
const lockKey = 7_312_001;
const loadTimeout = 600_000;

/** Creates or completes the clinic. The clinic never shrinks: fewer patients than there are leaves them. */
export async function seed(options: SeedOptions): Promise<Seeded> {
  const server = await connectWhenUp(options);
  try {
    await server.query(`SELECT pg_advisory_lock(${lockKey})`);
    const { rowCount } = await server.query("SELECT FROM pg_database WHERE datname = $1", [databaseName]);
    if (rowCount === 0) await server.query(`CREATE DATABASE ${databaseName}`);
    await server.query(loginRole(appRole, options.clinicPassword, 60));
    await server.query(loginRole(statsRole, options.statsPassword, 10));
    await server.query(serverGrants);
    await statementStatistics(server);
    return await fill(options);
  } finally {
    await server.end();
  }
}

async function fill(options: SeedOptions): Promise<Seeded> {
  const client = await connect(options, databaseName);
  try {
    await statementStatistics(client);
    await client.query(tables);
    const added = await addPatients(client, options);
    await client.query(keysAndIndexes);
    await client.query(clinicGrants);
    await client.query(statsGrants);
    if (added > 0) await client.query("VACUUM (ANALYZE)");
    const { rows } = await client.query<{ patients: number; appointments: number }>(
      "SELECT (SELECT count(*)::integer FROM clinic.patients) AS patients, (SELECT count(*)::integer FROM clinic.appointments) AS appointments",
    );
    return { patients: rows[0]?.patients ?? 0, appointments: rows[0]?.appointments ?? 0, added };
  } finally {
    await client.end();
  }
}

/** All or nothing: a run that is cut off leaves no half-filled clinic. */
async function addPatients(client: pg.Client, { patients, asOf }: SeedOptions): Promise<number> {
  await client.query("BEGIN");
  const { rows } = await client.query<{ patients: number; as_of: string }>(
    "SELECT patients, as_of::text FROM clinic.seed",
  );
  const before = rows[0]?.patients ?? 0;
  const day = rows[0]?.as_of ?? asOf;
  if (rows[0] === undefined) for (const statement of referenceData) await client.query(statement);
  if (patients > before) {
    await client.query(patientData.numbered);
    await client.query(patientData.insert, [before + 1, patients, day]);
    await client.query(patientData.analyze);
    for (const statement of recordData) await client.query(statement, [day]);
    await client.query(
      "INSERT INTO clinic.seed (patients, as_of) VALUES ($1, $2) ON CONFLICT (only_row) DO UPDATE SET patients = excluded.patients, seeded_at = now()",
      [patients, day],
    );
  }
  await client.query("COMMIT");
  return Math.max(0, patients - before);
}

/** The extension is there to install even when the server was started without its library; then its view just stays unusable. */
async function statementStatistics(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query("SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'");
  if (rowCount !== 0) await client.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
}

const notUpYet = new Set(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "57P03"]);

async function connectWhenUp(options: SeedOptions): Promise<pg.Client> {
  const deadline = Date.now() + options.waitMilliseconds;
  for (;;) {
    try {
      return await connect(options, "postgres");
    } catch (thrown) {
      const code = (thrown as { code?: string }).code ?? "";
      const starting = notUpYet.has(code) || /timeout|terminated unexpectedly/.test(messageOf(thrown));
      if (!starting)
        throw stackError(
          options.address,
          `PostgreSQL refused the user ${options.adminUser} (${code})`,
          "Check --admin-user and the admin password file.",
        );
      if (Date.now() > deadline)
        throw stackError(
          options.address,
          `PostgreSQL did not accept connections within ${formatMilliseconds(options.waitMilliseconds)}`,
          "Start it, or look at its log.",
        );
      await sleep(200);
    }
  }
}

async function connect({ address, adminUser, adminPassword }: SeedOptions, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...splitAddress(address),
    user: adminUser,
    password: adminPassword,
    database,
    application_name: "demo-seed",
    connectionTimeoutMillis: 3_000,
    query_timeout: loadTimeout,
    // Statements with verifiers in them stay out of the log and of the statistics; a killed seed does not hold the lock for long.
    options:
      "-c log_statement=none -c log_min_duration_statement=-1 -c log_min_error_statement=panic -c pg_stat_statements.track_utility=off -c client_connection_check_interval=1s",
  });
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (thrown) {
    await client.end().catch(() => {});
    throw thrown;
  }
  return client;
}

async function main(): Promise<void> {
  const started = performance.now();
  const options = readOptions("demo/seed.ts", process.argv.slice(2), {
    address: { kind: "address" },
    "admin-user": { kind: "text", default: "postgres" },
    "admin-password-file": { kind: "file" },
    "clinic-password-file": { kind: "file" },
    "stats-password-file": { kind: "file" },
    patients: { kind: "count", default: "2000" },
    "as-of": { kind: "date", default: new Date().toISOString().slice(0, 10) },
  });
  const { patients, appointments, added } = await seed({
    address: options.address,
    adminUser: options["admin-user"],
    adminPassword: readPassword(options["admin-password-file"]),
    clinicPassword: readPassword(options["clinic-password-file"]),
    statsPassword: readPassword(options["stats-password-file"]),
    patients: Number(options.patients),
    asOf: options["as-of"],
    waitMilliseconds: 60_000,
  });
  console.log(
    `clinic is seeded: ${patients} patients, ${appointments} appointments (${added} patients added) in ${formatMilliseconds(performance.now() - started)}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((thrown: unknown) => {
    console.error(thrown instanceof StackError ? thrown.message : `demo/seed.ts: ${messageOf(thrown)}`);
    process.exitCode = 1;
  });
}
