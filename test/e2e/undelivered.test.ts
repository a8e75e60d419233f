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
    await until(
      () => pager.heard().includes('"WithoutWebhook"') && pager.heard().includes('"SlackNotConfigured"'),
      180_000,
    );
    expect(pager.heard()).not.toContain('"DiskFilling"');
  });

  it("comes up with a webhook that leads nowhere, says so in one line, and the second receiver learns that Slack is told nothing", async () => {
    await setSecret("slackWebhookUrl", "http://127.0.0.1:9/services/wrong");
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(text).not.toContain("No Slack message will be sent");
    await page("WrongUrl");
    await until(() => pager.heard().includes('"SlackUndelivered"') && pager.heard().includes('"WrongUrl"'), 180_000);
    expect(complaints()).toHaveLength(1);
    expect(complaints()[0]).toContain('"cause":"unreachable"');
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
    const url = `http://127.0.0.1:${checkout.port(9090)}/api/v1/query?query=${encodeURIComponent(query)}`;
    await until(async () => {
      const { data } = (await (await fetch(url)).json()) as { readonly data: { readonly result: readonly object[] } };
      return data.result.length > 0;
    }, 60_000);
  });
});
