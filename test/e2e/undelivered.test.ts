// Nobody said where messages go, or the way leads nowhere: the stack comes up, says so in one line, and the second receiver is told.
import { readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { type Pager, startPager } from "../support/pager.ts";
import { until } from "../support/ports.ts";

describe("a stack whose messages reach nobody in Slack", () => {
  let checkout: Checkout;
  let pager: Pager;
  beforeAll(async () => {
    pager = await startPager();
    const { port } = pager;
    checkout = await freshCheckout({
      settings: {
        demo: false,
        scrapeInterval: "5s",
        // Nobody is there, from the start to the end.
        services: [{ name: "kiosk", owner: "front", metrics: { address: "127.0.0.1:9" } }],
        pageReceiver: { kind: "webhook", urlSecret: "pagerUrl", host: "127.0.0.1", port },
        alertOverrides: {
          SlackUndelivered: { threshold: 5, for: "5s" },
          // A ticket that fires from the start.
          DiskFilling: { threshold: 1, for: "0s" },
        },
      },
    });
    await setSecret("pagerUrl", `http://127.0.0.1:${port}/`);
  });
  afterAll(async () => {
    pager?.stop();
    await checkout?.dispose();
  });

  const setSecret = async (name: string, value: string) => {
    const { code, text } = await checkout.pulumi("config", "set", "-s", "dev", "--secret", name, value);
    expect(code, text).toBe(0);
  };
  const page = async (alertname: string) => {
    const labels = { alertname, service: "trial", severity: "page", owner: "platform" };
    const annotations = { summary: "A trial.", action: "Nothing.", value: "1" };
    const { status } = await fetch(`http://127.0.0.1:${checkout.port(9093)}/api/v2/alerts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([{ labels, annotations }]),
    });
    expect(status).toBe(200);
  };
  const kiosk = "firing ServiceDown kiosk";
  const ask = async (query: string): Promise<readonly object[]> => {
    const url = `http://127.0.0.1:${checkout.port(9090)}/api/v1/query?query=${encodeURIComponent(query)}`;
    return ((await (await fetch(url)).json()) as { readonly data: { readonly result: readonly object[] } }).data.result;
  };
  const readyOf = async (service: string) => (await checkout.status()).find((each) => each.service === service)?.ready;
  const logged = (message: string): readonly string[] =>
    readFileSync(`${checkout.root()}/logs/slack-relay-0.log`, "utf8")
      .split("\n")
      .filter((line) => line.includes(`"msg":"${message}`));
  const complaints = (): readonly string[] => logged("Slack takes no message");

  it("comes up without a webhook, says so in one line, and the second receiver is told its pages, and that Slack is told nothing", async () => {
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(text.match(/No Slack message will be sent: .*slackWebhookUrl/g)).not.toBeNull();
    expect(await readyOf("alertmanager")).toBe(true);
    await page("WithoutWebhook");
    const wanted = ["firing WithoutWebhook trial", "firing SlackNotConfigured alertmanager", kiosk];
    await until(() => wanted.every((each) => pager.told().includes(each)), 180_000);
    expect(pager.heard()).not.toContain('"DiskFilling"');
  });

  it("comes up with a webhook that leads nowhere, says so in one line, and the second receiver learns that Slack is told nothing", async () => {
    await setSecret("slackWebhookUrl", "http://127.0.0.1:9/services/wrong");
    const watchers = () => Promise.all(["prometheus", "alertmanager"].map((service) => checkout.pidOf(service)));
    const before = await watchers();
    // Other arguments for both, of which one lets a test not wait for a minute: what is up is brought up anew with an alert active.
    for (const [service, from, to] of [
      ["prometheus", "--log.level=warn", "--log.level=info"],
      ["alertmanager", "--dispatch.start-delay=1m", "--dispatch.start-delay=20s"],
    ] as const) {
      const path = `components/services/${service}.ts`;
      expect(checkout.read(path)).toContain(from);
      checkout.write(path, checkout.read(path).replace(from, to));
    }
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(text).not.toContain("No Slack message will be sent");
    for (const [index, pid] of (await watchers()).entries()) expect(pid).not.toBe(before[index]);
    await page("WrongUrl");
    const wanted = ["firing SlackUndelivered slack-relay", "firing WrongUrl trial"];
    await until(() => wanted.every((each) => pager.told().includes(each)), 180_000);
    expect(complaints()).toHaveLength(1);
    expect(complaints()[0]).toContain('"cause":"unreachable"');
  });

  it("has told nothing again, nor as over, what fired while `up` brought Prometheus and Alertmanager up anew", async () => {
    const labels = '{alertname="ServiceDown", service="kiosk", alertstate="firing"}';
    const since = await ask(`ALERTS${labels} and on () time() - process_start_time_seconds{job="alertmanager"} > 30`);
    expect(since).toHaveLength(1);
    expect(pager.told().filter((each) => each.endsWith(" ServiceDown kiosk"))).toEqual([kiosk]);
  });

  it("comes up again when the secret's file is missing, says so in one line, and keeps what it has taken", async () => {
    const relay = () => checkout.records().find(({ order }) => order.plan.service === "slack-relay");
    const before = relay()?.restarts ?? 0;
    const file = relay()?.order.plan.secretFiles.find(({ name }) => name === "slackWebhookUrl");
    rmSync(file?.path ?? "");
    process.kill(await checkout.pidOf("slack-relay"), "SIGKILL");
    await until(() => (relay()?.restarts ?? 0) > before && relay()?.state === "ready", 60_000);
    await until(() => logged("no webhook of Slack").length > 0, 10_000);
    expect(logged("no webhook of Slack")).toHaveLength(1);
    // What is not as it was ordered is no secret, and the next `up` mends it.
    const row = (await checkout.status()).find(({ service }) => service === "slack-relay");
    expect(row).toMatchObject({ state: "ready", ready: false });
    const query = 'slack_relay_queued_messages > 0 and on () slack_relay_post_failures_total{cause="no_webhook"} > 0';
    await until(async () => (await ask(query)).length > 0, 60_000);
  });
});
