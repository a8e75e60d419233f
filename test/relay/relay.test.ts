// The relay between Alertmanager and Slack: pace, patience and memory, as a process of its own against a Slack that misbehaves.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { alert, alertmanager, withAlertmanager } from "../alerts/alertmanager.ts";
import { config } from "../alerts/tools.ts";

const main = resolve(import.meta.dirname, "../../relay/main.ts");

interface Post {
  readonly at: number;
  readonly path: string;
  readonly channel: string;
  readonly titles: readonly string[];
}
type Answer = { readonly status: number; readonly retryAfter?: number };

let folder = "";
let ends: (() => Promise<void>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitals-relay-"));
});
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
  rmSync(folder, { recursive: true, force: true });
});

/** A webhook that answers as it is told, and keeps what it has accepted apart from what was tried. */
async function slack(answer: (tried: number, post: Post) => Answer = () => ({ status: 200 })) {
  const [tried, accepted]: [Post[], Post[]] = [[], []];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (data: Buffer) => (text += data.toString()));
    request.on("end", () => {
      const { channel, attachments } = JSON.parse(text) as { channel: string; attachments: { title: string }[] };
      const post = { at: Date.now(), path: request.url ?? "", channel, titles: attachments.map(({ title }) => title) };
      tried.push(post);
      const { status, retryAfter } = answer(tried.length, post);
      if (status === 200) accepted.push(post);
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }).end("x");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, tried, accepted };
}

const relay = (...args: readonly string[]) => relayWith("queue", ...args);

async function relayWith(queue: string, ...args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [main, "--queue", join(folder, queue), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (log += data.toString()));
  const gone = new Promise<void>((done) => child.once("close", () => done()));
  const end = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await gone;
  };
  ends.push(() => end());
  const port = () => /"msg":"listening","port":(\d+)/.exec(log)?.[1];
  await expect.poll(() => port() !== undefined || child.exitCode !== null, { timeout: 10_000 }).toBe(true);
  const url = `http://127.0.0.1:${port()}`;
  return {
    url,
    end,
    log: () => log,
    send: async (title: string, channel = "#alerts") =>
      (
        await fetch(`${url}/services/vitals`, {
          method: "POST",
          body: JSON.stringify({ channel, attachments: [{ title, text: "x" }] }),
        })
      ).status,
    metric: async (series: string) => {
      const page = await (await fetch(`${url}/metrics`)).text();
      const line = page.split("\n").find((each) => each.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.split(" ")[1]);
    },
  };
}

const titlesOf = (posts: readonly Post[]): readonly string[] => posts.flatMap(({ titles }) => titles);
const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `alert ${index}`);
/** The least time between two posts, in milliseconds. */
const closest = (posts: readonly Post[]): number =>
  Math.min(...posts.slice(1).map(({ at }, index) => at - (posts[index]?.at ?? 0)));

describe("the relay", { timeout: 60_000 }, () => {
  it("posts the first message at once, and of those behind it several in one, each second one", async () => {
    const { url, accepted } = await slack();
    const { send, metric } = await relay("--url", `${url}/hook`);
    for (const title of numbered(30)) expect(await send(title)).toBe(200);
    expect(await send("elsewhere", "#on-call")).toBe(200);
    await expect.poll(() => titlesOf(accepted).length, { timeout: 15_000 }).toBe(31);
    expect(titlesOf(accepted)).toEqual([...numbered(30), "elsewhere"]);
    for (const { titles } of accepted) expect(titles.length).toBeLessThanOrEqual(20);
    expect(accepted.at(-1)).toMatchObject({ channel: "#on-call", titles: ["elsewhere"], path: "/hook" });
    expect(closest(accepted)).toBeGreaterThan(980);
    await expect.poll(() => metric("slack_relay_queued_messages")).toBe(0);
    expect(await metric("slack_relay_messages_total")).toBe(31);
    expect(await metric("slack_relay_posts_total")).toBe(accepted.length);
    expect(await metric("slack_relay_oldest_message_age_seconds")).toBe(0);
  });

  it("waits as long as Slack asks, and loses nothing", async () => {
    const { url, tried, accepted } = await slack((count) =>
      count === 1 ? { status: 429, retryAfter: 3 } : { status: 200 },
    );
    const { send, metric } = await relay("--url", url);
    await send("one");
    await expect.poll(() => accepted.length, { timeout: 15_000 }).toBe(1);
    expect((tried[1]?.at ?? 0) - (tried[0]?.at ?? 0)).toBeGreaterThan(2_950);
    expect(await metric('slack_relay_post_failures_total{cause="rate_limited"}')).toBe(1);
  });

  it("tries again while Slack is broken or away, and says so once", async () => {
    const { url, accepted } = await slack((count) => ({ status: count < 4 ? 503 : 200 }));
    const { send, metric, log } = await relay("--url", url);
    await send("one");
    await expect.poll(() => metric("slack_relay_oldest_message_age_seconds")).toBeGreaterThan(0.2);
    await expect.poll(() => accepted.length, { timeout: 20_000 }).toBe(1);
    expect(await metric('slack_relay_post_failures_total{cause="server_error"}')).toBe(3);
    await expect
      .poll(() => log().match(/"msg":"Slack takes [^"]+"/g))
      .toEqual(['"msg":"Slack takes no message"', '"msg":"Slack takes messages again"']);
  });

  it("takes a new webhook from its file without a restart, in the place of one that is refused", async () => {
    const { url, tried, accepted } = await slack((_, { path }) => ({ status: path === "/good" ? 200 : 403 }));
    const file = join(folder, "webhook");
    writeFileSync(file, `${url}/revoked\n`);
    const { send, metric, log } = await relay("--url-file", file);
    await send("one");
    await expect.poll(() => tried.length).toBe(1);
    writeFileSync(file, `${url}/good\n`);
    await expect.poll(() => accepted.length, { timeout: 30_000 }).toBe(1);
    expect(await metric('slack_relay_post_failures_total{cause="refused"}')).toBe(1);
    expect(log()).not.toContain("revoked");
  });

  it("comes up without a webhook, says so in one line, keeps what comes and tells it once there is one", async () => {
    const { url, accepted } = await slack();
    /** The file with the webhook: missing, empty, or with something else. */
    const without = async (name: string, text?: string): Promise<void> => {
      const file = join(folder, name);
      if (text !== undefined) writeFileSync(file, text);
      const { url: own, send, metric, log } = await relayWith(`queue-${name}`, "--url-file", file);
      expect((await fetch(`${own}/readyz`)).status).toBe(200);
      expect(log().match(/"msg":"no webhook of Slack[^}]*"cause":"no_webhook"/g)).toHaveLength(1);
      expect(await send(name)).toBe(200);
      await expect.poll(() => metric('slack_relay_post_failures_total{cause="no_webhook"}')).toBe(1);
      // What SlackUndelivered looks at.
      await expect.poll(() => metric("slack_relay_oldest_message_age_seconds")).toBeGreaterThan(0.2);
      writeFileSync(file, url);
      await expect.poll(() => titlesOf(accepted), { timeout: 30_000 }).toContain(name);
    };
    await Promise.all([without("missing"), without("empty", ""), without("other", "hooks.slack.com/services/x")]);
  });

  it("gives up the one message that is invalid, and not its neighbours", async () => {
    const { url, accepted } = await slack((_, { titles }) => ({ status: titles.includes("alert 2") ? 400 : 200 }));
    const { send, metric } = await relay("--url", url);
    for (const title of numbered(5)) await send(title);
    await expect.poll(() => titlesOf(accepted).length, { timeout: 20_000 }).toBe(4);
    expect(titlesOf(accepted)).toEqual(["alert 0", "alert 1", "alert 3", "alert 4"]);
    expect(await metric("slack_relay_messages_dropped_total")).toBe(1);
  });

  it("remembers what it has taken when it is killed, and what Slack has when it ends in order", async () => {
    let broken = true;
    const { url, accepted } = await slack(() => ({ status: broken ? 500 : 200 }));
    const first = await relay("--url", url);
    for (const title of numbered(8)) expect(await first.send(title)).toBe(200);
    await first.end("SIGKILL");
    broken = false;
    const second = await relay("--url", url);
    await expect.poll(() => titlesOf(accepted).length, { timeout: 15_000 }).toBe(8);
    expect(titlesOf(accepted)).toEqual(numbered(8));
    await second.end();
    expect(second.log()).toContain('"msg":"stopped"');
    expect(readdirSync(join(folder, "queue"))).toEqual([]);
    await relay("--url", url);
    expect(titlesOf(accepted)).toHaveLength(8);
  });

  it("refuses what is no message, and arguments that are wrong", async () => {
    const { url } = await slack();
    const running = await relay("--url", url);
    const status = async (body: string, path = "/services/vitals") =>
      (await fetch(`${running.url}${path}`, { method: "POST", body })).status;
    expect(await status("{")).toBe(400);
    expect(await status('{"attachments":[]}')).toBe(400);
    expect(await status(JSON.stringify({ attachments: ["x".repeat(1_100_000)] }))).toBe(400);
    expect(await status("{}", "/else")).toBe(404);
    const wrong = await relay("--url", url, "--url-file", "x");
    expect(wrong.log()).toContain("needs --url or --url-file, and not both");
    await wrong.end();
  });
});

const skip = alertmanager === "" ? "skipped: alertmanager is not there; npm run tools -- get" : undefined;

describe.skipIf(skip !== undefined)(`a storm through a real Alertmanager ${skip ?? ""}`, { timeout: 120_000 }, () => {
  it("of 500 alerts in 250 groups reaches Slack in at most a post a second, each of them told", async () => {
    const { url, tried, accepted } = await slack((count) =>
      count === 3 ? { status: 429, retryAfter: 2 } : { status: 200 },
    );
    const { url: relayUrl, metric } = await relay("--url", url);
    await withAlertmanager(
      config({ demo: "true" }),
      async ({ post }) => {
        // 50 names of alerts at 5 services, two members a group, over ten seconds.
        for (let tenth = 0; tenth < 10; tenth++) {
          const names = Array.from({ length: 5 }, (_, index) => `Alert${tenth * 5 + index}`);
          await post(
            names.flatMap((name) =>
              ["a", "b", "c", "d", "e"].flatMap((service) =>
                [0, 1].map((member) => {
                  const one = alert(name, "page", service, `${name} at ${service}-${member}.`);
                  return { ...one, labels: { ...one.labels, instance: `${service}-${member}` } };
                }),
              ),
            ),
          );
          await new Promise((done) => setTimeout(done, 1_000));
        }
        await expect.poll(() => new Set(titlesOf(accepted)).size, { timeout: 60_000 }).toBe(250);
        expect(titlesOf(accepted).every((title) => title.endsWith(" (2)"))).toBe(true);
        expect(closest(tried)).toBeGreaterThan(980);
        expect(await metric("slack_relay_messages_dropped_total")).toBe(0);
        console.log(`250 groups in ${tried.length} posts`);
      },
      { replace: { "http://slack-relay": relayUrl } },
    );
  });
});

/** `VITALS_PROVE=1`: three minutes, as long as an incident of Slack's own may be; else some seconds. */
const full = process.env.VITALS_PROVE !== undefined;
const outage = full ? { ms: 180_000, alerts: 60, retryAfter: 30 } : { ms: 6_000, alerts: 8, retryAfter: 2 };
const seed = 20_241;

/** What Slack answers meanwhile, and how long after its end the first try may come: what Slack asked for, the wait of the relay. */
const outages = [
  ["429", { status: 429, retryAfter: outage.retryAfter }, outage.retryAfter * 1_000],
  ["500", { status: 500 }, full ? 60_000 : 8_000],
  ["403", { status: 403 }, 15_000],
] as const;

describe.skipIf(skip !== undefined)(`an outage of Slack ${skip ?? ""}`, { timeout: outage.ms + 120_000 }, () => {
  it("loses no message of what fires and ends meanwhile, and tells each once, whatever it answers", async () => {
    await Promise.all(outages.map(([name, answer, wait]) => endure(name, answer, wait)));
  });
});

/** Alerts fire at moments of a seed, and every other one ends, while a Slack answers nothing but this. */
async function endure(name: string, answer: Answer, wait: number): Promise<void> {
  const from = Date.now();
  const healed = from + outage.ms;
  const { url, tried, accepted } = await slack(() => (Date.now() < healed ? answer : { status: 200 }));
  const { url: relayUrl, metric } = await relayWith(`queue-${name}`, "--url", url);
  await withAlertmanager(
    config({ demo: "true" }),
    async ({ post }) => {
      const services = numbered(outage.alerts).map((each) => each.replace(" ", "-"));
      const moments = services.map((_, index) => fraction(index) * (outage.ms - 4_000));
      const begin = Date.now();
      await Promise.all(
        services.map(async (service, index) => {
          await new Promise((done) => setTimeout(done, moments[index]));
          const one = alert("Outage", "page", service, `${service} is ill.`);
          await post([one]);
          if (index % 2 === 0) return;
          // Longer than Alertmanager's waits, so that the beginning is a message of its own.
          await new Promise((done) => setTimeout(done, 3_000));
          await post([{ ...one, endsAt: new Date().toISOString() }]);
        }),
      );
      expect(begin - from).toBeLessThan(outage.ms);
      const expected = services.flatMap((service, index) => [
        `[PAGE] Outage ${service}`,
        ...(index % 2 === 0 ? [] : [`[RESOLVED] Outage ${service}`]),
      ]);
      await expect
        .poll(() => titlesOf(accepted).length, { timeout: outage.ms + 100_000 })
        .toBeGreaterThanOrEqual(expected.length);
      expect(titlesOf(accepted).toSorted()).toEqual(expected.toSorted());
      const titles = titlesOf(accepted);
      for (const service of services.filter((_, index) => index % 2 === 1))
        expect(titles.indexOf(`[PAGE] Outage ${service}`)).toBeLessThan(titles.indexOf(`[RESOLVED] Outage ${service}`));
      const failed = tried.filter(({ at }) => at < healed).length;
      const [first, last] = [accepted[0]?.at ?? 0, accepted.at(-1)?.at ?? 0];
      expect(failed).toBeGreaterThan(0);
      expect(first - healed).toBeLessThan(wait + 2_000);
      expect(closest(tried)).toBeGreaterThan(980);
      expect(await metric("slack_relay_messages_dropped_total")).toBe(0);
      const after = (at: number): string => `${((at - healed) / 1_000).toFixed(1)} s`;
      console.log(
        `Slack answers ${name} for ${outage.ms / 1_000} s: ${titles.length} messages of ${outage.alerts} alerts, 0 lost, 0 twice; ` +
          `${failed} posts failed; the first came ${after(first)} after its end, the last ${after(last)} (seed ${seed})`,
      );
    },
    { replace: { "http://slack-relay": relayUrl } },
  );
}

/** From 0 to 1, the same on every run. */
const fraction = (index: number): number =>
  ((seed * (index + 1) * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
