// Writes a Grafana's database as Grafana does: its tables, its way of saving a dashboard, one save after the other until it is ended.
import { DatabaseSync } from "node:sqlite";

/** Of a dashboard Grafana keeps so many versions: https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/#dashboards. */
export const versionsKept = 20;

const id = "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL";
const dated = "created DATETIME NOT NULL, updated DATETIME NOT NULL";
/** What Grafana's migrations make of the tables that people's work lies in, as far as a save touches them. */
const schema = `
  CREATE TABLE migration_log (${id}, migration_id TEXT NOT NULL, sql TEXT NOT NULL, success INTEGER NOT NULL,
    error TEXT NOT NULL, timestamp DATETIME NOT NULL);
  CREATE TABLE org (${id}, version INTEGER NOT NULL, name TEXT NOT NULL, ${dated});
  CREATE TABLE user (${id}, version INTEGER NOT NULL, login TEXT NOT NULL, email TEXT NOT NULL, org_id INTEGER NOT NULL,
    is_admin INTEGER NOT NULL, ${dated});
  CREATE UNIQUE INDEX UQE_user_login ON user (login);
  CREATE TABLE dashboard (${id}, version INTEGER NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL, data TEXT NOT NULL,
    org_id INTEGER NOT NULL, uid TEXT NULL, ${dated});
  CREATE UNIQUE INDEX UQE_dashboard_org_id_uid ON dashboard (org_id, uid);
  CREATE TABLE dashboard_version (${id}, dashboard_id INTEGER NOT NULL, parent_version INTEGER NOT NULL,
    restored_from INTEGER NOT NULL, version INTEGER NOT NULL, created DATETIME NOT NULL, created_by INTEGER NOT NULL,
    message TEXT NOT NULL, data TEXT NOT NULL);
  CREATE INDEX IDX_dashboard_version_dashboard_id ON dashboard_version (dashboard_id);
  CREATE UNIQUE INDEX UQE_dashboard_version_dashboard_id_version ON dashboard_version (dashboard_id, version);
  CREATE TABLE star (${id}, user_id INTEGER NOT NULL, dashboard_id INTEGER NOT NULL);
  CREATE UNIQUE INDEX UQE_star_user_id_dashboard_id ON star (user_id, dashboard_id);`;

/** What is saved as a version: as large as a dashboard is, and another text each time. */
export const dataOf = (version: number): string => JSON.stringify({ version, panels: Array(4_000).fill(version) });

function create(database: DatabaseSync): void {
  database.exec(`${schema}
    INSERT INTO migration_log VALUES (NULL, 'create dashboard table', '', 1, '', '2026-01-01');
    INSERT INTO org VALUES (NULL, 0, 'Main Org.', '2026-01-01', '2026-01-01');
    INSERT INTO user VALUES (NULL, 0, 'admin', 'admin@localhost', 1, 1, '2026-01-01', '2026-01-01');
    INSERT INTO dashboard VALUES (NULL, 0, 'own', 'Own', '', 1, 'own', '2026-01-01', '2026-01-01');
    INSERT INTO star VALUES (NULL, 1, 1);`);
}

/** A save is one transaction: the dashboard, its new version, and the oldest one's end. */
function save(database: DatabaseSync, version: number): void {
  const data = dataOf(version);
  database.exec("BEGIN IMMEDIATE");
  database.prepare("UPDATE dashboard SET version = ?, data = ? WHERE id = 1").run(version, data);
  database
    .prepare("INSERT INTO dashboard_version VALUES (NULL, 1, ?, 0, ?, '2026-01-01', 1, '', ?)")
    .run(version - 1, version, data);
  database.prepare("DELETE FROM dashboard_version WHERE version <= ?").run(version - versionsKept);
  database.exec("COMMIT");
}

/** `grafana.ts FILE delete|wal`: `delete` is what Grafana's own settings say, `wal` what an operator may choose. */
if (import.meta.main) {
  const [file = "", mode = "delete"] = process.argv.slice(2);
  const database = new DatabaseSync(file, { timeout: 10_000 });
  database.exec(`PRAGMA journal_mode = ${mode}`);
  if (database.prepare("SELECT name FROM sqlite_master WHERE name = 'dashboard'").get() === undefined) create(database);
  const { version } = database.prepare("SELECT version FROM dashboard").get() as { readonly version: number };
  for (let next = version + 1; ; next++) {
    save(database, next);
    await new Promise((done) => setTimeout(done, 5));
  }
}
