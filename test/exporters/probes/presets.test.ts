import { describe, expect, it } from "vitest";
import { presets } from "../../../components/config/presets.ts";
import { healthConfig } from "../../../exporters/integration-health/config.ts";

describe("presets", () => {
  const parse = (entry: object) => healthConfig.safeParse({ integrations: [entry] });

  it("fill in what an entry leaves out, and give way to what it says", () => {
    const { data } = parse({ name: "payments", preset: "stripe", interval: "2m" });
    expect(data?.integrations[0]).toMatchObject({
      probe: "http",
      url: "https://api.stripe.com/v1/balance",
      interval: "2m",
      expectStatus: [200, 401],
      feed: { kind: "statuspage", interval: "60s" },
    });
    const feed = { kind: "rss", url: "https://status.example/feed" };
    expect(parse({ name: "payments", preset: "stripe", feed }).data?.integrations[0]).toMatchObject({ feed });
    const table = { name: "db", preset: "supabase-table", url: "https://p.supabase.co", params: { table: "clinics" } };
    expect(parse(table).data?.integrations[0]).toMatchObject({
      url: "https://p.supabase.co/rest/v1/clinics?select=id&limit=1",
    });
    expect(parse({ ...table, url: "https://p.supabase.co/own?x=1" }).data?.integrations[0]).toMatchObject({
      url: "https://p.supabase.co/own?x=1",
    });
  });

  it("are all valid with no more than what they ask for", () => {
    const needed: Readonly<Record<string, object>> = {
      supabase: { url: "https://p.supabase.co" },
      "supabase-table": { url: "https://p.supabase.co", params: { table: "clinics" } },
      twilio: { params: { account: "AC1" } },
      modmed: { url: "https://v.example/firm/fhir/v2/metadata" },
      http: { url: "https://v.example" },
      dns: { host: "v.example" },
      ...Object.fromEntries(["tcp", "tls", "postgres", "redis"].map((kind) => [kind, { address: "v.example:1" }])),
    };
    for (const preset of Object.keys(presets))
      expect(parse({ name: "x", preset, ...needed[preset] }).error?.issues, preset).toBeUndefined();
  });

  it("take 401 for an answer only where no key is sent, and send it as the vendor wants it", () => {
    const seen = (entry: object) => parse({ name: "x", credentialFile: "/key", ...entry }).data?.integrations[0];
    expect(seen({ preset: "stripe" })).toMatchObject({ expectStatus: [200], login: { as: "bearer" } });
    expect(seen({ preset: "twilio", params: { account: "AC1" } })).toMatchObject({
      expectStatus: [200],
      login: { as: "basic", user: "AC1" },
    });
    expect(parse({ name: "x", preset: "twilio", params: { account: "AC1" } }).data?.integrations[0]).toMatchObject({
      expectStatus: [200, 401],
    });
  });

  it("only read, ask seldom, and name no patient", () => {
    for (const [name, { values, path = "" }] of Object.entries(presets) as [string, (typeof presets)["supabase"]][]) {
      expect([name, Object.keys(values).filter((key) => key === "method")]).toEqual([name, []]);
      if (path !== undefined) expect(`${name} ${path}`).not.toMatch(/patient|appointment|message|sms|call|charge/i);
    }
    const vendors = ["supabase", "supabase-table", "twilio", "stripe", "google", "modmed"] as const;
    for (const name of vendors) expect([name, presets[name].values.interval]).toEqual([name, "60s"]);
    expect(presets["supabase-table"].path).toMatch(/select=id&limit=1$/);
  });

  it("are told when there is none of that name, or a param is missing", () => {
    expect(parse({ name: "x", preset: "strype" }).error?.issues[0]).toMatchObject({
      path: ["integrations", 0, "preset"],
      message: expect.stringContaining("stripe"),
    });
    expect(parse({ name: "x", preset: "twilio" }).error?.issues[0]).toMatchObject({
      path: ["integrations", 0, "params", "account"],
    });
  });
});
