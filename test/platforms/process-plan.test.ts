// The pure half of the process platform: what runs with which files, without an engine.
import { createHash } from "node:crypto";
import { compareSync } from "bcryptjs";
import { expect, describe as group, it } from "vitest";
import { loadConfig } from "../../components/config.ts";
import { StackError } from "../../components/errors.ts";
import { finish } from "../../components/platforms/content.ts";
import { resolve } from "../../components/platforms/platform.ts";
import {
  type ProcessContext,
  planProcesses,
  processBook,
  validateProcess,
} from "../../components/platforms/process/plan.ts";
import { revealed } from "../../components/platforms/revealed.ts";
import {
  all,
  at,
  discover,
  file,
  listen,
  outsideUrl,
  type ServiceSpec,
  secret,
  urlOf,
  v,
} from "../../components/spec.ts";
import { describe, type Surroundings } from "../../components/stack.ts";

const config = (values: Record<string, string> = {}, secretKeys: readonly string[] = []) =>
  loadConfig({ environment: "test", values, secretKeys });
const with_ = (missing: readonly string[] = []): Surroundings => ({
  services: [],
  has: (tool) => !missing.includes(tool),
});
const context = (aliases: ProcessContext["aliases"] = new Map(), portOffset = 0): ProcessContext => ({
  root: "/state",
  portOffset,
  aliases,
  codeHash: (entry) => `hash of ${entry}`,
});
const plan = (
  values: Record<string, string> = {},
  missing: readonly string[] = [],
  secretKeys: readonly string[] = [],
) => {
  const { specs, aliases } = describe(config(values, secretKeys), with_(missing));
  const used = context(aliases, Number(values.portOffset ?? 0));
  return planProcesses(specs, processBook(specs, used), used);
};
const spec = (name: string, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name,
  kind: "service",
  about: "",
  owner: "test",
  version: "1",
  artifact: { tool: "redis-server" },
  ports: { web: { number: 1000 } },
  ...more,
});
const problemsOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof StackError) return error.problems.map(({ where, what }) => `${where} ${what}`);
    throw error;
  }
  return [];
};

group("a plan of processes", () => {
  it("is the same, byte for byte, each time", () => {
    expect(JSON.stringify(plan({ demo: "true" }))).toBe(JSON.stringify(plan({ demo: "true" })));
  });

  it("shows what the demo runs", () => {
    const shown = plan({ demo: "true" }, ["grafana"]).services.flatMap(({ instances, after }) =>
      instances.map(({ instance, run, args, files, ports, secrets }) => ({
        instance,
        run: "tool" in run ? run.tool : run.node,
        after,
        args,
        files: files.map(({ path }) => path),
        ports: ports.map(({ name, number }) => `${name} ${number}`),
        secrets,
      })),
    );
    expect(shown).toMatchSnapshot();
  });

  it("moves every port by the offset and leaves nothing else different", () => {
    const ports = (offset: string) =>
      plan({ demo: "true", portOffset: offset }).services.flatMap(({ instances }) =>
        instances.flatMap((each) => each.ports),
      );
    expect(ports("2000").map(({ number }) => number - 2000)).toEqual(ports("0").map(({ number }) => number));
  });

  it("never has a secret in clear, only its name", () => {
    const secrets = plan({ demo: "true" }, [], ["slackWebhookUrl"]).services.flatMap(({ instances }) =>
      instances.flatMap((each) => each.secrets),
    );
    expect(secrets).toContain("slackWebhookUrl");
    expect(secrets).toContain("redisPassword");
    for (const { instances } of plan({ demo: "true" }).services)
      for (const { args, env } of instances) expect(JSON.stringify([args, env])).not.toMatch(/"\$":/);
  });

  it("fills a secret into a file as text or hash, and refuses to go without it", () => {
    const content = {
      sealed: { password: secret("word", "text"), hash: v`#${secret("word", "sha256")}` },
      format: "json" as const,
    };
    expect(JSON.parse(finish(content, revealed({ word: "open" }, "key")))).toEqual({
      password: "open",
      hash: `#${createHash("sha256").update("open").digest("hex")}`,
    });
    expect(() => finish(content, revealed({}, "key"))).toThrow("the secret word is missing");
  });

  it("hashes a password with a salt of the stack's own key: the same each time, another for another key or name", () => {
    const hash = (key: string, name = "word") => revealed({ [name]: "open" }, key)({ name, as: "bcrypt" });
    expect(hash("key")).toMatch(/^\$2b\$10\$[./A-Za-z0-9]{53}$/);
    expect(compareSync("open", hash("key"))).toBe(true);
    expect(compareSync("shut", hash("key"))).toBe(false);
    expect(new Set([hash("key"), hash("key"), hash("other"), hash("key", "name")]).size).toBe(3);
  });

  it("scrapes every service that has metrics, each once", () => {
    const prometheus = plan({ demo: "true" }).services.find(({ service }) => service === "prometheus")?.instances[0];
    const main = prometheus?.files.find(({ path }) => path.endsWith("prometheus.yml"));
    const text = main === undefined ? "" : finish(main.content, revealed({}, "key"));
    const jobs = [...text.matchAll(/job_name: (.*)/g)].map(([, job]) => job);
    expect(jobs.toSorted()).toEqual([...new Set(jobs)].toSorted());
    expect(jobs).toEqual(
      expect.arrayContaining([
        "alertmanager",
        "db-stats",
        "integration-health",
        "jaeger",
        "prometheus",
        "clinical-service",
      ]),
    );
  });

  it("puts the viewer in Grafana's place where Grafana cannot be had, and leaves it out elsewhere", () => {
    const names = (missing: readonly string[]) => plan({}, missing).services.map(({ service }) => service);
    expect(names(["grafana"])).toContain("viewer");
    expect(names(["grafana"])).not.toContain("grafana");
    expect(names([])).toContain("grafana");
    expect(names([])).not.toContain("viewer");
  });

  it("lets every link to Grafana lead to its stand-in", () => {
    const specs = [spec("viewer", { ports: { web: { number: 3000 } } })];
    const book = processBook(specs, context(new Map([["grafana", "viewer"]])));
    expect(
      resolve(outsideUrl("grafana/web", "/d/x"), { service: "viewer", instance: "viewer-0", ordinal: 0 }, book),
    ).toBe("http://127.0.0.1:3000/d/x");
  });
});

group("references", () => {
  const specs = [spec("one", { replicas: 2, ports: { web: { number: 1000 }, api: { number: 1001 } } }), spec("two")];
  const book = processBook(specs, context(new Map(), 100));
  const of = (tree: Parameters<typeof resolve>[0], ordinal = 0) =>
    resolve(tree, { service: "one", instance: `one-${ordinal}`, ordinal }, book);

  it.each([
    [at("one/web"), "127.0.0.1:1100"],
    [urlOf("one/api", "/x"), "http://127.0.0.1:1101/x"],
    [all("one/web"), ["127.0.0.1:1100", "127.0.0.1:2100"]],
    [listen("api"), "127.0.0.1:1101"],
    [file("/etc/a"), "/state/files/one-0/etc/a"],
    [v`--peer=${at("one/web")}!`, "--peer=127.0.0.1:1100!"],
    [{ deep: [{ list: [at("one/web")] }] }, { deep: [{ list: ["127.0.0.1:1100"] }] }],
    [{ job: "x", "<<": discover("one/web") }, expect.objectContaining({ job: "x", static_configs: expect.any(Array) })],
  ])("resolve %j", (tree, expected) => {
    expect(of(tree)).toEqual(expected);
  });

  it("name each replica in scrapes", () => {
    expect(of(discover("one/web"))).toEqual({
      static_configs: [
        { targets: ["127.0.0.1:1100"], labels: { instance: "one-0" } },
        { targets: ["127.0.0.1:2100"], labels: { instance: "one-1" } },
      ],
    });
  });

  it("to nothing are told with the service that makes them", () => {
    expect(problemsOf(() => of(at("three/web")))).toEqual(["one refers to three/web, which does not exist"]);
  });

  it("find two services on one port, and ports beyond the last", () => {
    const problems = validateProcess(
      [spec("one"), spec("two"), spec("three", { ports: { web: { number: 60_000 } } })],
      { portOffset: 6_000 },
    );
    expect(problems.map(({ where, what }) => `${where}: ${what}`)).toEqual([
      "two/web: wants port 7000, which one/web has",
      "three/web: port 66000 is above 65535",
    ]);
  });

  it("find pages that no browser would open, and let other programs have such a port", () => {
    const page = { web: { number: 3000, title: "a page" } };
    const problems = validateProcess(
      [spec("page", { ports: page }), spec("other", { ports: { web: { number: 2000 } } })],
      { portOffset: 3_000 },
    );
    expect(problems.map(({ where, what }) => `${where}: ${what}`)).toEqual([
      "page/web: port 6000 is one that no browser opens",
    ]);
    const store = { redis: { number: 3000, title: "a store", scheme: "redis" } } as const;
    expect(validateProcess([spec("store", { ports: store })], { portOffset: 3_000 })).toEqual([]);
  });
});

group("a stack", () => {
  it("tells a name that is taken twice", () => {
    const services = JSON.stringify([{ name: "redis", owner: "a", metrics: { address: "127.0.0.1:1" } }]);
    expect(problemsOf(() => describe(config({ services }), with_()))).toEqual([
      'vitals:services[0].name is "redis", the name of a service of the stack itself',
    ]);
  });

  it("tells a need that does not exist and needs that go in a circle", () => {
    const circle: Surroundings = {
      has: () => true,
      services: [
        spec("a", { needs: [{ on: "b/web" }] }),
        spec("b", { needs: [{ on: "a/web" }] }),
        spec("c", { needs: [{ on: "gone/web" }] }),
      ],
    };
    expect(problemsOf(() => describe(config(), circle))).toEqual([
      "c needs gone/web, which does not exist",
      expect.stringMatching(/needs itself: (a -> b -> a|b -> a -> b)/),
    ]);
  });

  it("tells an alert override that names no alert", () => {
    const alertOverrides = JSON.stringify({ RedisDwn: { enabled: false } });
    expect(problemsOf(() => describe(config({ alertOverrides }), with_()))).toEqual([
      "vitals:alertOverrides.RedisDwn is not an alert that exists",
    ]);
  });

  it("makes a person's own service scraped and alerted by one entry", () => {
    const services = JSON.stringify([
      { name: "lab-gateway", owner: "lab", metrics: { address: "127.0.0.1:8080", path: "/stats" } },
    ]);
    const prometheus = describe(config({ services }), with_()).specs.find(({ name }) => name === "prometheus");
    const files = JSON.stringify(prometheus?.files);
    expect(files).toContain('"job_name":"lab-gateway","metrics_path":"/stats"');
    expect(files).toMatch(/up\{job=\\"lab-gateway\\"\}|job=\\"lab-gateway\\"/);
  });
});
