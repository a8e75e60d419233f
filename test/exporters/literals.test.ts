// Literals never leave: statements full of markers are executed on a real server, and no output of the exporter has one.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { withoutLiterals } from "../../exporters/db-stats/literals.ts";
import { postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const password = "CANARY-pg-password";
const token = "a-token-for-the-texts";
const missing = postgresMissing();

/** What stands in literals, but for the ends that a cut leaves of it. */
const marked = /MARK|KRAM/;
/** What is awkward in a literal: quotes, escapes, other literals' beginnings and ends, lines. */
const awkward = fc
  .array(fc.constantFrom("MARK", "'", "\\", '"', "/*", "*/", "--", "\n", "$$", "$q$", " ", "E'", ";", "KRAM", ")"), {
    maxLength: 9,
  })
  .map((pieces) => `MARK${pieces.join("")}KRAM`);
const double = (text: string, quote: string): string => text.replaceAll(quote, quote + quote);
const escapes = (text: string): string => double(text, "\\").replaceAll("'", "\\'");
/** A literal as it is written with `standard_conforming_strings` on or off. */
const literal: fc.Arbitrary<(standard: boolean) => string> = fc.oneof(
  awkward.map((text) => (standard: boolean) => `'${double(standard ? text : double(text, "\\"), "'")}'`),
  awkward.map((text) => (standard: boolean) => `'${standard ? double(text, "'") : escapes(text)}'`),
  fc.tuple(awkward, awkward).map(
    ([a, b]) =>
      () =>
        `E'${escapes(a)}'\n '${escapes(b)}'`,
  ),
  fc.tuple(awkward, awkward).map(
    ([a, b]) =>
      () =>
        `e'${double(double(a, "\\"), "'")}' -- ${a.replaceAll("\n", "")}\n '${escapes(b)}'`,
  ),
  awkward.map((text) => () => `$tag$${text}$tag$`),
  awkward.map((text) => () => `$$${text.replaceAll("$", "")}$$`),
  awkward.map((text) => () => `/* ${text.replaceAll(/[*/]/g, "")} /* ' ${text.replaceAll(/[*/]/g, "")} */ " */ 1`),
  awkward.map((text) => () => `1 -- ${text.replaceAll("\n", "")}\n`),
  awkward.map((text) => (standard: boolean) => (standard ? `U&'${double(double(text, "\\"), "'")}'` : "1")),
  awkward.map((text) => (standard: boolean) => `N'${double(standard ? text : double(text, "\\"), "'")}'`),
  // A name that is not written like one.
  awkward.map((text) => () => `1 as " ${double(text, '"')}"`),
  fc.constant(() => "B'0101', X'CAFE'"),
);

describe("a statement without literals", () => {
  it.each([
    ["select * from t where a = $1 and b in ($2, $3, $4)", "select * from t where a = $1 and b in (?)"],
    ["SELECT 1, 'CANARY', -2.5e3 FROM t -- CANARY\nWHERE x", "SELECT ?, ?, -? FROM t WHERE x"],
    ["select /* CANARY /* nested CANARY */ CANARY */ a from t", "select a from t"],
    ["select E'it\\'s CANARY', 'it''s CANARY', $q$CANARY$q$, $$CANARY$$", "select ?, ?, ?, ?"],
    ["select 'CANARY never ends", "select ?"],
    ['select a as "CANARY with spaces", "plain" from t', 'select a as ?, "plain" from t'],
    ["insert into t values (U&'CANARY\\0041', x'CA', b'01')", "insert into t values (?)"],
    ["select a1, t.b2 from t1 where a1 = 17", "select a1, t.b2 from t1 where a1 = ?"],
    ["select E'a'\n  'it\\'s CANARY', b from t", "select ?, b from t"],
    ["select e'a' -- CANARY\n -- CANARY\n 'it\\'s CANARY', b from t", "select ?, b from t"],
    // Whether the backslash escapes is a setting: from there on nothing is told.
    ["select a, 'it\\'s CANARY' from t", "select a, ?"],
    ["select a, 'a\\\\b', 'c\\n', b from t", "select a, ?, ?, b from t"],
    ["select a -- x\r, 'y\n CANARY' from t", "select a , ? from t"],
    ["select E'CANARY\\", "select ?"],
    ["select a, $CANARY", "select a, ?"],
    ["select N'CANARY', B'01', a, U&'CANARY!' UESCAPE '!' from t", "select ?, ?, a, ? UESCAPE ? from t"],
    ["alter role someone password 'CANARY'", "alter role …"],
    ["set application_name to CANARY", "set …"],
    ["do $$ begin perform 'CANARY'; end $$", "do …"],
    ["execute CANARY(1)", "execute …"],
    ["savepoint CANARY", "savepoint …"],
  ])("%s", (text, stripped) => {
    expect(withoutLiterals(text)).toBe(stripped);
  });

  it("keeps no part of any string, however it is written, even where the text is cut", () => {
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 5 }), fc.nat(400), (literals, cut) => {
        for (const standard of [true, false]) {
          const text = `select ${literals.map((write) => write(standard)).join(", ")} from t`;
          expect(withoutLiterals(text)).not.toMatch(marked);
          expect(withoutLiterals(text.slice(0, cut))).not.toMatch(marked);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe.skipIf(missing !== undefined)(`texts of statements${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestPostgres;
  let folder: string;
  let exporter: Scraped;
  let admin: pg.Client;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitals-literals-"));
    await writeFile(join(folder, "password"), password, { mode: 0o600 });
    await writeFile(join(folder, "token"), token, { mode: 0o600 });
    server = await startPostgres({
      password,
      settings: { shared_preload_libraries: "pg_stat_statements", log_statement: "all" },
    });
    admin = new pg.Client({ host: "127.0.0.1", port: server.port, user: server.user, password });
    await admin.connect();
    await admin.query("create extension pg_stat_statements");
  });

  afterAll(async () => {
    await exporter?.close();
    await admin?.end();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("are off by default, need the token, and hold no literal of utility statements, comments or lists", async () => {
    const entry = {
      id: "main",
      kind: "postgres",
      address: `127.0.0.1:${server.port}`,
      user: server.user,
      passwordFile: join(folder, "password"),
      limits: { statements: 500 },
    };
    exporter = await runExporter(dbStats, { databases: [entry] });
    const get = async (authorization?: string): Promise<Response> =>
      exporter.page("/statements/main", authorization === undefined ? {} : { headers: { authorization } });
    expect((await get(`Bearer ${token}`)).status).toBe(404);
    await exporter.configure({ databases: [entry], texts: { tokenFile: join(folder, "token") } });
    await expect.poll(async () => (await get()).status).toBe(401);
    expect((await get("Bearer wrong")).status).toBe(401);

    await admin.query("create table people (id int, name text)");
    for (const text of [
      "create role someone password 'CANARY'",
      "comment on table people is 'CANARY'",
      "set application_name = 'CANARY'",
      "notify channel, 'CANARY'",
      "do $$ begin perform 'CANARY'; end $$",
      "prepare CANARY as select 'CANARY'::text",
      "execute CANARY",
      "copy (select 'CANARY') to stdout",
      "create view seen as select 'CANARY' as note",
      "select /* CANARY */ id from people where name in ('CANARY', 'CANARY2') -- CANARY",
      "insert into people values (47110811, 'CANARY'), (47110812, E'CANARY\\'s')",
      "select count(*) from people where name = $body$CANARY$body$ and id in (47110811, 47110812, 47110813)",
    ])
      await admin.query(text).catch(() => undefined);
    await admin.query("select missing_CANARY('CANARY')").catch(() => undefined);
    const page = await exporter.metrics();
    const probe = await (await exporter.page("/probe?database=main")).text();
    // A scrape leaves the texts on the server's disk.
    expect(server.output()).toContain("pg_stat_statements(false)");
    expect(server.output()).not.toContain("pg_stat_statements(true)");
    const texts = await (await get(`Bearer ${token}`)).text();
    const { statements } = JSON.parse(texts) as { readonly statements: readonly { readonly text: string }[] };
    const all = statements.map(({ text }) => text);
    expect(all).toContain("insert into people values (?), (?)");
    expect(all).toContain("create role …");
    expect(all.some((text) => text.startsWith("select count(*) from people where name = $1"))).toBe(true);
    expect(`${page.body}${probe}${texts}${exporter.lines.join("")}`).not.toMatch(/CANARY|4711081/i);
  });

  it("hold no part of any literal that the server has taken, by either rule for backslashes", async () => {
    const amount = process.env.VITALS_PROVE === "1" ? 2_000 : 60;
    const statements = fc.sample(fc.tuple(fc.array(literal, { minLength: 1, maxLength: 4 }), fc.nat(4)), amount);
    let taken = 0;
    for (const standard of [true, false]) {
      await admin.query(
        `set standard_conforming_strings = ${standard ? "on" : "off"}; set escape_string_warning = off`,
      );
      for (const [index, [literals, kind]] of statements.entries()) {
        const list = literals.map((write) => write(standard)).join(", ");
        // Each of its own shape, so that each is kept; a value of any place.
        const shape = Array.from({ length: 1 + (index % 50) }, () => "1").join(" + ");
        const text = [
          `select ${shape}, ${list}`,
          `select ${shape} from people where name in (${list})`,
          `do $block$ begin perform ${shape}, ${list}; end $block$`,
          `create or replace temporary view v${index} as select ${shape} as n where '1' in (${list})`,
          `prepare p${index} as select ${shape}, ${list}`,
        ][kind];
        taken += await admin.query(text ?? "").then(
          () => 1,
          () => 0,
        );
      }
    }
    // Some hold what an IN-list or a block cannot.
    expect(taken).toBeGreaterThan(statements.length);
    await exporter.metrics();
    const response = await exporter.page("/statements/main", { headers: { authorization: `Bearer ${token}` } });
    const texts = await response.text();
    expect((JSON.parse(texts) as { readonly statements: readonly unknown[] }).statements.length).toBeGreaterThan(50);
    expect(texts).not.toMatch(marked);
    expect((await exporter.metrics()).body).not.toMatch(marked);
  }, 120_000);
});
