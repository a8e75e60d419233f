import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Duration } from "../../components/units.ts";
import { healthConfig, type IntegrationTarget } from "../../exporters/integration-health/config.ts";
import { type AnchorAnswer, connectivity } from "../../exporters/integration-health/connectivity.ts";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { inMaintenance } from "../../exporters/integration-health/integration.ts";
import { budget, gate } from "../../exporters/integration-health/limits.ts";
import { recurrence } from "../../exporters/integration-health/recurrence.ts";
import { repeat } from "../../exporters/integration-health/schedule.ts";
import { delayOf, follow, sourceOf } from "../../exporters/integration-health/source.ts";
import { judge, statusOf, undecided, type Verdict, worst } from "../../exporters/integration-health/verdict.ts";
import { confirmAfter, type KnownCertificate, watchIntegration } from "../../exporters/integration-health/watch.ts";
import type { ProbeCause } from "../../telemetry/catalogue/integrations.ts";
import { until } from "../support/ports.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { runExporter, type Scraped } from "./scraped.ts";

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

  it("spreads the first turns over a second, and all later ones by a tenth of the interval about their places", async () => {
    const clock = virtualClock();
    const interval = 30_000;
    const turns = Array.from({ length: 40 }, (): number[] => []);
    const stops = turns.map((begun) =>
      repeat({ intervalMs: interval, clock, work: async () => void begun.push(clock.now()) }),
    );
    await clock.run(20 * interval);
    await Promise.all(stops.map(({ stop }) => stop()));
    const firsts = turns.map(([first = Number.NaN]) => first);
    const [least, most] = [Math.min(...firsts), Math.max(...firsts)];
    expect(least).toBeGreaterThanOrEqual(0);
    expect(most).toBeLessThanOrEqual(1_000);
    expect(most - least).toBeGreaterThan(500);
    const shifts = turns.flatMap(([first = 0, ...later]) =>
      later.map((at, index) => (at - first) / interval - (index + 1)),
    );
    expect(Math.max(...shifts)).toBeLessThanOrEqual(0.1);
    expect(Math.min(...shifts)).toBeGreaterThanOrEqual(-0.1);
    expect(Math.max(...shifts) - Math.min(...shifts)).toBeGreaterThan(0.15);
  });

  it("waits for no more than an interval, whatever becomes of the clock", async () => {
    const clock = virtualClock();
    const day = 86_400_000;
    let back = 0;
    let turns = 0;
    const { stop } = repeat({
      intervalMs: 30_000,
      clock: { ...clock, now: () => clock.now() - back },
      work: async () => {
        turns++;
        if (turns === 5) back = day;
      },
    });
    await clock.run(10 * 60_000);
    expect([19, 20, 21, 22]).toContain(turns);
    await stop();
  });

  it("spaces confirmations, and has room for all of them within the cycle", () => {
    const within = (interval: Duration, timeout: Duration) =>
      [0, 1].map((share) =>
        confirmAfter({ interval, timeout, confirm: { failures: 3, of: 4, successes: 2 } }, () => share),
      );
    expect(within("60s", "5s")).toEqual([5_000, 15_000]);
    expect(within("30s", "5s")).toEqual([3_000, 6_000]);
    expect(within("1s", "5s")).toEqual([50, 100]);
  });
});

describe("the verdict", () => {
  const policy = { failures: 3, of: 4, successes: 2 };
  type Seen = ProbeCause | "ok" | "offline";
  const judged = (...seen: readonly Seen[]): Verdict =>
    seen.reduce<Verdict>(
      (verdict, each, at) =>
        judge(
          verdict,
          each === "offline" ? { at, cause: "dns", offline: true } : { at, cause: each === "ok" ? undefined : each },
          policy,
        ),
      undecided,
    );
  const f = "timeout";

  it("needs three of four failures to turn down, and two good ones in a row to turn up", () => {
    expect(judged("ok").up).toBe(true);
    expect(judged(f, f).up).toBeUndefined();
    expect(judged(f, f, f)).toMatchObject({ up: false, cause: f, since: 2 });
    expect(judged("ok", f, f)).toMatchObject({ up: true, doubtedSince: 1 });
    expect(judged("ok", f, "ok", f, f).up).toBe(false);
    expect(judged("ok", f, "ok", "ok", f, f).up).toBe(true);
    expect(judged(f, f, f, "ok")).toMatchObject({ up: false, doubtedSince: 3, cause: f });
    expect(judged(f, f, f, "ok", "ok")).toMatchObject({ up: true, since: 4 });
    expect(judged(f, f, f, "ok", "ok").doubtedSince).toBeUndefined();
  });

  it("takes what is ours to mend for an answer of theirs", () => {
    expect(judged("ok", "rate_limited", "auth", "rate_limited", "auth")).toMatchObject({ up: true, cause: "auth" });
  });

  it("knows nothing of what may not be asked, and starts anew afterwards", () => {
    expect(judged("ok", "refused", "refused")).toMatchObject({ up: undefined, offline: false, since: 1 });
    expect(statusOf(judged("ok", "refused"))).toBe("error");
    expect(judged(f, f, f, "refused", f, f)).toMatchObject({ up: undefined });
    expect(judged("refused", "ok")).toMatchObject({ up: true, since: 1 });
  });

  it("tells what comes again from what happens once, however far apart", () => {
    const seen = recurrence<string>();
    const recurring = (...kinds: readonly (string | undefined)[]) => kinds.map((kind) => [...seen(kind)].join());
    expect(recurring("auth", undefined, "auth", "dns")).toEqual(["", "", "auth", "auth"]);
    expect(recurring("dns", undefined, undefined, undefined)).toEqual(["dns", "dns", "dns", ""]);
  });

  it("knows nothing while we are offline, whatever was seen before, and starts anew afterwards", () => {
    expect(judged("ok", f, f, "offline")).toMatchObject({ up: undefined, offline: true, since: 3 });
    expect(judged(f, f, f, "offline", f, f)).toMatchObject({ up: undefined, offline: false });
    expect(judged("ok", "offline", "offline", "ok")).toMatchObject({ up: true, since: 3 });
  });

  it("has a word for every state, and the worst of them for all", () => {
    const verdicts = [judged(), judged("ok"), judged("ok", "dns"), judged(f, f, f), judged("auth"), judged("offline")];
    expect(verdicts.map((verdict) => statusOf(verdict))).toEqual([
      "unknown",
      "healthy",
      "degraded",
      "unhealthy",
      "degraded",
      "unknown",
    ]);
    expect(verdicts.map((verdict) => statusOf(verdict, true))).toEqual([
      "unknown",
      "healthy",
      "maintenance",
      "maintenance",
      "maintenance",
      "unknown",
    ]);
    // What counts most is told first, wherever it stands.
    const order = ["unhealthy", "error", "degraded", "unknown", "maintenance", "healthy"] as const;
    for (const [index, each] of order.entries()) expect(worst(order.slice(index).toReversed())).toBe(each);
    expect(worst([])).toBe("unknown");
  });

  it("is never down while fewer failures than the policy's are among the last ones, for any sequence", () => {
    const seen = fc.array(fc.constantFrom<Seen>("ok", "dns", "timeout", "auth", "offline"), { maxLength: 40 });
    fc.assert(
      fc.property(seen, (sequence) => {
        const { up } = judged(...sequence);
        const sinceOffline = sequence.slice(sequence.lastIndexOf("offline") + 1);
        const failures = sinceOffline.filter((each) => each === "dns" || each === "timeout").length;
        if (sequence.at(-1) === "offline") expect(up).toBeUndefined();
        else if (failures < policy.failures) expect(up).not.toBe(false);
      }),
    );
  });
});

it("a maintenance of ours is from its beginning until its end, and not a moment longer", () => {
  const maintenance = [{ from: "2026-01-31T22:00:00Z", until: "2026-01-31T23:00:00+00:00" }];
  const at = (time: string) => inMaintenance({ maintenance } as never, Date.parse(`2026-01-31T${time}Z`));
  expect(["21:59:59", "22:00:00", "22:59:59", "23:00:00"].map(at)).toEqual([false, true, true, false]);
});

describe("the source of a failure", () => {
  const down: Verdict = { up: false, since: 10_000, offline: false, recent: [], cause: "timeout" };
  const up: Verdict = { up: true, since: 0, offline: false, recent: [] };
  const says = { troubled: true, maintenance: false, since: 70_000 };
  const quiet = { troubled: false, maintenance: false };

  it("comes from both sides, and a feed alone is only that", () => {
    expect(sourceOf(down, says)).toBe("vendor_confirmed");
    expect(sourceOf(down, quiet)).toBe("vendor_unannounced");
    expect(sourceOf(down, undefined)).toBe("vendor_unannounced");
    expect(sourceOf(up, says)).toBe("status_page_only");
    expect(sourceOf(up, quiet)).toBeUndefined();
    expect(sourceOf({ ...up, cause: "auth" }, says)).toBe("ours");
    expect(sourceOf({ ...up, up: undefined, offline: true }, says)).toBe("ours");
  });

  it("knows how much later than us they said so, and forgets it with the outage", () => {
    const begun = follow(undefined, down, quiet, 11_000);
    expect(begun && delayOf(begun)).toBeUndefined();
    const told = follow(begun, down, says, 80_000);
    expect(told && delayOf(told)).toBe(60);
    expect(follow(told, down, { ...says, since: 99_000 }, 99_000)).toBe(told);
    expect(follow(told, up, says, 99_000)).toBeUndefined();
  });
});

const away: AnchorAnswer = { resolved: false, connected: false };

describe("connectivity", () => {
  const asked = (...answers: readonly AnchorAnswer[]) =>
    connectivity({ anchors: answers, ask: async (answer) => answer, now: () => 0 });

  it("counts as online when any anchor answers, or none is known, or the other side did answer", async () => {
    expect(await asked(away, { resolved: undefined, connected: true }).online("timeout")).toBe(true);
    expect(await asked(away, away).online("timeout")).toBe(false);
    expect(await asked().online("timeout")).toBe(true);
    expect(await asked(away, away).online("http_5xx")).toBe(true);
    expect(await asked(away, away).online(undefined)).toBe(true);
  });

  it("blames our own resolver when the names of all anchors are unknown too", async () => {
    const address = { resolved: undefined, connected: true };
    expect(await asked(away, address).online("dns")).toBe(false);
    expect(await asked(away, address).online("connect")).toBe(true);
    expect(await asked({ resolved: true, connected: false }, address).online("dns")).toBe(true);
  });

  it("does not take an answer that is older than it is asked for", async () => {
    let [away, now] = [false, 0];
    const ask = async () => ({ resolved: undefined, connected: !away });
    const guard = connectivity({ anchors: [1], ask, now: () => now });
    expect(await guard.online("connect")).toBe(true);
    [away, now] = [true, 100];
    expect(await guard.online("connect")).toBe(true);
    expect(await guard.online("connect", now)).toBe(false);
    // Nor one from the future, when the clock was set back.
    [away, now] = [false, -3_600_000];
    expect(await guard.online("connect")).toBe(true);
  });

  it("asks once for all who want to know in the same moment", async () => {
    let [asked, now] = [0, 0];
    const guard = connectivity({
      anchors: [1, 2],
      ask: async () => {
        asked++;
        return away;
      },
      now: () => now,
    });
    await Promise.all([guard.online("dns"), guard.online("timeout"), guard.online("connect")]);
    // Two anchors, and once more because none answered.
    expect(asked).toBe(4);
    now = 5_000;
    await guard.online("dns");
    expect(asked).toBe(8);
    expect(guard.last()).toBe(false);
  });
});

describe("a watched integration", () => {
  it.each([
    ["calls", { callsPerMinute: 6 }, 0],
    ["bytes", { callsPerMinute: 600, bytesPerMinute: 60_000 }, 10_000],
  ])("costs no more %s than its budget has, and says how many turns that left out", async (_what, budget, bytes) => {
    const clock = virtualClock();
    const entry = { name: "x", probe: "tcp", address: "vendor.example:1", interval: "1s" };
    const target = healthConfig.parse({ integrations: [{ ...entry, budget }] }).integrations[0] as IntegrationTarget;
    let [asked, skipped] = [0, 0];
    const { stop } = watchIntegration(target, {
      clock,
      random: () => 0.5,
      gate: gate(1),
      connectivity: connectivity({ anchors: [], ask: async () => away, now: clock.now }),
      attempt: async () => {
        asked++;
        return { phases: {}, bytes };
      },
      skipped: (_, turns) => {
        skipped += turns;
      },
    });
    await clock.run(600_000);
    await stop();
    expect(asked).toBeLessThanOrEqual(6 + 60);
    expect(asked).toBeGreaterThanOrEqual(60);
    expect(asked + skipped).toBeGreaterThan(590);
  });

  it.each(["connect", "timeout"] as const)(
    "that must fail is neither down nor up while we are offline, when it fails by %s",
    async (seen) => {
      const clock = virtualClock();
      const entry = { name: "x", probe: "tcp", address: "vendor.example:1", expectFailure: ["connect"] };
      const target = healthConfig.parse({ integrations: [entry] }).integrations[0] as IntegrationTarget;
      const guard = connectivity({ anchors: [1, 2], ask: async () => away, now: clock.now });
      const { stop, state } = watchIntegration(target, {
        clock,
        gate: gate(1),
        connectivity: guard,
        attempt: async () => ({ phases: {}, ...(seen === "connect" ? { wanted: seen } : { cause: seen }) }),
      });
      await clock.run(300_000);
      await stop();
      expect(state().verdict).toMatchObject({ up: undefined, offline: true });
      expect(guard.last()).toBe(false);
    },
  );

  it("knows when a certificate was seen and accepted last, whatever later handshakes come to", async () => {
    const clock = virtualClock();
    const entry = { name: "x", probe: "tls", address: "vendor.example:443", interval: "60s" };
    const target = healthConfig.parse({ integrations: [entry] }).integrations[0] as IntegrationTarget;
    const seen = [
      { expiry: 1_000, valid: true },
      { expiry: 1_000, valid: true },
      { expiry: 10, valid: false },
    ];
    const known: (KnownCertificate | undefined)[] = [];
    const { stop, state } = watchIntegration(target, {
      clock,
      random: () => 0.5,
      gate: gate(1),
      connectivity: connectivity({ anchors: [], ask: async () => away, now: clock.now }),
      attempt: async () => {
        const certificate = seen[known.length];
        return {
          phases: {},
          ...(certificate?.valid ? {} : { cause: "tls" as const }),
          ...(certificate && { certificate }),
        };
      },
      attempted: () => known.push(state().certificate),
    });
    await clock.run(180_000);
    await stop();
    const at = known[1]?.seenAt ?? 0;
    expect(at).toBeGreaterThan(59);
    expect(known[1]).toEqual({ expiry: 1_000, seenAt: at, acceptedAt: at });
    expect(known[2]).toMatchObject({ expiry: 10, acceptedAt: at });
    expect(known[2]?.seenAt).toBeGreaterThan(at);
    // Handshakes that show none change nothing.
    expect(known.length).toBeGreaterThan(4);
    expect(known.at(-1)).toEqual(known[2]);
  });

  it("is not called down on an answer of the anchors from before its failures, however close they are", async () => {
    const clock = virtualClock();
    const goneAt = 50;
    const target = healthConfig.parse({
      integrations: [{ name: "x", probe: "tcp", address: "vendor.example:1", interval: "1s" }],
    }).integrations[0] as IntegrationTarget;
    const guard = connectivity({
      anchors: [1],
      ask: async () => ({ resolved: undefined, connected: clock.now() < goneAt }),
      now: clock.now,
    });
    // Another one has failed a moment before, while we were online.
    expect(await guard.online("connect")).toBe(true);
    const seen: (boolean | undefined)[] = [];
    const { stop } = watchIntegration(target, {
      clock,
      random: () => 0.06,
      gate: gate(1),
      connectivity: guard,
      attempt: async () => ({ phases: {}, cause: "connect" }),
      attempted: (_, _attempt, _before, { up }) => seen.push(up),
    });
    await clock.run(600);
    await stop();
    expect(seen.length).toBe(3);
    expect(seen).not.toContain(false);
  });
});

describe("limits", () => {
  it("hold an integration to its calls and bytes per minute", () => {
    let now = 0;
    const allowance = budget({ callsPerMinute: 2, bytesPerMinute: 1_000 }, () => now);
    expect([allowance.take(), allowance.take(), allowance.take()]).toEqual([true, true, false]);
    now = 30_000;
    expect([allowance.take(), allowance.take()]).toEqual([true, false]);
    allowance.spend(3_000);
    now = 90_000;
    expect(allowance.take()).toBe(false);
    now = 240_000;
    expect(allowance.take()).toBe(true);
    // A clock that is set back takes nothing away.
    now = 300_000;
    expect(allowance.take()).toBe(true);
    now = 0;
    expect(allowance.take()).toBe(true);
  });

  it("let so many work at once, and the others in their order", async () => {
    const enter = gate(2);
    const order: number[] = [];
    let [running, most] = [0, 0];
    const work = (number: number) =>
      enter(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        order.push(number);
        running--;
        if (number === 1) throw new Error("x");
      });
    const all = await Promise.allSettled([0, 1, 2, 3, 4].map(work));
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(all.filter(({ status }) => status === "rejected").length).toBe(1);
  });
});
