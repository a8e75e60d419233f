import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcp, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { repeat } from "../../exporters/integration-health/schedule.ts";
import { judge, statusOf, undecided, type Verdict, worst } from "../../exporters/integration-health/verdict.ts";
import { confirmAfter } from "../../exporters/integration-health/watch.ts";
import { until } from "../support/ports.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const sockets = new Set<Socket>();
const servers = new Set<Server | ReturnType<typeof createTcp>>();
let exporter: Scraped | undefined;
let answer: RequestListener;
let url: string;
let hanging: number;

const listen = (server: Server | ReturnType<typeof createTcp>): Promise<number> => {
  servers.add(server);
  server.on("connection", (socket: Socket) => sockets.add(socket));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
};

beforeEach(async () => {
  answer = (_, response) => void response.end("fine");
  url = `http://127.0.0.1:${await listen(createServer((request, response) => answer(request, response)))}`;
  hanging = await listen(createTcp(() => undefined));
});

afterEach(async () => {
  await exporter?.close();
  exporter = undefined;
  for (const socket of sockets) socket.destroy();
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  sockets.clear();
  servers.clear();
});

const status =
  (code: number): RequestListener =>
  (_, response) =>
    void response.writeHead(code).end("CANARY-BODY");
const vendor = (part: object = {}) => ({
  name: "vendor",
  probe: "http",
  url: `${url}/?key=CANARY-KEY`,
  interval: "1s",
  ...part,
});
const start = async (...integrations: readonly object[]): Promise<Scraped> => {
  exporter = await runExporter(integrationHealth, { integrations });
  return exporter;
};

describe("integration-health", () => {
  it("turns down after two failures and up after two successes, and shows every failed attempt at once", async () => {
    const { metrics } = await start(vendor());
    await until(async () => (await metrics()).value('integration_up{integration="vendor"}') === 1);
    answer = status(503);
    const doubted = await until(async () => {
      const page = await metrics();
      return page.value('integration_probe_success{integration="vendor"}') === 0 ? page : undefined;
    });
    expect(doubted.value('integration_up{integration="vendor"}')).toBe(1);
    const down = await until(async () => {
      const page = await metrics();
      return page.value('integration_up{integration="vendor"}') === 0 ? page : undefined;
    });
    expect(down.value('integration_probe_failures_total{integration="vendor",cause="http_5xx"}')).toBe(2);
    answer = (_, response) => void response.end("fine");
    const up = await until(async () => {
      const page = await metrics();
      return page.value('integration_up{integration="vendor"}') === 1 ? page : undefined;
    });
    expect(up.value('integration_probe_success{integration="vendor"}')).toBe(1);
  });

  it("does not call an integration down that limits or refuses us", async () => {
    answer = status(429);
    const { metrics, page } = await start(vendor(), vendor({ name: "other", url: `${url}/refused` }));
    await until(async () => ((await metrics()).value('integration_probes_total{integration="vendor"}') ?? 0) >= 2);
    const shown = await metrics();
    expect(shown.value('integration_up{integration="vendor"}')).toBe(1);
    expect(shown.value('integration_probe_success{integration="vendor"}')).toBe(0);
    expect(await (await page("/api/v1/health")).json()).toMatchObject({
      overall_status: "degraded",
      integrations: [{ name: "vendor", status: "degraded", error: "rate_limited" }, { name: "other" }],
    });
  });

  it("has no verdict before the first attempt, and starts every known series at 0", async () => {
    const { metrics } = await start({
      name: "slow",
      probe: "http",
      url: `http://127.0.0.1:${hanging}/`,
      timeout: "20s",
    });
    const page = await metrics();
    expect(page.value('integration_up{integration="slow"}')).toBeUndefined();
    expect(page.value('integration_probes_total{integration="slow"}')).toBe(0);
    expect(page.value('integration_probe_failures_total{integration="slow",cause="dns"}')).toBe(0);
    expect(page.value('integration_probe_duration_seconds_count{integration="slow",phase="tls"}')).toBe(0);
    expect(page.value('integration_probe_interval_seconds{integration="slow"}')).toBe(30);
  });

  it("probes the others on time while several targets hang", async () => {
    const slow = Array.from({ length: 20 }, (_, index) => ({
      name: `slow-${index}`,
      probe: "http",
      url: `http://127.0.0.1:${hanging}/`,
      timeout: "30s",
      interval: "1s",
    }));
    const { metrics } = await start(...slow, vendor());
    await until(async () => ((await metrics()).value('integration_probes_total{integration="vendor"}') ?? 0) >= 3);
    expect((await metrics()).value('integration_probes_total{integration="slow-0"}')).toBe(0);
  });

  it("gives phases whose sums add up to the time of the successful attempts", async () => {
    answer = (_, response) => void setTimeout(() => response.end("fine"), 30);
    const { metrics } = await start(vendor());
    const page = await until(async () => {
      const shown = await metrics();
      return (shown.value('integration_response_duration_seconds_count{integration="vendor"}') ?? 0) >= 2
        ? shown
        : undefined;
    });
    const parts = ["resolve", "connect", "tls", "request", "first_byte", "transfer"].map(
      (phase) =>
        page.value(`integration_probe_duration_seconds_sum{integration="vendor",phase="${phase}"}`) ?? Number.NaN,
    );
    const whole = page.value('integration_response_duration_seconds_sum{integration="vendor"}') ?? 0;
    expect(whole).toBeGreaterThan(0.05);
    expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(whole, 6);
  });

  it("says in JSON how every integration is", async () => {
    const { page, metrics } = await start(
      vendor(),
      { name: "queue", probe: "tcp", address: `127.0.0.1:${hanging}`, interval: "1s" },
      { name: "gone", probe: "tcp", address: "127.0.0.1:1", interval: "1s" },
      { name: "new", probe: "http", url: `http://127.0.0.1:${hanging}/`, timeout: "30s" },
    );
    await until(async () => (await metrics()).value('integration_up{integration="gone"}') === 0);
    for (const name of ["vendor", "queue"])
      await until(async () => (await metrics()).value(`integration_up{integration="${name}"}`) === 1);
    const health = await (await page("/api/v1/health")).json();
    expect(health).toEqual({
      overall_status: "unhealthy",
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      integrations: [
        {
          name: "vendor",
          status: "healthy",
          responseTime: expect.any(Number),
          lastChecked: expect.stringMatching(/Z$/),
        },
        {
          name: "queue",
          status: "healthy",
          responseTime: expect.any(Number),
          lastChecked: expect.stringMatching(/Z$/),
        },
        {
          name: "gone",
          status: "unhealthy",
          responseTime: expect.any(Number),
          lastChecked: expect.any(String),
          error: "connect",
        },
        { name: "new", status: "unknown", responseTime: null, lastChecked: null },
      ],
    });
  });

  it("shows no URL, key, address or answer of a target anywhere", async () => {
    answer = status(500);
    const { metrics, page, lines } = await start(
      vendor({ url: `${url.replace("//", "//CANARY-USER:CANARY-PASSWORD@")}/CANARY-PATH?key=CANARY-KEY` }),
      { name: "lost", probe: "http", url: "http://canary-host.invalid/", interval: "1s" },
    );
    await until(async () => (await metrics()).value('integration_up{integration="vendor"}') === 0);
    await until(async () =>
      (await metrics()).value('integration_probe_failures_total{integration="lost",cause="dns"}'),
    );
    const text = `${(await metrics()).body}${await (await page("/api/v1/health")).text()}${lines.join("")}`;
    expect(text).toContain('"integration is down"');
    expect(text).not.toMatch(/canary/i);
    expect(text).not.toContain("127.0.0.1");
  });

  it("takes up a changed configuration: a new one is probed, one that left vanishes, the rest keeps its counts", async () => {
    const { metrics, configure } = await start(vendor(), vendor({ name: "leaving" }));
    await until(async () => (await metrics()).value('integration_up{integration="leaving"}') === 1);
    const before = (await metrics()).value('integration_probes_total{integration="vendor"}') ?? 0;
    await configure({ integrations: [vendor(), vendor({ name: "new" })] });
    await until(async () => (await metrics()).value('integration_up{integration="new"}') === 1);
    const page = await metrics();
    expect(page.body).not.toContain("leaving");
    expect(page.value('integration_probes_total{integration="vendor"}')).toBeGreaterThanOrEqual(before);
    expect(page.value("exporter_targets")).toBe(2);
  });

  it("ends at once although probes are under way", async () => {
    const { metrics, close } = await start({
      name: "slow",
      probe: "http",
      url: `http://127.0.0.1:${hanging}/`,
      timeout: "60s",
    });
    await until(async () => (await metrics()).value("exporter_targets") === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const began = performance.now();
    await close();
    exporter = undefined;
    expect(performance.now() - began).toBeLessThan(3 * 5_000);
  });
});

describe("the schedule", () => {
  it("never runs a turn while the one before is under way, and says how many it left out", async () => {
    let running = 0;
    let most = 0;
    let skipped = 0;
    let turns = 0;
    const { stop } = repeat({
      intervalMs: 20,
      random: () => 0.5,
      skipped: (count) => {
        skipped += count;
      },
      work: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 70));
        running--;
        turns++;
      },
    });
    await until(() => turns >= 3);
    await stop();
    expect(most).toBe(1);
    expect(running).toBe(0);
    expect(skipped).toBeGreaterThanOrEqual(turns);
  });

  it("spaces a confirmation within the cycle", () => {
    expect([confirmAfter(30_000, () => 0), confirmAfter(30_000, () => 1)]).toEqual([3_000, 10_000]);
    expect([confirmAfter(1_000, () => 0), confirmAfter(1_000, () => 1)]).toEqual([250, 500]);
  });
});

describe("the verdict", () => {
  const judged = (...causes: readonly Parameters<typeof judge>[1][]): Verdict =>
    causes.reduce<Verdict>((verdict, cause) => judge(verdict, cause), undecided);

  it("needs two attempts that agree to change its mind, except for a first good one", () => {
    expect(judged(undefined)).toEqual({ up: true, doubted: false });
    expect(judged("dns")).toEqual({ up: undefined, doubted: true, cause: "dns" });
    expect(judged("dns", "timeout")).toEqual({ up: false, doubted: false, cause: "timeout" });
    expect(judged(undefined, "dns", undefined)).toEqual({ up: true, doubted: false });
    expect(judged(undefined, "dns", "dns", undefined).up).toBe(false);
    expect(judged(undefined, "dns", "dns", undefined, undefined).up).toBe(true);
    expect(judged(undefined, "rate_limited", "auth", "rate_limited").up).toBe(true);
  });

  it("has a word for every state, and the worst of them for all", () => {
    expect(
      [judged(), judged(undefined), judged(undefined, "dns"), judged("dns", "dns"), judged("auth")].map(statusOf),
    ).toEqual(["unknown", "healthy", "degraded", "unhealthy", "degraded"]);
    expect(worst(["healthy", "unknown", "degraded"])).toBe("degraded");
    expect(worst([])).toBe("unknown");
  });
});
