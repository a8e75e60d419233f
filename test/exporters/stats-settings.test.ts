// What a person may set of a database becomes a configuration that db-stats takes, with certificates as files and keys as secrets.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { collectorNames } from "../../components/config/databases.ts";
import { readConfig } from "../../components/config-file.ts";
import { type Problem, StackError } from "../../components/errors.ts";
import { exporters } from "../../components/services/exporters.ts";
import { contentOf } from "../../components/spec.ts";
import { statsConfig } from "../../exporters/db-stats/config.ts";
import { postgresCollectors } from "../../exporters/db-stats/postgres/index.ts";
import { redisCollectors } from "../../exporters/db-stats/redis/index.ts";
import { config } from "../alerts/tools.ts";

const ca = "-----BEGIN CERTIFICATE-----\nYXV0aG9yaXR5\n-----END CERTIFICATE-----\n";
const cert = "-----BEGIN CERTIFICATE-----\nY2xpZW50\n-----END CERTIFICATE-----\n";
const billing = {
  id: "billing",
  kind: "postgres",
  address: "billing-db.internal:5432",
  user: "vitals_db_stats",
  passwordSecret: "billingPassword",
  database: "billing",
  tls: { ca, cert, keySecret: "billingKey", serverName: "billing" },
  collectors: { bloat: { enabled: false, timeout: "2s", ttl: "10m" } },
  limits: { statements: 100, tables: 10, databases: 5 },
  bloat: "approx",
  slowStatement: "2s",
  compat: true,
};
const made = (values: object, secrets = ["billingPassword", "billingKey"]) => {
  const set = Object.fromEntries(secrets.map((name) => [name, ""]));
  const all = exporters(config({ ...set, ...values }, secrets));
  const files = all.find(({ name }) => name === "db-stats")?.files ?? {};
  const { "/etc/vitals/exporter.json": own, ...others } = files;
  if (own === undefined) throw new Error("it has no configuration");
  const text = JSON.stringify(contentOf(own), (_key, value) =>
    value?.$ === "secret"
      ? `/secrets/${value.name}`
      : value?.$ === "file"
        ? value.path
        : value?.$ === "at"
          ? "x:1"
          : value,
  );
  return { others, config: JSON.parse(text) as Readonly<Record<string, unknown>> };
};

function refusals(make: () => unknown): readonly Problem[] {
  try {
    make();
  } catch (error) {
    if (error instanceof StackError) return error.problems;
    throw error;
  }
  return [];
}

describe("a database's settings", () => {
  it("become a configuration that db-stats takes, none of them lost", () => {
    const { config: given, others } = made({ databases: [billing], statementTexts: "true" });
    const { databases, texts } = statsConfig.parse(given);
    const { passwordSecret: _, tls: __, ...rest } = billing;
    expect(databases.find(({ id }) => id === "billing")).toMatchObject({
      ...rest,
      passwordFile: "/secrets/billingPassword",
      tls: {
        caFile: "/etc/vitals/tls/billing-ca.pem",
        certFile: "/etc/vitals/tls/billing-cert.pem",
        keyFile: "/secrets/billingKey",
        serverName: "billing",
      },
    });
    expect(texts).toEqual({ tokenFile: "/secrets/statementsToken" });
    expect(Object.entries(others).map(([path, spec]) => [path, contentOf(spec)])).toEqual([
      ["/etc/vitals/tls/billing-ca.pem", ca],
      ["/etc/vitals/tls/billing-cert.pem", cert],
    ]);
  });

  it("have no files without certificates, and no texts unless they are switched on", () => {
    const plain = [
      { ...billing, tls: true },
      { ...billing, id: "plain", tls: false },
    ];
    const { config: given, others } = made({ databases: plain }, ["billingPassword"]);
    expect(others).toEqual({});
    expect(statsConfig.parse(given).texts).toBeUndefined();
    expect(statsConfig.parse(given).databases.map(({ tls }) => tls)).toEqual([undefined, true, undefined]);
  });

  it("name collectors of their kind, all of which there are, as the docs list them", async () => {
    const docs = await readFile(join(import.meta.dirname, "../../docs/db-stats.md"), "utf8");
    const listed = /^Collectors of PostgreSQL: (.+?)\. Of Redis: (.+?)\. A timeout/ms.exec(docs) ?? [];
    for (const [kind, all, place] of [
      ["postgres", postgresCollectors, 1],
      ["redis", redisCollectors, 2],
    ] as const) {
      const names = all.map(({ name }) => name);
      expect([kind, collectorNames[kind]]).toEqual([kind, names]);
      expect([kind, listed[place]?.match(/\w+/g)]).toEqual([kind, names]);
    }
  });

  it("are refused before anything is touched where a collector is misspelt or of the other kind, with those that there are", () => {
    const entry = (kind: "postgres" | "redis", collectors: object) => ({
      id: kind,
      kind,
      address: "db:1",
      user: "stats",
      collectors,
    });
    const databases = [entry("postgres", { bloats: {}, memory: { ttl: "1m" } }), entry("redis", { wal: {}, slow: {} })];
    const [misspelt, stranger, other, ...rest] = refusals(() => config({ databases }));
    expect(rest).toEqual([]);
    expect(misspelt?.where).toBe("vitals:databases[0].collectors.bloats");
    expect(misspelt?.remedy).toMatch(/^Did you mean bloat\? There are: server, .*, bloat, /);
    expect(stranger).toMatchObject({
      where: "vitals:databases[0].collectors.memory",
      remedy: expect.stringContaining(`There are: ${collectorNames.postgres.join(", ")}.`),
    });
    expect(other).toMatchObject({
      where: "vitals:databases[1].collectors.wal",
      remedy: expect.stringContaining(`There are: ${collectorNames.redis.join(", ")}.`),
    });
  });

  it("are refused by the exporter itself in the same words", async () => {
    const file = join(await mkdtemp(join(tmpdir(), "vitals-stats-settings-")), "config.json");
    const entry = { id: "main", kind: "redis", address: "db:1", user: "stats", collectors: { bloat: {} } };
    await writeFile(file, JSON.stringify({ databases: [entry] }));
    await expect(readConfig(file, statsConfig)).rejects.toMatchObject({
      problems: [
        {
          where: `${file}: databases[0].collectors.bloat`,
          remedy: expect.stringContaining(`There are: ${collectorNames.redis.join(", ")}.`),
        },
      ],
    });
    await rm(dirname(file), { recursive: true });
  });

  it("take of each collector a timeout and a ttl within bounds", () => {
    const [refused, ...rest] = refusals(() =>
      config({
        databases: [{ ...billing, tls: true, passwordSecret: undefined, collectors: { bloat: { timeout: "1ms" } } }],
      }),
    );
    expect(rest).toEqual([]);
    expect(refused).toMatchObject({
      where: "vitals:databases[0].collectors.bloat.timeout",
      what: expect.stringContaining("must be a duration from 10ms to 1d"),
    });
  });

  it.each([
    [{ cert }, "needs cert and keySecret together"],
    [{ ca: "/etc/ssl/ca.pem" }, "must be the text of a certificate"],
    [{ cert, keySecret: "nobody" }, 'no secret named "nobody" is set'],
  ])("are refused with %j", (tls, what) => {
    expect(() => made({ databases: [{ ...billing, tls }] })).toThrow(what);
  });
});
