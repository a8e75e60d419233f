// What integration-health keeps of the past, and that it outlives a restart.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createSecure } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openHistory, type Was } from "../../exporters/integration-health/history.ts";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { pastOf } from "../../exporters/integration-health/view.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { until } from "../support/ports.ts";
import { runExporter, type Scraped } from "./scraped.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
let folder: string;
let exporter: Scraped | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-api-"));
});
afterEach(async () => {
  await exporter?.close();
  exporter = undefined;
});
afterAll(() => rm(folder, { recursive: true }));

const start = async (config: object = {}): Promise<Scraped> => {
  exporter = await runExporter(integrationHealth, { integrations: [], ...config });
  return exporter;
};
const get = (path: string, token?: string): Promise<Response> =>
  (exporter as Scraped).page(path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

describe("the past", () => {
  const filled = (...spans: readonly (readonly [at: number, was: Was])[]) => {
    const past = openHistory(undefined, () => undefined);
    for (const [at, was] of spans) past.note("x", { at, was, failed: was === "down", seconds: 0.1, gapMs: 100 * day });
    return past;
  };

  it("knows the share of the known time that it was up, whatever is not known", () => {
    const past = filled(
      [0, "up"],
      [60 * minute, "down"],
      [75 * minute, "maintenance"],
      [90 * minute, "up"],
      [135 * minute, "up"],
    );
    expect(past.uptime("x", 0, day)).toBeCloseTo(105 / 120);
    expect(past.uptime("x", 80 * minute, 85 * minute)).toBeUndefined();
    expect(past.uptime("nobody", 0, day)).toBeUndefined();
  });

  it("gives the share of a day, a week and a month, and the attempts of the last day alone", () => {
    const now = 40 * day;
    const hour = 60 * minute;
    const past = filled(
      [0, "up"],
      [now - 20 * day, "down"],
      [now - 20 * day + 12 * hour, "up"],
      [now - 3 * day, "down"],
      [now - 3 * day + 12 * hour, "up"],
      [now - 2 * hour, "down"],
      [now - hour, "up"],
      [now, "up"],
    );
    const { uptime, history } = pastOf(past, "x", now);
    expect(uptime["24h"]).toBeCloseTo(23 / 24);
    expect(uptime["7d"]).toBeCloseTo(1 - 13 / (7 * 24));
    expect(uptime["30d"]).toBeCloseTo(1 - 25 / (30 * 24));
    expect(history.map(({ attempts, failures }) => [attempts, failures])).toEqual([
      [1, 1],
      [1, 0],
      [1, 0],
    ]);
  });

  it("does not know what was while nobody looked", () => {
    const past = openHistory(undefined, () => undefined);
    for (const at of [0, minute, 2 * minute, 62 * minute, 63 * minute])
      past.note("x", { at, was: "up", failed: false, seconds: 0.1, gapMs: 5 * minute });
    expect(past.days("x", 1, 0)[0]?.upMs).toBe(3 * minute);
  });

  it("has a day for each of the last 90", () => {
    const now = Date.parse("2026-03-31T12:00:00Z");
    const past = filled([now - 2 * day, "up"], [now - day, "down"], [now - day + 5 * minute, "up"], [now, "up"]);
    const days = past.days("x", 90, now);
    expect(days.length).toBe(90);
    expect(days.at(-1)?.date).toBe("2026-03-31");
    expect(days.at(-2)).toEqual({ date: "2026-03-30", downMs: 5 * minute, upMs: day - 5 * minute });
    expect(days[0]).toMatchObject({ upMs: 0, downMs: 0 });
  });

  it("stays small over 90 days of checks, and forgets what is older", () => {
    const past = openHistory(undefined, () => undefined);
    for (let at = 0; at < 120 * day; at += 30 * minute)
      past.note("x", { at, was: at % (7 * day) === 0 ? "down" : "up", failed: false, seconds: 0.1, gapMs: day });
    expect(past.points("x").length).toBeLessThan(100);
    expect(past.uptime("x", 0, 20 * day)).toBeUndefined();
    expect(past.uptime("x", 40 * day, 120 * day)).toBeGreaterThan(0.99);
  });

  it("puts a file aside that is none, and begins anew", async () => {
    const data = await mkdtemp(join(folder, "data-"));
    await writeFile(join(data, "history.json"), "{ half");
    let told = 0;
    const past = openHistory(data, () => told++);
    past.note("x", { at: 1, was: "up", failed: false, seconds: 0.1, gapMs: 1 });
    await past.save();
    expect(told).toBe(1);
    expect(await readFile(join(data, "history.json.broken"), "utf8")).toBe("{ half");
    expect(openHistory(data, () => told++).last("x")).toEqual({ was: "up", since: 1, until: 1 });
    expect(told).toBe(1);
  });

  it("says once that it cannot be written, and is written as soon as it can", async () => {
    const data = join(await mkdtemp(join(folder, "data-")), "later");
    const told: string[] = [];
    const past = openHistory(data, (trouble) => told.push(trouble));
    const note = (at: number) => past.note("x", { at, was: "up", failed: false, seconds: 0.1, gapMs: 10 });
    for (const at of [1, 2]) {
      note(at);
      await past.save();
    }
    expect(told).toEqual(["cannot be written"]);
    await mkdir(data);
    await past.save();
    expect(openHistory(data, () => undefined).last("x")).toEqual({ was: "up", since: 1, until: 2 });
  });

  it.each([
    ["still is, after a short one", 100, 0],
    ["is not known any more, after a long one", 200, undefined],
  ])("of an integration that was down before a restart %s", async (_what, secondsAgo, up) => {
    const data = await mkdtemp(join(folder, "data-"));
    const last = Date.now() - secondsAgo * 1_000;
    const verdict = { up: false, since: last, offline: false, recent: [false, false, false, false] };
    const past = { spans: [[last - minute, "down"]], until: last, points: [], kept: { verdict } };
    await writeFile(join(data, "history.json"), JSON.stringify({ version: 1, integrations: { gone: past } }));
    // Three intervals and a minute are 150 s.
    const gone = { name: "gone", probe: "tcp", address: "127.0.0.1:1", interval: "30s", allow: ["loopback"] };
    const { metrics } = await start({ integrations: [gone], data });
    const page = await until(async () => {
      const now = await metrics();
      return now.value('integration_probes_total{integration="gone"}') === 1 ? now : undefined;
    });
    expect(page.value('integration_up{integration="gone"}')).toBe(up);
  });

  it("outlives a restart: uptime, points, an outage that is still under way, a doubt, and when a certificate expires", async () => {
    const data = await mkdtemp(join(folder, "data-"));
    await writeFile(join(folder, "token"), "right");
    const expires = new Date(Math.floor(Date.now() / 1_000) * 1_000 + day);
    const own = selfSigned("localhost", new Date(Date.now() - day), expires);
    const server = createSecure(own);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `localhost:${(server.address() as { port: number }).port}`;
    const secure = { name: "secure", probe: "tls", address, ca: own.cert, interval: "1h", allow: ["loopback"] };
    const gone = { name: "gone", probe: "tcp", address: "127.0.0.1:1", interval: "1s", allow: ["loopback"] };
    const config = { integrations: [gone, secure], data, access: { tokenFile: join(folder, "token") } };
    const { metrics, close } = await start(config);
    await until(async () => (await metrics()).value('integration_up{integration="gone"}') === 0, 30_000);
    const told = async () =>
      (await get("/api/v1/health/gone", "right")).json() as Promise<{ history: { attempts: number }[] }>;
    await until(async () => ((await told()).history.at(-1)?.attempts ?? 0) >= 4);
    await until(async () => (await metrics()).value('integration_up{integration="secure"}') === 1);
    const before = await told();
    await close();
    await new Promise((resolve) => server.close(resolve));
    const again = await start(config);
    await until(async () => (await again.metrics()).value('integration_up{integration="gone"}') === 0, 30_000);
    // Without a memory it would take three failures to say so.
    expect((await again.metrics()).value('integration_probes_total{integration="gone"}')).toBe(1);
    const page = await until(async () => {
      const now = await again.metrics();
      return now.value('integration_probe_failures_total{integration="secure",cause="connect"}') ? now : undefined;
    });
    // It was up, so one failure is a doubt.
    expect(page.value('integration_up{integration="secure"}')).toBe(1);
    for (const what of ["expiry", "last_seen", "last_valid"])
      expect(page.value(`integration_certificate_${what}_timestamp_seconds{integration="secure"}`)).toBeGreaterThan(0);
    expect(await (await get("/api/v1/health/secure", "right")).json()).toMatchObject({
      status: "degraded",
      error: "connect",
      details: { certificateExpires: expires.toISOString() },
    });
    const after = await told();
    expect(after).toMatchObject({ name: "gone", status: "unhealthy", uptime: { "24h": 0, "7d": 0, "30d": 0 } });
    const attempts = (all: readonly { readonly attempts: number }[]) =>
      all.reduce((sum, each) => sum + each.attempts, 0);
    expect(attempts(after.history)).toBeGreaterThan(attempts(before.history));
  });
});
