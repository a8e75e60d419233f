// The configuration's rules: every problem at once, each with its path, value and remedy.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { nearest } from "../components/config/nearest.ts";
import { fromEnvironment, settableSecrets, withEnvironment } from "../components/config/secrets.ts";
import { shape } from "../components/config/settings.ts";
import { loadConfig } from "../components/config.ts";
import { StackError } from "../components/errors.ts";

const load = (values: Record<string, unknown>, secretKeys: readonly string[] = []) =>
  loadConfig({
    environment: "test",
    values: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
    secretKeys,
  });

const problems = (values: Record<string, unknown>, secretKeys: readonly string[] = []) => {
  try {
    load(values, secretKeys);
  } catch (error) {
    if (error instanceof StackError) return error.problems;
    throw error;
  }
  return [];
};

describe("configuration", () => {
  it("has a default for everything", () => {
    expect(load({})).toMatchObject({
      environment: "test",
      platform: "process",
      demo: false,
      portOffset: 0,
      retention: "15d",
      scrapeInterval: "15s",
      integrations: [],
    });
  });

  it("refuses a user or a password in a URL, and does not repeat it", () => {
    const values = {
      remoteWrite: [{ name: "mimir", url: "https://writer:hunter2@mimir.example.com/push" }],
      integrations: [{ name: "fax", probe: "http", url: "https://hunter2@fax.example.com/health" }],
    };
    const found = problems(values);
    expect(found.map(({ where }) => where)).toEqual(["vitals:integrations[0].url", "vitals:remoteWrite[0].url"]);
    for (const problem of found) expect(problem.what).toContain("name a secret");
    expect(JSON.stringify(found)).not.toContain("hunter2");
    const path = [{ name: "mimir", url: "https://mimir.example.com/push/a@b" }];
    expect(problems({ remoteWrite: path })).toEqual([]);
  });

  it("refuses a key or a token in a URL's query or in a header, and does not repeat it", () => {
    const found = (part: object) =>
      problems({ integrations: [{ name: "fax", probe: "http", url: "https://fax.example.com/", ...part }] });
    for (const name of ["token", "api_key", "apiKey", "access_token", "X-Amz-Signature", "sig", "key"]) {
      const refused = found({ url: `https://fax.example.com/v1?id=1&${name}=hunter2` });
      expect([name, refused.map(({ where }) => where)]).toEqual([name, ["vitals:integrations[0].url"]]);
      expect(JSON.stringify(refused)).not.toContain("hunter2");
    }
    for (const name of ["Authorization", "x-api-key", "Cookie"]) {
      const refused = found({ headers: { [name]: "hunter2" } });
      expect([name, refused.length]).toEqual([name, 1]);
      expect(refused[0]?.what).toContain("credentialSecret");
      expect(JSON.stringify(refused)).not.toContain("hunter2");
    }
    const plain = { url: "https://fax.example.com/v1?select=id&monkey=1&limit=1", headers: { accept: "text/plain" } };
    expect(found(plain)).toEqual([]);
  });

  it("takes images of one version, and names that the platforms can bear", () => {
    const at = (values: object) => problems({ platform: "kubernetes", ...values }).map(({ where }) => where);
    const image = (vitals: string) => at({ images: { vitals } });
    const digest = `sha256:${"0".repeat(64)}`;
    for (const good of [
      "a/b:1",
      "localhost:5000/team/vitals:2.0.0-rc.1",
      `example.com/vitals@${digest}`,
      `redis:8@${digest}`,
    ])
      expect([good, image(good)]).toEqual([good, []]);
    for (const bad of ["redis", "redis:latest", "localhost:5000/vitals", "example.com/vitals:latest", "a b:1"])
      expect([bad, image(bad)]).toEqual([bad, ["vitals:images.vitals"]]);
    expect(at({ registry: "registry.example.com:5000/team" })).toEqual([]);
    expect(at({ registry: `example.com/team@${digest}` })).toContain("vitals:registry");
    const ingress = (part: object) =>
      at({ registry: "example.com/team", ingress: { class: "nginx", host: "example.com", ...part } });
    expect(ingress({ annotations: { "example.com/team": "a" } })).toEqual([]);
    expect(ingress({ annotations: { "not a key": "a" } })[0]).toContain("vitals:ingress.annotations");
    expect(ingress({ host: `${"a".repeat(63)}.example.com` })).toEqual([]);
    expect(ingress({ host: `${"a".repeat(64)}.example.com` })).toEqual(["vitals:ingress.host"]);
  });

  it("selects pods and takes backups in a cluster alone", () => {
    const selector = { namespace: "lab", labels: { app: "gateway" }, port: 8080 };
    const values = {
      services: [{ name: "gateway", owner: "lab", metrics: { selector } }],
      discovery: { namespaces: ["clinic"] },
      backup: {},
    };
    expect(load({ ...values, platform: "kubernetes" })).toMatchObject({
      services: [{ metrics: { selector: { ...selector, path: "/metrics" } } }],
      discovery: { namespaces: ["clinic"], label: "vitals/scrape", annotations: "prometheus.io", roles: true },
    });
    for (const platform of ["process", "docker"])
      expect(problems({ ...values, platform })).toMatchObject([
        { where: "vitals:backup", what: expect.stringContaining(platform) },
        {
          where: "vitals:services[0].metrics.selector",
          what: expect.stringContaining(`no pods on the platform ${platform}`),
          remedy: expect.stringContaining("address: HOST:PORT"),
        },
        { where: "vitals:discovery.namespaces", what: expect.stringContaining(platform) },
      ]);
  });

  it("selects pods by a label at least, and by an address or a selector, not both", () => {
    const selector = { namespace: "lab", labels: { app: "gateway" }, port: 8080 };
    const told = (metrics: object) =>
      problems({ platform: "kubernetes", services: [{ name: "gateway", owner: "lab", metrics }] }).map(
        ({ where, what }) => `${where} ${what}`,
      );
    expect(told({ selector: { ...selector, labels: {} } })).toEqual([
      expect.stringMatching(/selector\.labels .*every pod/),
    ]);
    expect(told({ selector, address: "127.0.0.1:1" })).toEqual([expect.stringContaining("not both")]);
    expect(told({ selector, path: "/x" })).toEqual([expect.stringContaining("stands in the selector")]);
    expect(told({ selector: { ...selector, labels: { 'app",x="': "y" } } })).toHaveLength(1);
  });

  it("reads booleans, numbers and structures from the text that Pulumi hands over", () => {
    const config = load({
      demo: "true",
      portOffset: "2000",
      integrations: [{ name: "stripe", probe: "http", url: "https://api.stripe.com/healthcheck" }],
    });
    expect(config.demo).toBe(true);
    expect(config.portOffset).toBe(2000);
    expect(config.integrations[0]).toMatchObject({ name: "stripe", expectStatus: [200], timeout: "5s" });
  });

  it("keeps a text that looks like a number a text where a text is wanted", () => {
    expect(problems({ slackChannel: "12" })[0]?.what).toContain('is "12"');
  });

  it("tells every problem at once, with path, value and remedy", () => {
    const found = problems({
      portOffset: -1,
      retention: "two weeks",
      integrations: [{ name: "Bad Name", probe: "http", url: "ftp://example.org" }],
      scrapeIntervall: "15s",
    });
    expect(found.map(({ where }) => where).toSorted()).toEqual([
      "vitals:integrations[0].name",
      "vitals:integrations[0].url",
      "vitals:portOffset",
      "vitals:retention",
      "vitals:scrapeIntervall",
    ]);
    expect(found.every(({ what, remedy }) => what !== "" && remedy !== "")).toBe(true);
    expect(found.find(({ where }) => where === "vitals:retention")?.what).toContain("two weeks");
  });

  it("tells what does not fit together beside what is malformed", () => {
    const twin = { name: "twin", probe: "tcp", address: "127.0.0.1:1" };
    expect(problems({ integrations: [twin, twin], retention: "two weeks" }).map(({ where }) => where)).toEqual([
      "vitals:retention",
      "vitals:integrations[1]",
    ]);
  });

  it.each([
    [{ address: "lab.example.com:0" }, "address"],
    [{ address: "lab.example.com:99999" }, "address"],
    [{ address: "[:::::]:443" }, "address"],
    [{ allow: ["300.1.1.1/8"] }, "allow[0]"],
    [{ allow: ["10.0.0.0/33"] }, "allow[0]"],
    [{ allow: ["fd00::/200"] }, "allow[0]"],
    [{ allow: ["10.0.0.0"] }, "allow[0]"],
    [{ address: "[fd00::1]:443", allow: ["10.0.0.0/8", "fd00::/8", "loopback", "private", "0.0.0.0/0"] }, undefined],
    [{ address: "lab.example.com:65535" }, undefined],
    [{ feed: { kind: "rss", url: "https://status.example.com/", interval: "59s" } }, "feed.interval"],
    [{ feed: { kind: "rss", url: "https://status.example.com/", interval: "60s" } }, undefined],
  ])("takes of an integration only what can work and what its vendor bears: %j", (part, place) => {
    const entry = { name: "lab", probe: "tcp", address: "lab.example.com:1", ...part };
    const found = problems({ integrations: [entry] }).map(({ where }) => where);
    expect(found).toEqual(place === undefined ? [] : [`vitals:integrations[0].${place}`]);
  });

  it("takes no anchor or several, since one alone would be taken for all of the internet", () => {
    const found = (...anchors: readonly string[]) => problems({ anchors }).map(({ where }) => where);
    expect([found(), found("a.example:443", "b.example:443")]).toEqual([[], []]);
    expect(found("a.example:443")).toEqual(["vitals:anchors"]);
    expect(found("a.example:443", "a.example:443")).toEqual(["vitals:anchors"]);
  });

  it("proposes the nearest name for an unknown key", () => {
    expect(problems({ scrapeIntervall: "15s" })[0]?.remedy).toBe("Did you mean scrapeInterval?");
    expect(problems({ colour: "red" })[0]?.remedy).toContain("retention");
  });

  it("refuses an unknown key inside a structure", () => {
    const [problem] = problems({
      services: [{ name: "lab", owner: "a", metrics: { address: "127.0.0.1:1", pth: "/" } }],
    });
    expect(problem).toMatchObject({ where: "vitals:services[0].metrics.pth", what: "is not a setting that exists" });
  });

  it.each(["default", "kube-system"])(
    "does not take the cluster's own namespace %s, whose traffic it would deny",
    (name) => {
      expect(problems({ namespace: name })).toMatchObject([
        { where: "vitals:namespace", what: expect.stringContaining("must be a namespace of the stack's own") },
      ]);
    },
  );

  it.each<[string, object]>([
    ["vitals:namespace", { namespace: "watching.vitals" }],
    [
      "vitals:ingress.controllerNamespace",
      { ingress: { class: "nginx", host: "a.example", controllerNamespace: "a.b" } },
    ],
    ["vitals:discovery.namespaces[0]", { discovery: { namespaces: ["clinic.east"] } }],
    [
      "vitals:ingress.auth",
      { ingress: { class: "nginx", host: "a.example", auth: { basicAuthSecret: "a", url: "https://a.example" } } },
    ],
    [
      "vitals:ingress.auth.signIn",
      {
        ingress: {
          class: "nginx",
          host: "a.example",
          auth: { url: "https://a.example", signIn: "https://a.example/a b" },
        },
      },
    ],
    ["vitals:storageClass", { storageClass: "fast..disks" }],
    ["vitals:retentionSize", { retentionSize: "0GiB" }],
    ["vitals:backup", { backup: { claim: "archive", storageClass: "slow" } }],
    ...[
      "60 2 * * *",
      "17 24 * * *",
      "17 2 0 * *",
      "17 2 * 13 *",
      "17 2 * * 7",
      "17 2 * * FRY",
      "5-1 2 * * *",
      "*/0 * * * *",
    ].map((schedule): [string, object] => ["vitals:backup.schedule", { backup: { schedule } }]),
  ])("does not take what a cluster would refuse: %s %j", (where, settings) => {
    expect(problems({ platform: "kubernetes", ...settings }).map((problem) => problem.where)).toEqual([where]);
  });

  it.each(["17 2 * * *", "*/15 0-6/2 1,15 JAN-MAR,12 MON-FRI"])(
    "takes times as a cluster takes them: %s",
    (schedule) => {
      expect(problems({ platform: "kubernetes", backup: { schedule } })).toEqual([]);
    },
  );

  it("does not take a share of a core that a cluster rounds to nothing", () => {
    const of = (cpu: number) => problems({ sizeOverrides: { redis: { cpu } } }).map(({ where }) => where);
    expect(of(0.0004)).toEqual(["vitals:sizeOverrides.redis.cpu"]);
    expect(of(0.001)).toEqual([]);
  });

  it("refuses two entries with one name", () => {
    const entry = { name: "twin", probe: "tcp", address: "127.0.0.1:1" };
    expect(problems({ integrations: [entry, entry] })[0]?.where).toBe("vitals:integrations[1]");
  });

  it("wants a secret to be a secret, and to be used", () => {
    const database = {
      id: "main",
      kind: "postgres",
      address: "db:5432",
      user: "stats",
      passwordSecret: "mainPassword",
    };
    expect(problems({ databases: [database] })[0]?.remedy).toBe("Set it: npx pulumi config set --secret mainPassword.");
    expect(problems({ databases: [database], mainPassword: "" }, ["mainPassword"])).toEqual([]);
    expect(problems({ stray: "" }, ["stray"])[0]?.what).toBe("is a secret that nothing uses");
    expect(problems({ slackWebhookUrl: "https://hooks.example.org/x" })[0]).toMatchObject({
      where: "vitals:slackWebhookUrl",
      remedy: expect.stringContaining("--secret"),
    });
  });

  it("never repeats a secret's value in a problem", () => {
    const told = problems({ slackWebhookUrl: "https://hooks.example.org/marker", retention: "x" });
    expect(JSON.stringify(told)).not.toContain("marker");
  });

  it("finds near names only", () => {
    expect(nearest("RedsDown", ["RedisDown", "PostgresDown"])).toBe("Did you mean RedisDown?");
    expect(nearest("Unrelated", ["RedisDown"])).toBeUndefined();
  });
});

describe("every setting and every secret that has a name of its own", () => {
  const root = join(import.meta.dirname, "..");
  const documented = ["README.md", "docs/kubernetes.md"]
    .map((path) => readFileSync(join(root, path), "utf8"))
    .join("\n");

  it.each([...Object.keys(shape.shape), ...settableSecrets])("is documented: vitals:%s", (key) => {
    expect(documented).toContain(`\`vitals:${key}\``);
  });

  it("that is a scalar is declared in Pulumi.yaml, with the same default", () => {
    const { config } = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8")) as {
      readonly config: Readonly<Record<string, { readonly default: unknown }>>;
    };
    const defaults = load({});
    for (const [key, { default: value }] of Object.entries(config))
      expect([key, value]).toEqual([key, (defaults as unknown as Record<string, unknown>)[key.replace("vitals:", "")]]);
    // What has no default cannot be declared there: Pulumi would ask for it.
    const scalars = Object.entries(defaults).filter(
      ([key, value]) => key in shape.shape && value !== undefined && typeof value !== "object",
    );
    expect(Object.keys(config).toSorted()).toEqual(scalars.map(([key]) => `vitals:${key}`).toSorted());
  });
});

describe("secrets", () => {
  it("may be in the environment, where the configuration does not have them", () => {
    const env = { SLACK_WEBHOOK_URL: " https://hooks.slack.com/services/x\n" };
    expect(withEnvironment(["redisPassword"], env)).toEqual(["redisPassword", "slackWebhookUrl"]);
    expect(withEnvironment(["slackWebhookUrl"], env)).toEqual(["slackWebhookUrl"]);
    expect(withEnvironment(["slackBotToken"], env)).toEqual(["slackBotToken"]);
    expect(withEnvironment([], { SLACK_WEBHOOK_URL: " " })).toEqual([]);
    expect(fromEnvironment("slackWebhookUrl", env)).toBe("https://hooks.slack.com/services/x");
    expect(fromEnvironment("redisPassword", { ...env, undefined: "x" })).toBeUndefined();
  });

  it("lead to Slack one way, and to a mail server with both halves of a login", () => {
    const pageReceiver = {
      kind: "email",
      to: ["a@example.com"],
      from: "b@example.com",
      smarthost: "mail:25",
      user: "b",
    };
    expect(problems({ pageReceiver }, ["slackWebhookUrl", "slackBotToken"]).map(({ where }) => where)).toEqual([
      "vitals:pageReceiver",
      "vitals:slackBotToken",
    ]);
  });
});
