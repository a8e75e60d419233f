// db-stats and a PostgreSQL over TLS: whom it trusts, whom it shows, and what of that changes while it runs.
import { readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { describe, expect, it } from "vitest";
import { type Certificate, selfSigned } from "../../tools/certificate.ts";
import { until } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { failing, trouble } from "./trouble.ts";

const missing = postgresMissing();

describe.skipIf(missing !== undefined)(`db-stats over TLS${missing === undefined ? "" : ` (${missing})`}`, () => {
  const db = trouble();
  const { cleanups, client, stats } = db;

  /** Switches TLS on with these files in the data directory, and what pg_hba.conf says before all else. */
  async function secure(
    admin: pg.Client,
    files: Readonly<Record<string, string>>,
    settings: Readonly<Record<string, string>>,
    firstRule = "",
  ): Promise<void> {
    for (const [name, text] of Object.entries(files)) await serverFile(admin, name, text);
    await chmod(join(db.server.data, "server.key"), 0o600);
    for (const [name, value] of Object.entries(settings)) await admin.query(`alter system set ${name} = ${value}`);
    const rules = readFileSync(join(db.server.data, "pg_hba.conf"), "utf8");
    db.server.write("data/pg_hba.conf", `${firstRule}\n${rules}`);
    await admin.query("select pg_reload_conf()");
    cleanups.push(async () => {
      db.server.write("data/pg_hba.conf", rules);
      for (const name of Object.keys(settings)) await admin.query(`alter system reset ${name}`);
      await admin.query("select pg_reload_conf()");
    });
    await until(async () => (await admin.query("show ssl")).rows[0].ssl === "on");
  }

  /** The server writes it itself, so that it is its own. */
  const serverFile = (admin: pg.Client, name: string, text: string) =>
    admin.query(
      `copy (select line from unnest(string_to_array('${text.trim()}', e'\\n')) with ordinality as t(line, n) order by n)
         to '${db.server.data}/${name}'`,
    );

  const validity = () => [new Date(Date.now() - 60_000), new Date(Date.now() + 3_600_000)] as const;

  it("reads a server over TLS whose certificate is trusted for its name, and a new authority without a restart", async () => {
    const admin = await client();
    const name = "database.internal";
    const [certificate, other] = [selfSigned(name, ...validity()), selfSigned(name, ...validity())];
    await secure(admin, { "server.crt": certificate.cert, "server.key": certificate.key }, { ssl: "on" });
    const caFile = join(db.folder, "ca.pem");
    await writeFile(caFile, other.cert);
    const address = `localhost:${db.server.port}`;
    const { metrics } = await stats(
      { tls: { caFile, serverName: name } },
      { id: "at-a-name", address, tls: { caFile, serverName: name } },
      { id: "of-its-address", address, tls: { caFile } },
      { id: "of-a-third", address, tls: { caFile, serverName: "elsewhere" } },
      { id: "of-an-ip", tls: { caFile, serverName: "127.0.0.9" } },
    );
    const refused = await metrics();
    for (const id of ["main", "at-a-name"])
      expect(refused.value(`pg_down_reason{database="${id}",cause="tls"}`)).toBe(1);
    await writeFile(caFile, certificate.cert);
    const trusted = await until(async () => {
      const page = await metrics();
      return ["main", "at-a-name"].every((id) => page.value(`pg_up{database="${id}"}`) === 1) ? page : undefined;
    });
    for (const id of ["of-its-address", "of-a-third", "of-an-ip"])
      expect(trusted.value(`pg_down_reason{database="${id}",cause="tls"}`)).toBe(1);
    const { rows } = await admin.query(
      "select bool_and(ssl) as all from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'vitals-db-stats'",
    );
    expect(rows[0].all).toBe(true);
  });

  it("shows the certificate that a server demands, a rotated one without a restart, and says why another is refused", async () => {
    const admin = await client();
    const certificate = selfSigned("localhost", ...validity());
    const [first, second, unknown] = [1, 2, 3].map(() => selfSigned("stats", ...validity())) as [
      Certificate,
      Certificate,
      Certificate,
    ];
    const someone = selfSigned("someone", ...validity());
    const over = selfSigned("stats", new Date(Date.now() - 120_000), new Date(Date.now() - 60_000));
    const trusted = (...certificates: readonly { readonly cert: string }[]): Promise<unknown> =>
      serverFile(admin, "clients.crt", certificates.map(({ cert }) => cert).join(""));
    await trusted(first, someone, over);
    await secure(
      admin,
      { "server.crt": certificate.cert, "server.key": certificate.key },
      { ssl: "on", ssl_ca_file: "'clients.crt'" },
      "hostssl all stats 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
    );
    const [caFile, certFile, keyFile] = ["ca.pem", "client.pem", "client.key"].map((name) => join(db.folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(caFile, certificate.cert);
    const tls = { caFile, serverName: "localhost" };
    const { metrics } = await stats({ tls: { ...tls, certFile, keyFile } }, { id: "without", tls });
    const show = async ({ cert }: { readonly cert: string }, { key }: { readonly key: string }): Promise<void> => {
      await writeFile(certFile, cert);
      await writeFile(keyFile, key);
      await admin.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'vitals-db-stats'",
      );
    };
    const accepted = () => until(async () => failing(await metrics()).length === 0, 10_000);
    /** The next connect fails for this cause. */
    const refused = async (cause: string): Promise<void> => {
      const count = async () =>
        (await metrics()).value(`pg_connection_failures_total{database="main",cause="${cause}"}`);
      const before = (await count()) ?? Number.NaN;
      await until(async () => ((await count()) ?? 0) > before, 10_000);
      const page = await metrics();
      expect(page.value(`pg_down_reason{database="main",cause="${cause}"}`)).toBe(1);
      expect(page.value('pg_down_reason{database="without",cause="auth"}')).toBe(1);
    };
    await show(first, first);
    await accepted();
    const { rows } = await admin.query(
      "select client_dn from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'vitals-db-stats'",
    );
    expect(rows).toEqual([{ client_dn: "/CN=stats" }]);
    const wrong = [
      ["auth", someone, someone],
      ["tls", unknown, unknown],
      ["tls", over, over],
      ["tls", first, second],
      ["tls", { cert: "no certificate" }, second],
    ] as const;
    for (const [cause, cert, key] of wrong) {
      await show(cert, key);
      await refused(cause);
    }
    await trusted(second);
    await admin.query("select pg_reload_conf()");
    await show(first, first);
    await refused("tls");
    await show(second, second);
    await accepted();
  }, 60_000);
});
