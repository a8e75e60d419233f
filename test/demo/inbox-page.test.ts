// The page of the Slack inbox in a real browser.
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../tools/browser.ts";
import { until } from "../support/ports.ts";
import { readMetric, startProgram } from "./clinic.ts";
import { alert, inboxes, newFolder, post, runbook, startInbox } from "./inbox.ts";

const executablePath = findBrowser();
const browserMissing = executablePath === undefined ? "skipped: chromium is not there" : undefined;

describe.skipIf(browserMissing !== undefined)(`the inbox's page ${browserMissing ?? ""}`, { timeout: 60_000 }, () => {
  let browser: Browser;
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: executablePath as string,
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
