// The seed job against a real PostgreSQL 18.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scramVerifier } from "../../demo/clinic/roles.ts";
import { clinicTables } from "../../demo/clinic/schema.ts";
import { freePort } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { type Clinic, clinicPassword, startClinic, startProgram, statsPassword } from "./clinic.ts";

const asOf = ["--as-of", "2026-01-31"];
const app = { user: "clinic_app", password: clinicPassword };
const stats = { user: "vitals_db_stats", password: statsPassword };

describe.skipIf(postgresMissing() !== undefined)(
  `the seed job ${postgresMissing() ?? ""}`,
  { timeout: 120_000 },
  () => {
    let clinic: Clinic;
    beforeAll(async () => {
      clinic = await startClinic({ shared_preload_libraries: "pg_stat_statements" });
    }, 60_000);
    afterAll(() => clinic?.stop(), 30_000);

    const counts = async (): Promise<Record<string, number>> => {
      const [row] = await clinic.sql<Record<string, number>>(
        `SELECT ${clinicTables.map((table) => `(SELECT count(*)::integer FROM clinic.${table}) AS ${table}`).join(", ")}`,
      );
      return row ?? {};
    };
    /** Of everything but the times at which rows were written. */
    const fingerprint = async (): Promise<string> => {
      const texts = clinicTables.map(
        (table) =>
          `(SELECT string_agg(md5((to_jsonb(t) - 'created_at' - 'updated_at')::text), '' ORDER BY id) FROM clinic.${table} AS t)`,
      );
      const [row] = await clinic.sql<{ print: string }>(`SELECT md5(concat(${texts.join(", ")})) AS print`);
      return row?.print ?? "";
    };

    it("makes the clinic in the size that is asked for and says so in one line", async () => {
      const { code, output } = await clinic.seed("--patients", "400", ...asOf);
      expect(output.trim()).toMatch(/^clinic is seeded: 400 patients, \d+ appointments \(400 patients added\) in \d/);
      expect(output.trim().split("\n")).toHaveLength(1);
      expect(code).toBe(0);
      const made = await counts();
      expect(made).toMatchObject({ locations: 24, staff: 288, insurance_providers: 12, inventory: 600, patients: 400 });
      expect(made.appointments).toBeGreaterThanOrEqual(4_000);
      for (const table of clinicTables) expect(made[table], table).toBeGreaterThan(0);
    });

    it("changes no row when it runs again", async () => {
      const before = [await counts(), await fingerprint()];
      const { code, output } = await clinic.seed("--patients", "400");
      expect(code).toBe(0);
      expect(output).toContain("(0 patients added)");
      expect([await counts(), await fingerprint()]).toEqual(before);
    });

    it("gives the same rows for the same size and day", async () => {
      const before = await fingerprint();
      await clinic.sql("DROP DATABASE clinic", {
        user: clinic.postgres.user,
        password: clinic.postgres.password,
        database: "postgres",
      });
      expect((await clinic.seed("--patients", "400", ...asOf)).code).toBe(0);
      expect(await fingerprint()).toBe(before);
    });

    it("grows beside rows that the services have added, and does not shrink", async () => {
      await clinic.sql(
        "INSERT INTO patients (given_name, family_name, birth_date, sex, home_location_id) VALUES ('Sample', 'Added-1', '2000-01-01', 'other', 1)",
        app,
      );
      expect((await clinic.seed("--patients", "450")).output).toContain("451 patients");
      expect((await clinic.seed("--patients", "10")).output).toContain("451 patients");
      const [{ orphans } = { orphans: -1 }] = await clinic.sql<{ orphans: number }>(
        "SELECT count(*)::integer AS orphans FROM clinic.patients p WHERE family_name NOT LIKE 'Added%' AND NOT EXISTS (SELECT FROM clinic.appointments a WHERE a.patient_id = p.id)",
      );
      expect(orphans).toBe(0);
    });

    it("ends in a whole clinic when an earlier run was killed in the middle", async () => {
      const killed = startProgram("seed.ts", "--address", clinic.address, ...clinic.passwords, "--patients", "30000");
      await new Promise((resolve) => setTimeout(resolve, 900));
      await killed.end("SIGKILL");
      const { code, output } = await clinic.seed("--patients", "3000");
      expect(code).toBe(0);
      const made = Number(/(\d+) patients,/.exec(output)?.[1]);
      // 3001, or 30001 when the killed run had ended already.
      expect([3_001, 30_001]).toContain(made);
      const [{ orphans } = { orphans: -1 }] = await clinic.sql<{ orphans: number }>(
        "SELECT count(*)::integer AS orphans FROM clinic.patients p WHERE family_name NOT LIKE 'Added%' AND NOT EXISTS (SELECT FROM clinic.appointments a WHERE a.patient_id = p.id)",
      );
      expect(orphans).toBe(0);
    });

    it("invents people who cannot be real", async () => {
      const [{ odd } = { odd: -1 }] = await clinic.sql<{ odd: number }>(
        `SELECT count(*)::integer AS odd FROM clinic.patients WHERE family_name NOT LIKE 'Added%' AND NOT (
        family_name ~ '^(Testperson|Demofield|Exampleton|Samplewood|Mockford|Placeholder|Syntheson|Fixtureby)-\\d{6}$'
        AND phone ~ '^\\+1-555-01\\d\\d$' AND email LIKE '%@patients.example' AND record_number ~ '^DEMO-\\d{8}$')`,
      );
      expect(odd).toBe(0);
    });

    it("lets the services' role read, add and change rows, and nothing else", async () => {
      expect(await clinic.sql("SELECT id FROM patients LIMIT 1", app)).toHaveLength(1);
      for (const refused of [
        "DELETE FROM patients",
        "TRUNCATE patients",
        "DROP TABLE patients",
        "CREATE TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "SELECT * FROM clinic.seed",
        "ALTER TABLE patients ADD x int",
        "CREATE ROLE other",
        "SELECT pg_read_file('postgresql.conf')",
      ])
        await expect(clinic.sql(refused, app), refused).rejects.toMatchObject({
          code: expect.stringMatching(/^(42501|3D000)$/),
        });
    });

    it("lets the statistics role read statistics and no row of the clinic", async () => {
      expect(await clinic.sql("SELECT numbackends FROM pg_stat_database WHERE datname = 'clinic'", stats)).toHaveLength(
        1,
      );
      const [{ seen } = { seen: 0 }] = await clinic.sql<{ seen: number }>(
        "SELECT count(*)::integer AS seen FROM pg_stat_statements WHERE query LIKE '%clinic.patients%'",
        stats,
      );
      expect(seen).toBeGreaterThan(0);
      expect(await clinic.sql("SELECT FROM vitals_db_stats.column_widths() LIMIT 1", stats)).toHaveLength(1);
      expect(await clinic.sql("SELECT used_ratio FROM vitals_db_stats.sequences() LIMIT 1", stats)).toBeDefined();
      await expect(clinic.sql("SELECT * FROM clinic.patients", stats)).rejects.toMatchObject({ code: "42501" });
    });

    it("rotates passwords, and leaves them in no statement, verifiers included", async () => {
      const next = "rotated-Pw 2 with 'quote";
      const file = clinic.passwordFile("rotated", next);
      expect((await clinic.seed("--clinic-password-file", file)).code).toBe(0);
      await expect(clinic.sql("SELECT 1", app)).rejects.toMatchObject({ code: "28P01" });
      expect(await clinic.sql("SELECT 1 AS one", { ...app, password: next })).toEqual([{ one: 1 }]);
      const statements = await clinic.sql<{ query: string }>("SELECT query FROM pg_stat_statements");
      expect(statements.length).toBeGreaterThan(10);
      expect(statements.map(({ query }) => query).join("\n")).not.toMatch(/SCRAM-SHA|rotated-Pw|Pw1/);
      expect((await clinic.seed()).code).toBe(0);
      expect(await clinic.sql("SELECT 1 AS one", app)).toEqual([{ one: 1 }]);
    });

    it("waits for a server that is still starting", async () => {
      await clinic.postgres.halt();
      const seeding = clinic.seed();
      await new Promise((resolve) => setTimeout(resolve, 600));
      await clinic.postgres.resume();
      expect(await seeding).toMatchObject({ code: 0, output: expect.stringContaining("(0 patients added)") });
    });

    it("names what is wrong without showing a password", async () => {
      const wrong = clinic.passwordFile("wrong", "not-the-password-Pw9");
      const refused = await clinic.seed("--admin-password-file", wrong);
      expect(refused.code).toBe(1);
      expect(refused.output).toContain("PostgreSQL refused the user postgres (28P01)");
      expect(refused.output).not.toContain("Pw9");
      const missing = await clinic.seed("--stats-password-file", "/nowhere/password");
      expect(missing.output).toContain("/nowhere/password: the password file cannot be read (ENOENT)");
      const foreign = await clinic.seed("--clinic-password-file", clinic.passwordFile("foreign", "pässword"));
      expect(foreign.output).toContain("other than printable ASCII");
      expect(foreign.output).not.toContain("ssword\n");
      const spelled = await clinic.seed("--patient", "3", "--patients", "x");
      expect(spelled).toMatchObject({ code: 1, output: expect.stringContaining("--patient") });
    });

    it("gives up on a server that never comes", async () => {
      const { seed } = await import("../../demo/seed.ts");
      const options = {
        adminUser: "postgres",
        adminPassword: "x",
        clinicPassword: "x",
        statsPassword: "x",
        patients: 1,
        asOf: "2026-01-31",
      };
      await expect(
        seed({ ...options, address: `127.0.0.1:${await freePort()}`, waitMilliseconds: 300 }),
      ).rejects.toThrow("did not accept connections within 300 ms");
    });
  },
);

describe("a SCRAM verifier", () => {
  it("is what PostgreSQL stores for a known salt", () => {
    // The password and salt of RFC 7677's example.
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
    expect(scramVerifier("pencil", salt, 4_096)).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });
});
