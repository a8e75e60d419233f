// The demo's third party, as integration-health sees it with the entry that the stack gives it: each fault, and its end.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { runExporter, type Scraped } from "../exporters/scraped.ts";
import { type Child, startChild } from "../support/children.ts";
import { freePort, until, untilListening } from "../support/ports.ts";

describe("the demo's vendor", () => {
  let vendor: Child;
  let url: string;
  let exporter: Scraped;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const program = join(import.meta.dirname, "../../demo/vendor.ts");
    vendor = startChild(process.execPath, [program, "--host", "127.0.0.1", "--port", String(port)]);
    await untilListening(port, vendor.alive, 60_000);
    const entry = {
      name: "eligibility",
      probe: "http",
      url: `${url}/v1/status`,
      interval: "1s",
      timeout: "1s",
      allow: ["loopback"],
      expect: { body: [{ path: "$.status", equals: "ok" }] },
      feed: { kind: "statuspage", url: `${url}/api/v2/summary.json` },
    };
    exporter = await runExporter(integrationHealth, { integrations: [entry] });
  }, 90_000);
  afterAll(async () => {
    await exporter?.close();
    await vendor?.end();
  });

  const put = async (fault: string): Promise<number> =>
    (await fetch(`${url}/faults/${fault}`, { method: "PUT" })).status;
  const has = (series: string, value: number) =>
    until(async () => (await exporter.metrics()).value(series) === value, 60_000);
  const isUp = (value: number) => has('integration_up{integration="eligibility"}', value);

  it.each([
    ["down", "http_5xx"],
    ["broken", "assertion"],
    ["slow", "timeout"],
  ])(
    "is down with the fault %s, and up without it",
    async (fault, cause) => {
      await isUp(1);
      expect(await put(fault)).toBe(200);
      await isUp(0);
      const failures = `integration_probe_failures_total{integration="eligibility",cause="${cause}"}`;
      expect((await exporter.metrics()).value(failures)).toBeGreaterThanOrEqual(3);
      await fetch(`${url}/faults`, { method: "DELETE" });
      await isUp(1);
    },
    150_000,
  );

  it("is not down when it limits us, and knows no other fault", async () => {
    await isUp(1);
    await put("limited");
    await has('integration_failure_source{integration="eligibility",source="ours"}', 1);
    expect((await exporter.metrics()).value('integration_up{integration="eligibility"}')).toBe(1);
    await fetch(`${url}/faults`, { method: "DELETE" });
    expect(await put("nothing")).toBe(404);
  }, 90_000);

  it("has a feed that is read without a word that is not known", async () => {
    const summary = async () => (await fetch(`${url}/api/v2/summary.json`)).json();
    expect(await summary()).toMatchObject({ status: { indicator: "none" }, incidents: [] });
    await put("announced");
    expect(await summary()).toMatchObject({
      status: { indicator: "critical" },
      incidents: [{ status: "investigating" }],
    });
    const page = await exporter.metrics();
    expect(page.value('integration_vendor_status{integration="eligibility",status="operational"}')).toBe(1);
    expect(page.value('integration_feed_unknown_values_total{integration="eligibility"}')).toBe(0);
  });
});
