// The stack watches itself: what each process costs, how healthy it is, and that a fault reaches people and ends.
import { globSync, readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../../components/platforms/process/client.ts";
import { rows } from "../../telemetry/catalogue/index.ts";
import type { Row } from "../../telemetry/catalogue/row.ts";
import { findBrowser } from "../../tools/browser.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { exemplarsOf, pathsOf, readTrace } from "../support/jaeger.ts";
import { secretsIn, textsOfDashboards } from "../support/page-text.ts";
import { type Pager, startPager } from "../support/pager.ts";
import { until } from "../support/ports.ts";
import { cpuSeconds, residentMegabytes } from "../support/processes.ts";
import { contentOf } from "../support/redis-content.ts";
import { type Ingest, startIngest } from "../telemetry/ingest.ts";
import { mark, marked, markedCaller, markedFailure, sendMarks } from "./canaries.ts";

/** Promised: megabytes of the supervisor, and its share of one core when idle. */
const promisedMegabytes = 95;
const promisedShare = 0.005;

describe("a stack with its demo", () => {
  let checkout: Checkout;
  let pager: Pager;
  let reports: Ingest;
  let markedAt = 0;
  beforeAll(async () => {
    pager = await startPager();
    const { port } = pager;
    reports = await startIngest();
    const dsn = new URL(reports.url);
    checkout = await freshCheckout({
      settings: {
        demo: true,
        scrapeInterval: "5s",
        tracesKept: 100,
        gateway: { errorReports: { dsnSecret: "reportsDsn", host: dsn.hostname, port: Number(dsn.port) } },
        pageReceiver: { kind: "webhook", urlSecret: "pagerUrl", host: "127.0.0.1", port },
        // A fault is told as everywhere, its end sooner.
        alertOverrides: { SlackUndelivered: { threshold: 5, for: "5s" }, RedisDown: { keepFiringFor: "5s" } },
      },
    });
    for (const [name, value] of [
      ["pagerUrl", `http://127.0.0.1:${port}/`],
      ["reportsDsn", `http://key@${dsn.host}/7`],
    ] as const) {
      const set = await checkout.pulumi("config", "set", "-s", "dev", "--secret", name, value);
      expect(set.code, set.text).toBe(0);
    }
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
  });
  afterAll(async () => {
    pager?.stop();
    await reports?.close();
    await checkout?.dispose();
  });

  type Vector = { data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
  const query = async (expression: string) => {
    const response = await fetch(
      `http://127.0.0.1:${checkout.port(9090)}/api/v1/query?query=${encodeURIComponent(expression)}`,
      { signal: AbortSignal.timeout(5_000) },
    );
    return ((await response.json()) as Vector).data.result;
  };

  it("scrapes every service that has metrics", async () => {
    const jobs = [
      "prometheus",
      "alertmanager",
      "jaeger",
      "db-stats",
      "integration-health",
      "supervisor",
      "clinical-service",
    ];
    await until(async () => {
      const up = await query("up");
      // A target appears with its first scrape, each at its own moment.
      return (
        jobs.every((job) => up.some(({ metric }) => metric.job === job)) && up.every(({ value }) => value[1] === "1")
      );
    }, 60_000);
  });

  it("leads from the exemplar of a metric to one trace: client, gateway, cache, upstream, PostgreSQL", async () => {
    const [prometheus, jaeger] = [9090, 16686].map((port) => `http://127.0.0.1:${checkout.port(port)}`) as [
      string,
      string,
    ];
    const whole =
      /^demo-traffic GET gateway > gateway GET (\S+) > gateway cache > gateway load > gateway GET clinical-service > clinical-service GET \S+ > clinical-service postgresql SELECT$/;
    const found = await until(async () => {
      for (const id of await exemplarsOf(prometheus, 'http_request_duration_seconds_bucket{job="gateway"}')) {
        const trace = await readTrace(jaeger, id);
        const path = trace && pathsOf(trace).find((each) => whole.test(each));
        if (path !== undefined) return path;
      }
      return undefined;
    }, 90_000);
    expect(found).toContain("gateway GET /api/v2/");
  });

  it("takes marker values in everything that a caller can say", async () => {
    const [gateway, login] = [4008, 4012].map((port) => `http://127.0.0.1:${checkout.port(port)}`) as [string, string];
    markedAt = Date.now();
    const caller = await markedCaller(gateway, login);
    const statuses = await sendMarks(caller);
    expect(statuses.slice(0, 7)).toEqual([201, 200, 200, 200, 200, 201, 200]);
    expect(statuses).toContain(422);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    const supervisor = checkout.supervisor();
    if (supervisor === undefined) throw new Error("there is no supervisor");
    const instance = "medication-service-0";
    await call(supervisor, "POST", "stop", { instance });
    expect((await caller.post("/api/v2/medications", markedFailure)).status).toBe(502);
    await call(supervisor, "POST", "restart", { instance });
    await until(() => reports.events().length > 0);
    expect(reports.events()[0]).toMatchObject({ tags: { service: "gateway", "http.response.status_code": 502 } });
  });

  it("measures processor, memory and restarts of every service, and the free disk", async () => {
    const services = new Set(checkout.records().map(({ order }) => order.plan.service));
    for (const metric of ["cpu_seconds_total", "resident_memory_bytes", "restarts_total", "up", "ready"]) {
      const found = (await query(`supervisor_service_${metric}`)).map(({ metric: labels }) => labels.service);
      expect(found.toSorted()).toEqual([...services, "supervisor"].toSorted());
    }
    const memory = await query('supervisor_service_resident_memory_bytes{service="demo-postgres"}');
    const pid = await checkout.pidOf("demo-postgres");
    // Its workers are counted with it.
    expect(Number(memory[0]?.value[1]) / 2 ** 20).toBeGreaterThan(residentMegabytes(pid));
    const free = Number((await query("supervisor_disk_free_bytes"))[0]?.value[1]);
    expect(free).toBeGreaterThan(0);
    expect(free).toBeLessThan(Number((await query("supervisor_disk_size_bytes"))[0]?.value[1]));
  });

  it("tells its health by monitoring:health-check, and restarts a service by monitoring:restart", async () => {
    await until(async () => (await checkout.run("health-check")).code === 0, 120_000);
    const { text } = await checkout.run("health-check");
    expect(text).toMatch(/^redis +runs +ready/m);
    expect(text).toMatch(/^prometheus +runs +ready +scraped/m);
    const before = await checkout.pidOf("viewer").catch(() => checkout.pidOf("grafana"));
    const dashboards =
      checkout.records().find(({ order }) => order.plan.service === "viewer") === undefined ? "grafana" : "viewer";
    const { code, text: said } = await checkout.run("restart", dashboards);
    expect(code, said).toBe(0);
    expect(await checkout.pidOf(dashboards)).not.toBe(before);
    const wrong = await checkout.run("restart", "no-such-service");
    expect(wrong.code).toBe(1);
    expect(wrong.text).toMatch(/no-such-service: is not a service that runs\n {2}-> Use one of: .*redis/);
  });

  it("shows in its inbox how every alert will look, with links to its own pages", async () => {
    const { code, text } = await checkout.run("rules", "--preview", "--post");
    expect(code, text).toBe(0);
    const inbox = `http://127.0.0.1:${checkout.port(4010)}`;
    const shown = (await (await fetch(`${inbox}/api/messages?channel=%23preview`)).json()) as {
      readonly attachments: readonly { readonly title: string; readonly text: string; readonly titleLink: string }[];
    }[];
    expect(shown.length).toBeGreaterThan(10);
    const disk = shown.flatMap(({ attachments }) => attachments).find(({ title }) => title.includes("DiskFilling"));
    expect(disk?.text).toContain("(fires below 10%)");
    const response = await fetch(disk?.titleLink ?? "");
    expect(response.status).toBe(200);
  });

  it("costs little: the supervisor's memory and processor time", async () => {
    const pid = checkout.supervisor()?.identity.pid ?? 0;
    const before = cpuSeconds(pid);
    const begun = performance.now();
    await new Promise((idle) => setTimeout(idle, 10_000));
    const share = (cpuSeconds(pid) - before) / ((performance.now() - begun) / 1_000);
    const megabytes = residentMegabytes(pid);
    console.log(
      `supervisor: ${megabytes.toFixed(0)} MB resident (promised ${promisedMegabytes}), ${(share * 100).toFixed(2)} % of a core when idle (promised ${promisedShare * 100})`,
    );
    expect(megabytes).toBeLessThan(promisedMegabytes * 1.3);
  });

  it("has a drill that is stopped heal what it broke", async () => {
    const drill = checkout.start(process.execPath, ["run.mjs", "drill", "redis-down"]);
    const redis = () => checkout.records().find(({ order }) => order.plan.service === "redis")?.state;
    await until(() => redis() === "stopped");
    // As Ctrl-C does it: to the whole group.
    process.kill(-drill.pid, "SIGINT");
    const { code, text } = await drill.ended;
    expect(text).toMatch(/drill: was stopped\n {2}-> What it had broken is whole again/);
    expect([code, redis()]).toEqual([1, "ready"]);
  });

  it("tells a drill's fault in the Slack inbox within its promised time, and its end", async () => {
    const { code, text, seconds } = await checkout.run("drill", "redis-down");
    console.log(text.trim());
    const [, fired = "", unit] = /after ([\d.]+) (s)/.exec(text) ?? [];
    expect(unit, text).toBe("s");
    expect(Number(fired)).toBeLessThan(3 * 120);
    expect(text).toMatch(/RESOLVED/);
    expect(code === 0 || Number(fired) > 120, text).toBe(true);
    expect((await checkout.status()).find(({ service }) => service === "redis")?.ready).toBe(true);
    console.log(`drill: ${seconds.toFixed(0)} s in all`);
  });

  it("has other programs' metrics with the kind, the labels and the values that the catalogue says", async () => {
    type Metadata = { data: Record<string, { type: string }[]> };
    const kinds = async () =>
      ((await (await fetch(`http://127.0.0.1:${checkout.port(9090)}/api/v1/metadata`)).json()) as Metadata).data;
    const foreign = Object.entries<Row>(rows).filter(
      ([, { from, needs }]) => from !== undefined && !["rules", "scrape"].includes(from) && needs === undefined,
    );
    expect(foreign.length).toBeGreaterThan(20);
    const wrong = async (): Promise<readonly string[]> => {
      const told = await kinds();
      const found = await Promise.all(
        foreign.map(async ([name, { kind, labels }]) => {
          // OpenMetrics leaves the ending of a counter to its samples.
          const type = (told[name] ?? told[name.replace(/_total$/, "")])?.[0]?.type;
          if (type !== kind) return [`${name}: ${type ?? "nobody exposes it"}, not a ${kind}`];
          const series = await query(kind === "histogram" ? `${name}_bucket` : name);
          if (series.length === 0) return [`${name}: has no series`];
          return Object.entries(labels).flatMap(([label, values]) =>
            series.flatMap(({ metric }) => {
              const value = metric[label];
              if (value === undefined) return [`${name}: has no label ${label}`];
              return values === "configured" || values.includes(value) ? [] : [`${name}: ${label}="${value}"`];
            }),
          );
        }),
      );
      return [...new Set(found.flat())];
    };
    // Alertmanager counts its alerts when it tells the first, a while after its start.
    await expect.poll(wrong, { timeout: 120_000, interval: 2_000 }).toEqual([]);
  });

  it("tells the second receiver that Slack takes nothing, and tells Slack all of it later", async () => {
    const inbox = `http://127.0.0.1:${checkout.port(4010)}`;
    const fault = (seconds: number) =>
      fetch(`${inbox}/api/fault`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ status: 403, seconds }),
      });
    expect((await fault(600)).status).toBe(200);
    const labels = { alertname: "Trial", service: "trial", severity: "page", owner: "platform" };
    const annotations = { summary: "A trial.", action: "Nothing.", value: "1" };
    const told = await fetch(`http://127.0.0.1:${checkout.port(9093)}/api/v2/alerts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([{ labels, annotations }]),
    });
    expect(told.status).toBe(200);
    await until(() => pager.heard().includes('"SlackUndelivered"') && pager.heard().includes('"Trial"'), 120_000);
    const titles = async () => {
      const messages = (await (await fetch(`${inbox}/api/messages`)).json()) as {
        readonly attachments: readonly { readonly title?: string }[];
      }[];
      return messages.flatMap(({ attachments }) => attachments.map(({ title }) => title));
    };
    expect(await titles()).not.toContain("[PAGE] Trial trial");
    await fault(0);
    await until(async () => {
      const shown = await titles();
      return ["[PAGE] Trial trial", "[PAGE] SlackUndelivered slack-relay"].every((title) => shown.includes(title));
    }, 120_000);
  });

  it("has let none of the marker values out: APIs, files, logs, messages, reports, pages, and what is cached", async () => {
    const at = (port: number) => `http://127.0.0.1:${checkout.port(port)}`;
    const read = async (url: string) => {
      const response = await fetch(url);
      expect([url, response.status]).toEqual([url, 200]);
      return response.text();
    };
    const every = encodeURIComponent('{__name__=~".+"}');
    const lastHour = `start=${Date.now() / 1_000 - 3_600}&end=${Date.now() / 1_000 + 1}`;
    const metrics = await Promise.all(
      [`series?match[]=${every}`, `query_exemplars?query=${every}&${lastHour}`, "metadata", "targets", "rules"].map(
        (path) => read(`${at(9090)}/api/v1/${path}`),
      ),
    );
    const { data: services } = JSON.parse(await read(`${at(16686)}/api/services`)) as {
      readonly data: readonly string[];
    };
    const micros = `start=${(markedAt - 5_000) * 1_000}&end=${(markedAt + 60_000) * 1_000}`;
    const traces = await Promise.all(
      services.map((service) => read(`${at(16686)}/api/traces?service=${service}&limit=1500&${micros}`)),
    );
    const others = await Promise.all(
      [`${at(9093)}/api/v2/alerts`, `${at(4010)}/api/messages`, `${at(9201)}/`, `${at(9201)}/metrics`].map(read),
    );
    const password = readFileSync(`${checkout.root()}/files/gateway-0/run/secrets/redisPassword`, "utf8").trim();
    const client = new Redis({ host: "127.0.0.1", port: checkout.port(6379), username: "cache", password });
    const { keys, values } = await contentOf(client).finally(() => client.disconnect());
    expect(keys.length).toBeGreaterThan(10);
    // It looks where there is something to see.
    expect(metrics.join()).toContain("/api/v2/patients/:id");
    expect(traces.join()).toContain("/api/v2/patients/:id");
    expect(others.join()).toContain("SlackUndelivered");
    for (const seen of [metrics, traces, others, reports.bodies, [pager.heard()], keys, values])
      expect(seen.filter((text) => text.includes(mark))).toEqual([]);
    const files = marked(checkout.root());
    expect(files.filter((path) => !path.startsWith("data/demo-postgres-0/"))).toEqual([]);
    expect(files).not.toEqual([]);
  });

  it("shows none of them on any dashboard or picture of one, nor any of its secrets", async ({ skip }) => {
    const viewer = checkout.records().some(({ order }) => order.plan.service === "viewer");
    const browser = findBrowser();
    if (browser === undefined || !viewer) return skip("it needs chromium and the viewer");
    const secrets = globSync("files/*/run/secrets/*", { cwd: checkout.root() })
      .map((path) => readFileSync(`${checkout.root()}/${path}`, "utf8").trim())
      .filter((text) => text.length >= 8);
    // Passwords, and the address with a key to which errors are reported.
    expect(secrets.length).toBeGreaterThan(5);
    expect(secrets.some((text) => text.endsWith("/7"))).toBe(true);
    const pages = await textsOfDashboards(`http://127.0.0.1:${checkout.port(3000)}`, browser);
    expect(pages.size).toBeGreaterThan(8);
    expect([...pages.values()].flat().join()).toContain("/api/v2/patients/:id");
    for (const [uid, texts] of pages) expect([uid, ...secretsIn(texts, [mark, ...secrets])]).toEqual([uid]);
  });
});
