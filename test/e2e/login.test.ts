// With `vitals:webLogin`: Prometheus and Alertmanager open to nobody without their passwords, and the stack works on as before.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { until } from "../support/ports.ts";

const ports = { prometheus: 9090, alertmanager: 9093 } as const;
type Program = keyof typeof ports;
const pages: readonly (readonly [Program, string])[] = [
  ["prometheus", "/"],
  ["prometheus", "/metrics"],
  ["prometheus", "/-/healthy"],
  ["prometheus", "/-/ready"],
  ["prometheus", "/api/v1/query?query=up"],
  ["prometheus", "/debug/pprof/"],
  ["alertmanager", "/"],
  ["alertmanager", "/metrics"],
  ["alertmanager", "/-/healthy"],
  ["alertmanager", "/api/v2/alerts"],
  ["alertmanager", "/api/v2/silences"],
  ["alertmanager", "/debug/pprof/"],
];

describe("a stack with a login", () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await freshCheckout({
      settings: {
        demo: true,
        webLogin: true,
        scrapeInterval: "5s",
        alertOverrides: { RedisDown: { for: "5s", keepFiringFor: "5s" } },
      },
    });
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
  });
  afterAll(() => checkout?.dispose());

  const passwordOf = (program: Program) =>
    readFileSync(`${checkout.root()}/files/${program}-0/run/secrets/${program}Password`, "utf8");
  const open = (program: Program, path: string, password?: string, user = "vitals") =>
    fetch(`http://127.0.0.1:${checkout.port(ports[program])}${path}`, {
      ...(password === undefined
        ? {}
        : { headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` } }),
      signal: AbortSignal.timeout(10_000),
    });
  const status = async (...args: Parameters<typeof open>) => (await open(...args)).status;
  const everythingIsUp = async () => {
    const response = await open("prometheus", "/api/v1/query?query=up", passwordOf("prometheus"));
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return data.result.length >= 10 && data.result.every(({ value }) => value[1] === "1");
  };

  it.each(pages)("opens no page of %s without the password: %s", async (program, path) => {
    expect(await status(program, path)).toBe(401);
    expect(await status(program, path, "wrong")).toBe(401);
    expect(await status(program, path, passwordOf(program), "admin")).toBe(401);
    expect(await status(program, path, passwordOf(program))).toBe(200);
  });

  it("has a password for each program, which does not open the other", async () => {
    expect(await status("prometheus", "/", passwordOf("alertmanager"))).toBe(401);
    expect(await status("alertmanager", "/", passwordOf("prometheus"))).toBe(401);
  });

  it("scrapes everything, these two included, and tells alerts to Alertmanager", async () => {
    await until(everythingIsUp, 60_000);
    const response = await open("prometheus", "/api/v1/alertmanagers", passwordOf("prometheus"));
    const { data } = (await response.json()) as { data: { activeAlertmanagers: unknown[] } };
    expect(data.activeAlertmanagers).toHaveLength(1);
  });

  it("shows dashboards, and the commands log in by themselves", async () => {
    if (checkout.records().some(({ order }) => order.plan.service === "viewer")) {
      const through = await fetch(`http://127.0.0.1:${checkout.port(3000)}/api/v1/query?query=up`);
      expect([through.status, await through.text()]).toEqual([200, expect.stringContaining('"status":"success"')]);
    }
    await until(async () => (await checkout.run("health-check")).code === 0, 120_000);
    const { text } = await checkout.run("verify");
    expect(text).toMatch(/^\d+ items: [1-9]\d* ok, \d+ empty, 0 error$/m);
  });

  it("has nothing to do at a second up", async () => {
    const preview = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(preview.code, preview.text).toBe(0);
  });

  it("hands alerts from Prometheus to Alertmanager, and from there to people", async () => {
    const alerts = async () =>
      (await (await open("alertmanager", "/api/v2/alerts", passwordOf("alertmanager"))).json()) as {
        readonly labels: { readonly alertname: string };
      }[];
    await until(async () => (await alerts()).some(({ labels }) => labels.alertname === "Watchdog"), 60_000);
    if (process.env.VITALS_PROVE === undefined) return;
    // The way from there on asks for no password; a drill takes minutes.
    const { code, text } = await checkout.run("drill", "redis-down");
    expect(text).toMatch(/RESOLVED/);
    expect(code, text).toBe(0);
  });

  it("takes another password, which every part of the stack then uses", async () => {
    const old = passwordOf("prometheus");
    const chosen = `rotated-${Math.random().toString(36).slice(2)}`;
    const set = await checkout.pulumi("config", "set", "-s", "dev", "--secret", "prometheusPassword", chosen);
    expect(set.code, set.text).toBe(0);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(text).not.toContain(chosen);
    expect(await status("prometheus", "/", old)).toBe(401);
    expect(await status("prometheus", "/", chosen)).toBe(200);
    await until(everythingIsUp, 60_000);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
    const preview = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(preview.code, preview.text).toBe(0);
  });
});
