// The clinic's two login roles and what each may do. Passwords reach the server as SCRAM verifiers only.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { clinicTables } from "./schema.ts";

export const appRole = "clinic_app";
export const statsRole = "vitals_db_stats";
export const databaseName = "clinic";

/** What PostgreSQL stores for a password (RFC 5803), so that the password itself is in no statement, log or statistics view. */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations = 4_096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const stored = createHash("sha256").update(hmac("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${hmac("Server Key").toString("base64")}`;
}

/** Creates the role when it is missing and gives it this password. The verifier has no quote or backslash in it. */
export const loginRole = (role: string, password: string, connections: number): string => `
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role}; END IF;
END $$;
ALTER ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT ${connections} PASSWORD '${scramVerifier(password)}';`;

/** For the whole server; run in any database. */
export const serverGrants = `
REVOKE ALL ON DATABASE ${databaseName} FROM PUBLIC;
GRANT CONNECT ON DATABASE ${databaseName} TO ${appRole}, ${statsRole};
ALTER ROLE ${appRole} IN DATABASE ${databaseName} SET search_path = clinic;
ALTER ROLE ${appRole} IN DATABASE ${databaseName} SET lock_timeout = '2s';
ALTER ROLE ${appRole} IN DATABASE ${databaseName} SET idle_in_transaction_session_timeout = '10s';`;

/** What db-stats asks of every database that it reads: the same file that a person runs in theirs. */
export const statsGrants = readFileSync(new URL("../../exporters/db-stats/postgres/role.sql", import.meta.url), "utf8");

/** For the clinic's own database: the services read, add and change rows; they delete nothing and define nothing. */
export const clinicGrants = `
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA clinic TO ${appRole};
GRANT SELECT, INSERT, UPDATE ON ${clinicTables.map((table) => `clinic.${table}`).join(", ")} TO ${appRole};`;
