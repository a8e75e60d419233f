// The Slack inbox: a real process, and posts as Slack's senders make them.
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/ports.ts";
import { type Running, readMetric, startProgram } from "./clinic.ts";
import { alert, newFolder, ok, post, read, runbook, startInbox } from "./inbox.ts";

describe("the inbox's dead man's switch", { timeout: 30_000 }, () => {
  it("tells once that the heartbeat has ended, or never begun, and once that it is back", async () => {
    const { url } = await startInbox(newFolder(), "--heartbeat-seconds", "1");
    const titles = async () => (await read(url)).map(({ attachments }) => attachments[0]?.title);
    const beat = async () => (await post(url, {}, "application/json", "/heartbeat")).status;
    await until(async () => (await titles()).length === 1);
    await new Promise((next) => setTimeout(next, 1_500));
    expect(await titles()).toEqual(["[PAGE] Watchdog alertmanager"]);
    expect((await read(url))[0]).toMatchObject({
      channel: "#alerts",
      attachments: [{ color: "danger", text: expect.stringContaining(`<${runbook[1]}|Runbook>`) }],
    });
    expect(await beat()).toBe(204);
    await until(async () => (await titles()).length === 2);
    expect((await titles())[1]).toBe("[RESOLVED] Watchdog alertmanager");
    for (let beats = 0; beats < 8; beats++) {
      await beat();
      await new Promise((next) => setTimeout(next, 250));
    }
    expect((await titles()).length).toBe(2);
    await until(async () => (await titles()).length === 3);
  });
});

describe("the inbox's webhook", { timeout: 30_000 }, () => {
  let inbox: Running;
  beforeAll(async () => {
    inbox = await startInbox();
  }, 30_000);

  it("takes what Alertmanager sends, answers ok, and gives it back with its time", async () => {
    const before = Date.now();
    expect(await post(inbox.url, alert("FIRING", "RedisDown"))).toEqual(ok);
    const [message, ...others] = await read(inbox.url);
    expect(others).toEqual([]);
    expect(message).toMatchObject({ id: 1, channel: "#alerts", username: "Vitals" });
    expect(message?.receivedAt).toBeGreaterThanOrEqual(before);
    expect(message?.receivedAt).toBeLessThanOrEqual(Date.now());
    expect(message?.attachments[0]).toEqual({
      color: "danger",
      title: "[FIRING:1] RedisDown",
      titleLink: "http://127.0.0.1:9093/#/alerts",
      text: ":red_circle: *RedisDown* on `redis-0`\n_look_ at <http://127.0.0.1/runbook|the runbook> &amp; act",
      fallback: "RedisDown",
      footer: "Alertmanager",
      ts: 1_767_225_600,
      fields: [
        { title: "Severity", value: "page", short: true },
        { title: "Instance", value: "redis-0", short: true },
      ],
      actions: [{ text: "Dashboard", url: "http://127.0.0.1/d/redis", style: "primary" }],
    });
  });

  it("takes a form with a payload, any content type, and a text alone", async () => {
    expect(
      await post(inbox.url, `payload=${encodeURIComponent('{"text":"by form"}')}`, "application/x-www-form-urlencoded"),
    ).toEqual(ok);
    expect(await post(inbox.url, '{"text":"by plain text"}', "text/plain")).toEqual(ok);
    expect((await read(inbox.url)).slice(-2).map(({ text }) => text)).toEqual(["by form", "by plain text"]);
  });

  const refused: readonly (readonly [string, unknown, number, string])[] = [
    ["what is no JSON", "{", 400, "invalid_payload"],
    ["an empty body", "", 400, "invalid_payload"],
    ["a list", "[]", 400, "invalid_payload"],
    ["a null", "null", 400, "invalid_payload"],
    ["attachments that are none", { attachments: "x" }, 400, "invalid_payload"],
    ["a list of attachments with a null in it", { attachments: [null] }, 400, "invalid_payload"],
    ["a message without text", { channel: "#alerts" }, 400, "no_text"],
    [
      "too many attachments",
      { attachments: Array.from({ length: 101 }, () => ({ text: "x" })) },
      400,
      "too_many_attachments",
    ],
    ["more than 1 MiB", { text: "x".repeat(1_048_576) }, 413, "request_too_large"],
  ];
  it.each(refused)("refuses %s in Slack's words and keeps nothing", async (_what, body, status, text) => {
    const before = await read(inbox.url);
    expect(await post(inbox.url, body)).toMatchObject({ status, text });
    expect(await read(inbox.url)).toEqual(before);
  });

  it("takes a message just below 1 MiB and cuts its text to Slack's limit", async () => {
    expect(await post(inbox.url, { text: "y".repeat(1_048_000) })).toEqual(ok);
    expect((await read(inbox.url)).at(-1)?.text).toHaveLength(40_000);
  });

  it("gives the messages since an instant, and of one channel", async () => {
    await post(inbox.url, { text: "early", channel: "#since" });
    const [early] = await read(inbox.url, "?channel=%23since");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await post(inbox.url, { text: "late", channel: "since" });
    const after = new Date((early?.receivedAt ?? 0) + 1).toISOString();
    expect((await read(inbox.url, `?since=${after}`)).map(({ text }) => text)).toEqual(["late"]);
    expect((await read(inbox.url, "?channel=%23since")).map(({ text }) => text)).toEqual(["early", "late"]);
    const at = new Date(early?.receivedAt ?? 0).toISOString();
    expect((await read(inbox.url, `?since=${at}&channel=%23since`)).map(({ text }) => text)).toEqual(["early", "late"]);
    expect((await fetch(`${inbox.url}/api/messages?since=yesterday`)).status).toBe(400);
  });

  it("fails as it is told, for as long as it is told", async () => {
    const fault = (body: unknown) => post(inbox.url, body, "application/json", "/api/fault");
    for (const [status, text] of [
      [429, "rate_limited"],
      [500, "rollup_error"],
      [403, "action_prohibited"],
    ] as const) {
      expect((await fault({ status, seconds: 30 })).status).toBe(200);
      expect(await post(inbox.url, { text: "lost" })).toEqual({
        status,
        text,
        retryAfter: status === 429 ? expect.stringMatching(/^(29|30)$/) : null,
      });
    }
    await fault({ status: 500, seconds: 0 });
    expect(await post(inbox.url, { text: "found" })).toEqual(ok);
    await fault({ status: 500, seconds: 0.3 });
    expect((await post(inbox.url, { text: "lost" })).status).toBe(500);
    await until(async () => (await post(inbox.url, { text: "found again" })).status === 200);
    const texts = (await read(inbox.url)).map(({ text }) => text);
    expect(texts).not.toContain("lost");
    expect(texts.slice(-2)).toEqual(["found", "found again"]);
    for (const wrong of [
      { status: 200, seconds: 1 },
      { status: 500, seconds: -1 },
      { status: 500, seconds: 99_999 },
      { status: 500 },
      {},
    ])
      expect((await fault(wrong)).status).toBe(400);
    expect((await post(inbox.url, '{"status":500,"seconds":9}', "text/plain", "/api/fault")).status).toBe(415);
  });

  it("counts what it accepts, and shows no token or text in metrics and logs", async () => {
    const before = (await readMetric(inbox.url, "slack_inbox_messages_total")).get("") ?? 0;
    await post(inbox.url, { text: "canaryqx" });
    await post(inbox.url, "{canaryqx");
    expect((await readMetric(inbox.url, "slack_inbox_messages_total")).get("")).toBe(before + 1);
    const shown = (await (await fetch(`${inbox.url}/metrics`)).text()) + inbox.child.output();
    expect(shown).toContain('route="/services/*",status_code="200"');
    expect(shown).not.toMatch(/canaryqx|secret-token/);
  });
});

describe("the inbox's memory", { timeout: 60_000 }, () => {
  it("outlives a restart, a kill, and a line that was cut off", async () => {
    const folder = newFolder();
    const first = await startInbox(folder);
    for (const text of ["one", "two", "three"]) await post(first.url, { text });
    const before = await read(first.url);
    await first.child.end("SIGKILL");
    const file = join(folder, "messages.jsonl");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    appendFileSync(file, '{"id":4,"receivedAt":17');
    const second = await startInbox(folder);
    expect(await read(second.url)).toEqual(before);
    await post(second.url, { text: "four" });
    expect((await read(second.url)).map(({ id, text }) => [id, text])).toEqual([
      [1, "one"],
      [2, "two"],
      [3, "three"],
      [4, "four"],
    ]);
    expect(await second.child.end()).toBe(0);
    const third = await startInbox(folder);
    expect((await read(third.url)).map(({ text }) => text)).toEqual(["one", "two", "three", "four"]);
  });

  it("keeps the last 500 messages and at most twice as many on disk", async () => {
    const folder = newFolder();
    const inbox = await startInbox(folder);
    for (let n = 1; n <= 1_130; n += 10)
      await Promise.all(Array.from({ length: 10 }, (_, k) => post(inbox.url, { text: `message ${n + k}` })));
    const kept = await read(inbox.url);
    expect(kept).toHaveLength(500);
    expect(kept.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, n) => 631 + n));
    expect(readFileSync(join(folder, "messages.jsonl"), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(
      1_000,
    );
    await inbox.child.end("SIGKILL");
    const again = await startInbox(folder);
    expect(await read(again.url)).toEqual(kept);
  });

  it("stays small under messages of the largest size", async () => {
    const folder = newFolder();
    const inbox = await startInbox(folder);
    const large = { attachments: Array.from({ length: 20 }, () => ({ text: "z".repeat(40_000) })) };
    for (let n = 0; n < 30; n++) expect((await post(inbox.url, large)).status).toBe(200);
    const bytes = (await (await fetch(`${inbox.url}/api/messages`)).text()).length;
    expect(bytes).toBeLessThanOrEqual(8 * 1_048_576 + 1_000);
    expect(bytes).toBeGreaterThan(6 * 1_048_576);
    expect(statSync(join(folder, "messages.jsonl")).size).toBeLessThanOrEqual(17 * 1_048_576);
  });

  it("says which folder it cannot use", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "file"), "");
    const data = join(folder, "file", "inbox");
    const child = startProgram("slack/main.ts", "--host", "127.0.0.1", "--port", "0", "--data", data, ...runbook);
    expect([await child.ended, child.output()]).toEqual([
      1,
      expect.stringContaining(`${data}: the inbox cannot use its folder`),
    ]);
  });
});
