// A wrong configuration changes nothing that runs; a right one is live at once, without a restart where the program can.

import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyMistake, problemsIn } from "../platforms/mistakes.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { freePort, until } from "../support/ports.ts";

/** Where a finished stack becomes a platform's plan. */
const planning = "components/platforms/index.ts";
/** Promised seconds until a good change is live. */
const promised = 60;

describe("a change of the configuration", () => {
  let checkout: Checkout;
  let program = "";
  beforeAll(async () => {
    checkout = await freshCheckout();
    program = checkout.read(planning);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
  });
  afterAll(() => checkout.dispose());

  const pids = () =>
    Object.fromEntries(checkout.records().map(({ order, identity }) => [order.plan.instance, identity?.pid]));
  const get = async <T>(port: number, path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${checkout.port(port)}${path}`, {
      signal: AbortSignal.timeout(5_000),
    });
    return (await response.json()) as T;
  };
  const prometheusConfig = async () => (await get<{ data: { yaml: string } }>(9090, "/api/v1/status/config")).data.yaml;
  const alertmanagerConfig = async () =>
    (await get<{ config: { original: string } }>(9093, "/api/v2/status")).config.original;
  const live = async () => ({
    prometheus: await prometheusConfig(),
    alertmanager: await alertmanagerConfig(),
    pids: pids(),
  });

  /** An `up` in which finished files were tampered with: by service, source text whose subject is `files`. */
  const upWith = async (changes: Readonly<Record<string, string>>) => {
    const cases = Object.entries(changes).map(
      ([service, change]) => `case ${JSON.stringify(service)}: { ${change} break; }`,
    );
    const changed = program.replace(
      "planner.plan(config, stack)",
      `planner.plan(config, ((stack: any) => {
    for (const { name, files } of stack.specs) switch (name) { ${cases.join(" ")} }
    return stack;
  })(stack))`,
    );
    expect(changed).not.toBe(program);
    checkout.write(planning, changed);
    try {
      return await checkout.up();
    } finally {
      checkout.write(planning, program);
    }
  };

  const staysAsItWas = async (before: Awaited<ReturnType<typeof live>>) => {
    expect(await live()).toEqual(before);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
    expect(checkout.strays()).toEqual([]);
  };

  it("that is wrong in several places is told with every problem at once, and touches nothing", async () => {
    const before = await live();
    checkout.configure(everyMistake.settings);
    const { code, text } = await checkout.up();
    expect(code).not.toBe(0);
    expect(problemsIn(text)).toContainEqual(expect.stringMatching(/^vitals:retention: is "soon"/));
    expect(problemsIn(text)).toContainEqual(expect.stringMatching(/^jaeger\/web: port 66686 is above 65535/));
    expect(text).not.toMatch(/\n +at .+:\d+:\d+/);
    checkout.configure({});
    await staysAsItWas(before);
  });

  it("that names an alert which does not exist is refused with its remedy", async () => {
    const before = await live();
    checkout.configure({ alertOverrides: { RedisDwn: { enabled: false } } });
    const { code, text } = await checkout.up();
    expect(code).not.toBe(0);
    expect(text).toMatch(/vitals:alertOverrides\.RedisDwn: .+\n +-> .*RedisDown/);
    checkout.configure({});
    await staysAsItWas(before);
  });

  it("with a broken rule fails with promtool's own words; the old rules stay in force", async () => {
    const before = await live();
    const { code, text } = await upWith({
      prometheus: `const [path] = Object.keys(files).filter((each) => each.includes("/rules/"));
       files[path].content.yaml.groups[0].rules[0] = { alert: "Broken", expr: "sum(up" };`,
    });
    expect(code).not.toBe(0);
    expect(text).toContain("promtool refuses the new configuration");
    expect(text).toContain("unclosed left parenthesis");
    await staysAsItWas(before);
  });

  it("with a broken Prometheus configuration fails with promtool's own words", async () => {
    const before = await live();
    const { code, text } = await upWith({
      prometheus: `files["/etc/prometheus/prometheus.yml"].content.yaml.global.scrape_interval = "often";`,
    });
    expect(code).not.toBe(0);
    expect(text).toMatch(/not a valid duration string: \\?"often/);
    await staysAsItWas(before);
  });

  it("with a broken Alertmanager route fails with amtool's own words", async () => {
    const before = await live();
    const { code, text } = await upWith({
      alertmanager: `files["/etc/alertmanager/alertmanager.yml"].content.yaml.route.receiver = "no-such-receiver";`,
    });
    expect(code).not.toBe(0);
    expect(text).toContain("amtool refuses the new configuration");
    expect(text).toMatch(/undefined receiver \\?"no-such-receiver/);
    await staysAsItWas(before);
  });

  it("of which one part is refused touches nothing of the others either, and every refusal is told", async () => {
    const redisFile = () => readFileSync(join(checkout.root(), "files/redis-0/etc/redis/redis.conf"), "utf8");
    const before = { ...(await live()), redis: redisFile() };
    const { code, text } = await upWith({
      redis: `const file = files["/etc/redis/redis.conf"];
       file.content.text = { $: "parts", parts: [...file.content.text.parts, "hz 20\\n"] };`,
      prometheus: `files["/etc/prometheus/prometheus.yml"].content.yaml.global.scrape_interval = "often";`,
      alertmanager: `files["/etc/alertmanager/alertmanager.yml"].content.yaml.route.receiver = "no-such-receiver";`,
    });
    expect(code).not.toBe(0);
    expect(text).toMatch(/not a valid duration string: \\?"often/);
    expect(text).toMatch(/undefined receiver \\?"no-such-receiver/);
    expect({ ...(await live()), redis: redisFile() }).toEqual(before);
  });

  it("that only the program itself can judge is taken back: it runs again on its old configuration", async () => {
    const before = await live();
    const { code, text } = await upWith({
      redis: `const file = files["/etc/redis/redis.conf"];
       file.content.text = { $: "parts", parts: [...file.content.text.parts, "maxmemory-policy nonsense\\n"] };`,
    });
    expect(code).not.toBe(0);
    expect(text).toContain("maxmemory-policy nonsense");
    expect(text).toMatch(/redis-0\.log/);
    await staysAsItWas({ ...before, pids: { ...before.pids, "redis-0": pids()["redis-0"] } });
    const preview = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(preview.code, preview.text).toBe(0);
  });

  it("that is good is live within a minute, by a reload in the same process", async () => {
    const before = pids();
    expect(await prometheusConfig()).toContain("scrape_interval: 15s");
    const begun = performance.now();
    checkout.configure({ scrapeInterval: "5s" });
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    await until(async () => (await prometheusConfig()).includes("scrape_interval: 5s"), promised * 3_000);
    console.log(
      `a new scrape interval live after ${((performance.now() - begun) / 1_000).toFixed(1)} s (promised ${promised} s)`,
    );
    expect(pids()).toEqual(before);
  });

  it("that takes a rule file away takes its rules out of force", async () => {
    const names = async () =>
      (await get<{ data: { groups: { name: string }[] } }>(9090, "/api/v1/rules")).data.groups.map(({ name }) => name);
    const added = await upWith({
      prometheus: `files["/etc/prometheus/rules/passing.yaml"] = { apply: { signal: "SIGHUP" },
         content: { yaml: { groups: [{ name: "passing", rules: [{ record: "passing", expr: "vector(1)" }] }] } } };`,
    });
    expect(added.code, added.text).toBe(0);
    await until(async () => (await names()).includes("passing"), promised * 3_000);
    const taken = await checkout.up();
    expect(taken.code, taken.text).toBe(0);
    await until(async () => !(await names()).includes("passing"), promised * 3_000);
  });

  describe("that adds a service which knows nothing of us", () => {
    let server: Server;
    let address = "";
    beforeAll(async () => {
      const port = await freePort();
      server = createServer((_request, response) => response.end("# TYPE jobs_total counter\njobs_total 3\n")).listen(
        port,
        "127.0.0.1",
      );
      address = `127.0.0.1:${port}`;
    });
    afterAll(() => void server.close());

    it("has it scraped, alerted and shown, by a reload", async () => {
      const before = pids();
      const begun = performance.now();
      checkout.configure({
        scrapeInterval: "5s",
        services: [{ name: "billing", owner: "billing", metrics: { address } }],
      });
      const { code, text } = await checkout.up();
      expect(code, text).toBe(0);
      await until(async () => {
        const { data } = await get<{ data: { result: unknown[] } }>(
          9090,
          "/api/v1/query?query=jobs_total%7Bjob%3D%22billing%22%7D",
        );
        return data.result.length === 1;
      }, promised * 3_000);
      console.log(
        `a service of one's own scraped after ${((performance.now() - begun) / 1_000).toFixed(1)} s (promised ${promised} s)`,
      );
      expect(pids()["prometheus-0"]).toBe(before["prometheus-0"]);

      const { data } = await get<{
        data: { groups: { rules: { name: string; query: string; labels?: Record<string, string> }[] }[] };
      }>(9090, "/api/v1/rules?type=alert");
      const own = data.groups.flatMap(({ rules }) => rules).filter(({ query }) => query.includes('"billing"'));
      expect(own.map(({ name }) => name)).toEqual(expect.arrayContaining(["ServiceDown", "ServiceAbsent"]));
      expect(own.every(({ labels }) => labels?.owner === "billing")).toBe(true);
      expect(await shown("billing")).toBe(true);
    });

    it("has its alert fire when it goes away", async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      await until(async () => {
        const { data } = await get<{ data: { alerts: { labels: Record<string, string>; state: string }[] } }>(
          9090,
          "/api/v1/alerts",
        );
        return data.alerts.some(
          ({ labels, state }) => state === "firing" && labels.alertname === "ServiceDown" && labels.job === "billing",
        );
      }, 180_000);
    });
  });

  /** Whether a panel of a provisioned dashboard has data of this service. */
  const shown = async (name: string): Promise<boolean> => {
    const holder = checkout.records().find(({ order }) => ["grafana", "viewer"].includes(order.plan.service))?.order
      .plan.instance;
    const folder = `${checkout.root()}/files/${holder}/var/lib/vitals/dashboards`;
    const queries = readdirSync(folder).flatMap((file) =>
      [...readFileSync(`${folder}/${file}`, "utf8").matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(
        ([, text = '""']) => JSON.parse(text) as string,
      ),
    );
    const asked = queries.map((each) => each.replaceAll(/\$__(?:range|rate_interval|interval)\b/g, "5m"));
    for (const query of asked.filter((each) => !each.includes("$"))) {
      const { data } = await get<{ data: { result: { metric: Record<string, string> }[] } }>(
        9090,
        `/api/v1/query?query=${encodeURIComponent(query)}`,
      );
      if (data.result.some(({ metric }) => Object.values(metric).includes(name))) return true;
    }
    return false;
  };

  it("of a password restarts what holds it and what uses it, and both work", async () => {
    const before = pids();
    const password = `rotated-${Math.random().toString(36).slice(2)}`;
    const set = await checkout.pulumi("config", "set", "-s", "dev", "--secret", "redisPassword", password);
    expect(set.code, set.text).toBe(0);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(text).not.toContain(password);
    expect(pids()["redis-0"]).not.toBe(before["redis-0"]);
    expect(await askRedis(checkout.port(6379), `AUTH cache ${password}`)).toBe("+OK");
    expect(await askRedis(checkout.port(6379), "AUTH cache wrong")).toMatch(/^-WRONGPASS/);
    await until(async () => {
      const { data } = await get<{ data: { result: { value: [number, string] }[] } }>(
        9090,
        "/api/v1/query?query=redis_up",
      );
      return data.result.length === 1 && data.result[0]?.value[1] === "1";
    }, 60_000);
  });
});

/** One command, one line of answer. */
const askRedis = (port: number, command: string): Promise<string> =>
  new Promise((done, failed) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(`${command}\r\n`));
    socket.setTimeout(5_000, () => socket.destroy(new Error("no answer")));
    socket.once("error", failed);
    socket.once("data", (data) => {
      socket.destroy();
      done(data.toString("utf8").trim());
    });
  });
