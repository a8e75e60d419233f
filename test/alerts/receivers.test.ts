// Who is told: what a real Alertmanager sends to Slack's channels, to the second receiver and to the dead man's switch.

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { receiverHosts } from "../../alerts/receivers.ts";
import { type Answer, alert, alertmanager, type Bench, withAlertmanager } from "./alertmanager.ts";
import { config } from "./tools.ts";

const skip = alertmanager === "" ? "skipped: alertmanager is not there; npm run tools -- get" : undefined;
const pagerWebhook = { kind: "webhook", urlSecret: "pagerUrl", host: "events.example.com" } as const;
const secrets = { pagerUrl: "HERE/pager/key", switchUrl: "HERE/switch/key", slackBotToken: "xoxb-test" };
const redisDown = () => alert("RedisDown", "page", "redis", "Redis does not answer.");
const collector = () => alert("CollectorFailing", "ticket", "clinic", "A collector fails.");

interface Webhook {
  readonly status: string;
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[];
}
const alertsAt = async (bench: Bench, path: string, count: number): Promise<readonly string[]> =>
  (await bench.received(path, count)).flatMap(({ body }) =>
    (body as Webhook).alerts.map(({ labels }) => `${(body as Webhook).status} ${labels.alertname}`),
  );

describe("hosts", () => {
  it("are those that the configured ways lead to, and no other", () => {
    expect(receiverHosts(config({ demo: "true" }))).toEqual([]);
    expect(receiverHosts(config({}, ["slackWebhookUrl"]))).toEqual([]);
    const all = config(
      { pageReceiver: pagerWebhook, deadMansSwitch: { urlSecret: "switchUrl", host: "watch.example.com", port: 8443 } },
      ["slackBotToken", "pagerUrl", "switchUrl"],
    );
    expect(receiverHosts(all)).toEqual([
      { host: "slack.com", port: 443 },
      { host: "events.example.com", port: 443 },
      { host: "watch.example.com", port: 8443 },
    ]);
  });
});

describe.skipIf(skip !== undefined)(`a real Alertmanager ${skip ?? ""}`, { timeout: 60_000 }, () => {
  it("tells pages and tickets in channels of their own", async () => {
    const stack = config({ demo: "true", slackChannels: { page: "#on-call" } });
    await withAlertmanager(stack, async ({ post, messages }) => {
      await post([redisDown(), collector()]);
      expect(
        (await messages(2)).map(({ channel, attachments }) => [channel, attachments[0]?.title]).toSorted(),
      ).toEqual([
        ["#alerts", "[TICKET] CollectorFailing clinic"],
        ["#on-call", "[PAGE] RedisDown redis"],
      ]);
    });
  });

  it("hands pages, and pages alone, to the second receiver too, with their end", async () => {
    const stack = config({ demo: "true", pageReceiver: pagerWebhook }, ["pagerUrl"]);
    await withAlertmanager(
      stack,
      async (bench) => {
        const down = redisDown();
        await bench.post([down, collector()]);
        await bench.messages(2);
        await bench.received("/pager/key", 1);
        await bench.post([{ ...down, endsAt: new Date().toISOString() }]);
        expect(await alertsAt(bench, "/pager/key", 2)).toEqual(["firing RedisDown", "resolved RedisDown"]);
      },
      { secrets },
    );
  });

  it("tells the second receiver alone where there is no Slack, and nobody a ticket", async () => {
    const stack = config({ pageReceiver: pagerWebhook }, ["pagerUrl"]);
    await withAlertmanager(
      stack,
      async (bench) => {
        await bench.post([collector(), alert("SlackNotConfigured", "page", "alertmanager", "No webhook.")]);
        await bench.received("/pager/key", 1);
        await bench.settle();
        expect(await alertsAt(bench, "/pager/key", 1)).toEqual(["firing SlackNotConfigured"]);
        expect(await bench.messages(0)).toEqual([]);
      },
      { secrets },
    );
  });

  it.each([
    ["refuses the webhook", { status: 403, body: "action_prohibited" }],
    ["asks for fewer messages", { status: 429, body: "rate_limited", headers: { "retry-after": "30" } }],
    ["is broken", { status: 500, body: "rollup_error" }],
  ] as const)(
    "tells the second receiver when the way to Slack %s, and counts the failure",
    async (_what, failing: Answer) => {
      const stack = config({ demo: "true", pageReceiver: pagerWebhook }, ["pagerUrl"]);
      await withAlertmanager(
        stack,
        async (bench) => {
          await bench.post([redisDown()]);
          expect(await alertsAt(bench, "/pager/key", 1)).toEqual(["firing RedisDown"]);
          const failures = /alertmanager_notifications_failed_total\{[^}]*integration="slack"[^}]*\} [1-9]/;
          await expect.poll(bench.metrics, { timeout: 20_000 }).toMatch(failures);
          // Still firing, it is posted again at the next interval, whatever the answer was.
          expect(await bench.messages(2)).not.toHaveLength(1);
        },
        { secrets, answer: (path) => (path.startsWith("/services/") ? failing : { status: 200 }) },
      );
    },
  );

  it("calls the dead man's switch again and again, with nothing else", async () => {
    const stack = config({ demo: "true", deadMansSwitch: { urlSecret: "switchUrl", host: "watch.example.com" } }, [
      "switchUrl",
    ]);
    await withAlertmanager(
      stack,
      async (bench) => {
        await bench.post([alert("Watchdog", "info", "alertmanager", "Always."), redisDown()]);
        const calls = await alertsAt(bench, "/switch/key", 3);
        expect(new Set(calls)).toEqual(new Set(["firing Watchdog"]));
        expect(await bench.messages(1)).toHaveLength(1);
      },
      { secrets, replace: { "repeat_interval: 1m": "repeat_interval: 1s" } },
    );
  });

  it("keeps one message of a group up to date where a bot posts it", async () => {
    const stack = config({}, ["slackBotToken"]);
    await withAlertmanager(
      stack,
      async (bench) => {
        const down = redisDown();
        await bench.post([down]);
        const [said] = await bench.received("/api/chat.postMessage", 1);
        expect(said?.headers.authorization).toBe("Bearer xoxb-test");
        await bench.post([{ ...down, endsAt: new Date().toISOString() }]);
        const [changed] = await bench.received("/api/chat.update", 1);
        expect(changed?.body).toMatchObject({
          ts: "1.2",
          channel: "C1",
          attachments: [{ title: "[RESOLVED] RedisDown redis", color: "good" }],
        });
      },
      {
        secrets,
        slackApi: true,
        answer: () => ({
          status: 200,
          body: JSON.stringify({ ok: true, ts: "1.2", channel: "C1" }),
          headers: { "content-type": "application/json" },
        }),
      },
    );
  });

  it("sends a page by mail that a person can read", async () => {
    const { port, mails, close } = await mailServer();
    const stack = config({
      demo: "true",
      pageReceiver: {
        kind: "email",
        to: ["on-call@example.com"],
        from: "vitals@example.com",
        smarthost: `127.0.0.1:${port}`,
        requireTls: false,
      },
    });
    try {
      await withAlertmanager(stack, async ({ post }) => {
        await post([redisDown()]);
        await expect.poll(() => mails.length, { timeout: 20_000 }).toBe(1);
        expect(mails[0]).toContain("Subject: [PAGE] RedisDown redis");
        expect(mails[0]).toContain("FIRING: Redis does not answer.\r\n`redis_up` is 0, since ");
        expect(mails[0]).toContain("Dashboard: http://grafana/d/vitals-overview");
        expect(mails[0]).not.toContain("text/html");
      });
    } finally {
      await close();
    }
  });
});

/** As much of SMTP (RFC 5321) as it takes to receive a mail. */
async function mailServer() {
  const mails: string[] = [];
  const server = createServer((socket) => {
    let data: string | undefined;
    socket.write("220 here\r\n");
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString();
      if (data !== undefined) {
        data += text;
        if (!data.endsWith("\r\n.\r\n")) return;
        mails.push(data);
        data = undefined;
        socket.write("250 taken\r\n");
      } else if (text.startsWith("DATA")) {
        data = "";
        socket.write("354 go on\r\n");
      } else if (text.startsWith("QUIT")) socket.end("221 bye\r\n");
      else socket.write("250 ok\r\n");
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
