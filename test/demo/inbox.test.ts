// The Slack inbox: a real process, posts as Slack's senders make them, and the page in a real browser.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../../demo/slack/message.ts";
import { until } from "../support/ports.ts";
import { type Running, readMetric, startProgram, startServer } from "./clinic.ts";

const chromiumPath = "/usr/bin/chromium";
const browserMissing = existsSync(chromiumPath) ? undefined : `skipped: ${chromiumPath} is not there`;

const folders: string[] = [];
const inboxes: Running[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "vitals-inbox-"));
  folders.push(folder);
  return folder;
};
const runbook = ["--runbook", "http://127.0.0.1/runbooks/Watchdog"] as const;
const startInbox = async (folder = newFolder(), ...args: readonly string[]): Promise<Running> => {
  const inbox = await startServer("slack/main.ts", "--data", folder, ...runbook, ...args);
  inboxes.push(inbox);
  return inbox;
};
afterAll(async () => {
  await Promise.all(inboxes.map(({ child }) => (child.alive() ? child.end("SIGKILL") : undefined)));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}, 30_000);

const post = async (url: string, body: unknown, type = "application/json", path = "/services/T0/B0/secret-token") => {
  const response = await fetch(url + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": type },
  });
  return { status: response.status, text: await response.text(), retryAfter: response.headers.get("retry-after") };
};
const ok = { status: 200, text: "ok", retryAfter: null };
const read = async (url: string, query = ""): Promise<readonly Message[]> =>
  (await fetch(`${url}/api/messages${query}`)).json() as Promise<readonly Message[]>;

/** What Alertmanager's Slack receiver sends. */
const alert = (state: "FIRING" | "RESOLVED", name: string) => ({
  channel: "#alerts",
  username: "Vitals",
  icon_emoji: state === "FIRING" ? ":rotating_light:" : ":white_check_mark:",
  link_names: false,
  attachments: [
    {
      title: `[${state}:1] ${name}`,
      title_link: "http://127.0.0.1:9093/#/alerts",
      text: `:red_circle: *${name}* on \`redis-0\`\n_look_ at <http://127.0.0.1/runbook|the runbook> &amp; act`,
      fallback: name,
      color: state === "FIRING" ? "danger" : "good",
      fields: [
        { title: "Severity", value: "page", short: true },
        { title: "Instance", value: "redis-0", short: true },
      ],
      actions: [{ type: "button", text: "Dashboard", url: "http://127.0.0.1/d/redis", style: "primary" }],
      footer: "Alertmanager",
      ts: 1_767_225_600,
      mrkdwn_in: ["text"],
    },
  ],
});

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

describe.skipIf(browserMissing !== undefined)(`the inbox's page ${browserMissing ?? ""}`, { timeout: 60_000 }, () => {
  let browser: Browser;
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
      ],
    });
  }, 30_000);
  afterEach(() => Promise.all(pages.splice(0).map((page) => page.close())));
  afterAll(() => browser?.close(), 30_000);

  /** A page and everything that it complains of. */
  const open = async (
    url: string,
    options: Parameters<Browser["newPage"]>[0] = {},
  ): Promise<{ readonly page: Page; readonly complaints: string[]; readonly requests: string[] }> => {
    const page = await browser.newPage(options);
    pages.push(page);
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on("console", (entry) => complaints.push(entry.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("dialog", (dialog) => {
      complaints.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(url);
    await page.waitForSelector("#live.on");
    return { page, complaints, requests };
  };

  it("shows an alert as Slack would: bar, title, text, fields, buttons, footer", async () => {
    const inbox = await startInbox();
    await post(inbox.url, alert("FIRING", "RedisDown"));
    const { page, complaints, requests } = await open(inbox.url);
    const shown = page.locator("article").first();
    expect(await shown.locator(".meta b").textContent()).toBe("Vitals");
    expect(await shown.locator(".channel").textContent()).toBe("#alerts");
    expect(await shown.locator(".meta time").textContent()).toMatch(/\d\d:\d\d/);
    expect(await shown.locator(".state").textContent()).toBe("firing");
    expect(await shown.locator(".title a").textContent()).toBe("RedisDown");
    expect(await shown.locator(".title a").getAttribute("href")).toBe("http://127.0.0.1:9093/#/alerts");
    expect(await shown.locator(".attachment b").first().textContent()).toBe("RedisDown");
    expect(await shown.locator("code").textContent()).toBe("redis-0");
    expect(await shown.locator("i").textContent()).toBe("look");
    expect(await shown.locator('[aria-label="red circle"]').isVisible()).toBe(true);
    expect(await shown.locator(".attachment > .text").textContent()).toContain("look at the runbook & act");
    expect(await shown.locator('a[href="http://127.0.0.1/runbook"]').getAttribute("rel")).toBe("noopener noreferrer");
    expect(await shown.locator("dt").allTextContents()).toEqual(["Severity", "Instance"]);
    expect(await shown.locator("dd").allTextContents()).toEqual(["page", "redis-0"]);
    expect(await shown.locator("a.button").textContent()).toBe("Dashboard");
    expect(await shown.locator(".footer").textContent()).toContain("Alertmanager");
    expect(await page.locator(".day").textContent()).toBe("Today");
    expect(complaints).toEqual([]);
    for (const url of requests) expect(url.startsWith(inbox.url) || url.startsWith("data:"), url).toBe(true);
  });

  it("shows messages that arrive while it is open, in order, and says firing and resolved differently", async () => {
    const inbox = await startInbox();
    const { page, complaints } = await open(inbox.url);
    expect(await page.locator("#empty").isVisible()).toBe(true);
    await post(inbox.url, alert("FIRING", "RedisDown"));
    await page.locator(".attachment.firing").waitFor();
    await post(inbox.url, alert("RESOLVED", "RedisDown"));
    await page.locator(".attachment.resolved").waitFor();
    expect(await page.locator("#empty").isVisible()).toBe(false);
    expect(await page.locator(".state").allTextContents()).toEqual(["firing", "resolved"]);
    const colors = await page
      .locator(".attachment")
      .evaluateAll((all) =>
        all.map((each) => [getComputedStyle(each).borderLeftColor, getComputedStyle(each).backgroundColor]),
      );
    expect(colors[0]).toEqual(["rgb(212, 33, 61)", expect.any(String)]);
    expect(colors[1]).toEqual(["rgb(47, 163, 107)", expect.any(String)]);
    expect(colors[0]?.[1]).not.toBe(colors[1]?.[1]);
    expect(await page.locator('nav a[data-channel="#alerts"] .count').textContent()).toBe("2");
    expect(complaints).toEqual([]);
  });

  it("shows what came while it was cut off from the inbox, once", async () => {
    const folder = newFolder();
    const first = await startInbox(folder);
    await post(first.url, { text: "before" });
    const { page } = await open(first.url);
    const { port } = new URL(first.url);
    await first.child.end();
    const again = startProgram("slack/main.ts", "--host", "127.0.0.1", "--port", port, "--data", folder, ...runbook);
    inboxes.push({ url: first.url, child: again });
    await until(async () => (await post(first.url, { text: "meanwhile" }).catch(() => undefined))?.status === 200);
    await page.locator("article", { hasText: "meanwhile" }).waitFor();
    await post(first.url, { text: "after" });
    await page.locator("article", { hasText: "after" }).waitFor();
    expect(await page.locator("article .text").allTextContents()).toEqual(["before", "meanwhile", "after"]);
  });

  it("turns no text of a message into markup, script or a link that runs", async () => {
    const inbox = await startInbox();
    const hostile = [
      "<script>window.ran=1</script>",
      '<img src=x onerror="window.ran=1">',
      "<javascript:window.ran=1|click>",
      '<http://x/" onmouseover="window.ran=1|hover>',
      "&lt;img src=x onerror=window.ran=1&gt;",
      '"><svg onload=window.ran=1>',
      "*<b onclick=window.ran=1>bold</b>*",
      "```</pre><script>window.ran=1</script>```",
      "`<iframe srcdoc='<script>parent.ran=1</script>'>`",
      'http://x/?"onclick="window.ran=1',
      "<data:text/html,<script>window.ran=1</script>|data>",
      "</script></style></textarea><script>window.ran=1</script>",
      ":<img src=x onerror=window.ran=1>:",
      ":constructor: :__proto__:",
    ];
    const everywhere = (text: string) => ({
      text,
      channel: text,
      username: text,
      icon_emoji: text,
      attachments: [
        {
          color: text,
          pretext: text,
          title: text,
          title_link: text,
          text,
          fallback: text,
          footer: text,
          ts: text,
          fields: [{ title: text, value: text, short: true }],
          actions: [{ type: "button", text, url: text, style: text }],
        },
        {
          color: `red;background:url(http://x/?${text})`,
          title: text,
          title_link: `javascript:${text}`,
          actions: [{ text, url: "javascript:window.ran=1" }],
        },
      ],
    });
    for (const text of hostile) expect((await post(inbox.url, everywhere(text))).status).toBe(200);
    const { page, complaints, requests } = await open(inbox.url);
    for (const text of hostile) await post(inbox.url, everywhere(text));
    await until(async () => (await page.locator("article").count()) === 2 * hostile.length);
    const found = await page.evaluate(() => {
      const all = [...document.querySelectorAll("#messages *, nav *, h1 *")];
      return {
        elements: [...new Set(all.map(({ localName }) => localName))],
        attributes: [...new Set(all.flatMap((each) => each.getAttributeNames()))],
        links: [
          ...new Set(
            all
              .map((each) => each.getAttribute("href") ?? "http:")
              .map((href) => href.replace(/^(https?:|\/|\/\?).*$/s, "$1")),
          ),
        ],
        styles: [...new Set(all.map((each) => each.getAttribute("style") ?? ""))],
        ran: "ran" in window,
        scripts: document.scripts.length,
      };
    });
    const allowed =
      "article div span b i s a time code pre br dl dt dd svg path rect circle nav ul li p h2 header small section button".split(
        " ",
      );
    expect(found.elements.filter((name) => !allowed.includes(name))).toEqual([]);
    expect(found.attributes.filter((name) => /^on|src|srcdoc|^id$/.test(name) && name !== "id")).toEqual([]);
    expect(found.links.filter((link) => !["http:", "https:", "/"].includes(link))).toEqual([]);
    for (const style of found.styles) expect(style).toMatch(/^$|^--bar:#[0-9a-f]{6}$|^--hue:\d{1,3}$/);
    expect([found.ran, found.scripts]).toEqual([false, 1]);
    expect(complaints).toEqual([]);
    for (const url of requests) expect(url.startsWith(inbox.url) || url.startsWith("data:image/svg"), url).toBe(true);
    // Shown as what it is, not swallowed.
    expect(await page.locator("article .text").first().textContent()).toBe("<script>window.ran=1</script>");
    expect(
      await page.locator("article .text", { hasText: "<img src=x onerror=window.ran=1>" }).count(),
    ).toBeGreaterThan(0);
  });

  it("forbids by its policy what escaping should have stopped", async () => {
    const inbox = await startInbox();
    const { page, complaints } = await open(inbox.url);
    await page.evaluate(() => {
      document
        .querySelector("#messages")
        ?.insertAdjacentHTML(
          "beforeend",
          '<img src="http://127.0.0.1:9/x.png" onerror="window.ran=1"><a id="trap" href="javascript:window.ran=1">x</a>',
        );
      (document.querySelector("#trap") as HTMLElement).click();
    });
    await until(() => complaints.filter((text) => /Content Security Policy/.test(text)).length >= 2);
    expect(await page.evaluate(() => "ran" in window)).toBe(false);
  });

  it.each([
    { width: 390, colorScheme: "light" },
    { width: 390, colorScheme: "dark" },
    { width: 1_280, colorScheme: "light" },
    { width: 1_280, colorScheme: "dark" },
  ] as const)("fits $width pixels in $colorScheme, with text that can be read", async ({ width, colorScheme }) => {
    const inbox = await startInbox();
    await post(
      inbox.url,
      alert("FIRING", "AVeryLongAlertNameWithoutAnySpaceInItThatGoesOnAndOnAndOnUntilItIsTooWideForAPhone"),
    );
    await post(inbox.url, alert("RESOLVED", "RedisDown"));
    await post(inbox.url, {
      ...alert("FIRING", "Slow"),
      attachments: [{ ...alert("FIRING", "Slow").attachments[0], color: "warning" }],
    });
    await post(inbox.url, {
      text: `\`${"x".repeat(300)}\` http://127.0.0.1/${"y".repeat(300)}`,
      username: "z".repeat(80),
    });
    const { page } = await open(inbox.url, { viewport: { width, height: 844 }, colorScheme });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const wide = await page.evaluate(() =>
      [...document.querySelectorAll("#messages *")]
        .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
        .map((each) => each.className),
    );
    expect(wide).toEqual([]);
    const contrasts = await page.evaluate(() => {
      const numbers = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
      const light = ([red = 0, green = 0, blue = 0]: number[]): number => {
        const [r = 0, g = 0, b = 0] = [red, green, blue].map((part) =>
          part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const backgroundOf = (element: Element | null): number[] => {
        for (let each = element; each !== null; each = each.parentElement) {
          const color = numbers(getComputedStyle(each).backgroundColor);
          if (color.length === 3 || (color[3] ?? 0) === 1) return color;
        }
        return [255, 255, 255];
      };
      return [
        ".meta b",
        ".meta time",
        ".channel",
        ".state",
        ".title a",
        ".attachment .text",
        "dt",
        "dd",
        ".attachment code",
        "a.button",
        ".footer",
        ".live",
        "h1",
      ].flatMap((selector) =>
        [...document.querySelectorAll(selector)].map((each) => {
          const [one, other] = [light(numbers(getComputedStyle(each).color)), light(backgroundOf(each))].toSorted(
            (a, b) => b - a,
          );
          return { selector, ratio: ((one ?? 0) + 0.05) / ((other ?? 0) + 0.05) };
        }),
      );
    });
    expect(contrasts.length).toBeGreaterThan(20);
    expect(contrasts.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
  });

  it("shows one channel when asked, and follows that one only", async () => {
    const inbox = await startInbox();
    await post(inbox.url, { text: "for alerts", channel: "#alerts" });
    await post(inbox.url, { text: "for deploys", channel: "#deploys" });
    const { page } = await open(`${inbox.url}/?channel=%23deploys`);
    await post(inbox.url, { text: "second for alerts", channel: "#alerts" });
    await post(inbox.url, { text: "second for deploys", channel: "#deploys" });
    await page.locator("article", { hasText: "second for deploys" }).waitFor();
    expect(await page.locator("article .text").allTextContents()).toEqual(["for deploys", "second for deploys"]);
    expect(await page.locator('nav a[data-channel="#alerts"] .count').textContent()).toBe("2");
    expect(await page.locator("h1").textContent()).toBe("#deploys");
  });

  it("lets go of its pages and ends at once on SIGTERM", async () => {
    const inbox = await startInbox();
    await open(inbox.url);
    expect((await readMetric(inbox.url, "slack_inbox_viewers")).get("")).toBe(1);
    expect(await inbox.child.end()).toBe(0);
  });
});
