import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { integrationHealth } from "../../../exporters/integration-health/index.ts";
import { until } from "../../support/ports.ts";
import { runExporter, type Scraped } from "../scraped.ts";

const sockets = new Set<Socket>();
const servers = new Set<Server | ReturnType<typeof createTcp>>();
let exporter: Scraped | undefined;
let answer: RequestListener;
let url: string;
let hanging: number;

const folder = mkdtempSync(join(tmpdir(), "vitals-health-"));
const access = { tokenFile: join(folder, "token") };
writeFileSync(access.tokenFile, "right\n");
const bearer = { headers: { authorization: "Bearer right" } };
afterAll(() => rmSync(folder, { recursive: true }));

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
  url: `${url}/?ref=CANARY-KEY`,
  interval: "1s",
  allow: ["loopback"],
  ...part,
});
const start = async (...integrations: readonly object[]): Promise<Scraped> => {
  const allowed = integrations.map((each) => ({ allow: ["loopback"], ...each }));
  exporter = await runExporter(integrationHealth, { integrations: allowed, access });
  return exporter;
};

describe("integration-health", () => {
  it("turns down after three failures and up after two successes, and shows every failed attempt at once", async () => {
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
    expect(down.value('integration_probe_failures_total{integration="vendor",cause="http_5xx"}')).toBe(3);
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
    expect(await (await page("/api/v1/health", bearer)).json()).toMatchObject({
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
    const health = await (await page("/api/v1/health", bearer)).json();
    const checked = { responseTime: expect.any(Number), lastChecked: expect.stringMatching(/Z$/) };
    const details = { vendor: null, announcementDelay: null, certificateExpires: null, offline: false, source: null };
    const since = expect.stringMatching(/Z$/);
    expect(health).toEqual({
      overall_status: "unhealthy",
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      integrations: [
        { name: "vendor", status: "healthy", ...checked, details: { ...details, probe: "http", since } },
        { name: "queue", status: "healthy", ...checked, details: { ...details, probe: "tcp", since } },
        {
          name: "gone",
          status: "unhealthy",
          ...checked,
          error: "connect",
          details: { ...details, probe: "tcp", since, source: "vendor_unannounced" },
        },
        {
          name: "new",
          status: "unknown",
          responseTime: null,
          lastChecked: null,
          details: { ...details, probe: "http", since: null },
        },
      ],
      system: expect.objectContaining({ uptime: expect.any(Number), event_loop_lag: expect.any(Number), cpu: null }),
      alerts: null,
      reasons: { alerts: "Alertmanager is not configured." },
    });
  });

  it("shows no URL, key, address or answer of a target anywhere", async () => {
    answer = status(500);
    const credentialFile = join(folder, "CANARY-FILE");
    writeFileSync(credentialFile, "CANARY-PASSWORD\n");
    const { metrics, page, lines } = await start(
      vendor({
        url: `${url}/CANARY-PATH?ref=CANARY-KEY`,
        credentialFile,
        login: { as: "basic", user: "CANARY-USER" },
      }),
      { name: "lost", probe: "http", url: "http://canary-host.invalid/", interval: "1s" },
    );
    await until(async () => (await metrics()).value('integration_up{integration="vendor"}') === 0);
    await until(async () =>
      (await metrics()).value('integration_probe_failures_total{integration="lost",cause="dns"}'),
    );
    const text = `${(await metrics()).body}${await (await page("/api/v1/health", bearer)).text()}${lines.join("")}`;
    expect(text).toContain('"integration is down"');
    expect(text).not.toMatch(/canary/i);
    expect(text).not.toContain("127.0.0.1");
  });

  it("is unknown and never down while we are offline ourselves", async () => {
    // What leads to the internet is away: neither the vendor nor an anchor can be reached.
    const gone = { name: "vendor", probe: "tcp", address: "vendor.invalid:443", interval: "1s" };
    exporter = await runExporter(integrationHealth, {
      integrations: [gone],
      anchors: ["one.invalid:443", "two.invalid:443"],
      proxy: { address: "127.0.0.1:1" },
      access,
    });
    const { metrics, page } = exporter;
    const shown = await until(async () => {
      const now = await metrics();
      return (now.value('integration_probes_total{integration="vendor"}') ?? 0) >= 4 ? now : undefined;
    });
    expect(shown.value('integration_probe_success{integration="vendor"}')).toBe(0);
    expect(shown.value('integration_up{integration="vendor"}')).toBeUndefined();
    expect(shown.value("integration_prober_online")).toBe(0);
    expect(shown.value('integration_failure_source{integration="vendor",source="ours"}')).toBe(1);
    expect(await (await page("/api/v1/health", bearer)).json()).toMatchObject({
      overall_status: "unknown",
      integrations: [{ status: "unknown", details: { offline: true, source: "ours" } }],
    });
    expect(await (await page("/")).text()).toContain("We are offline ourselves.");
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
});
