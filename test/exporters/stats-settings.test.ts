// What a person may set of a database becomes a configuration that db-stats takes, with certificates as files and keys as secrets.
import { describe, expect, it } from "vitest";
import { exporters } from "../../components/services/exporters.ts";
import { contentOf } from "../../components/spec.ts";
import { statsConfig } from "../../exporters/db-stats/config.ts";
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

  it.each([
    [{ cert }, "needs cert and keySecret together"],
    [{ ca: "/etc/ssl/ca.pem" }, "must be the text of a certificate"],
    [{ cert, keySecret: "nobody" }, 'no secret named "nobody" is set'],
  ])("are refused with %j", (tls, what) => {
    expect(() => made({ databases: [{ ...billing, tls }] })).toThrow(what);
  });
});
