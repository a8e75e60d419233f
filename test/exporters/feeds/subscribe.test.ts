// The reader that fetches feeds, and what an integration makes of one.
import { createServer, type RequestListener } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { announcedBy } from "../../../exporters/integration-health/announcement.ts";
import type { Answer } from "../../../exporters/integration-health/exchange.ts";
import type { Reading } from "../../../exporters/integration-health/feeds/feed.ts";
import { integrationHealth } from "../../../exporters/integration-health/index.ts";
import { type FeedResult, type FeedTarget, subscriptions } from "../../../exporters/integration-health/subscribe.ts";
import { until } from "../../support/ports.ts";
import { virtualClock } from "../../support/virtual-clock.ts";
import { runExporter } from "../scraped.ts";
import { at, summary } from "./statuspage.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const serve = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
};

describe("what a vendor says", () => {
  const reading = (part: Partial<Reading>): Reading => ({
    overall: "operational",
    components: [],
    incidents: [],
    maintenances: [],
    unknown: 0,
    ...part,
  });

  it("counts for the components in use alone", () => {
    const components = [
      { name: "API", status: "operational" },
      { name: "Fax", status: "major_outage" },
    ] as const;
    const incidents = [{ status: "major_outage", components: ["Fax"] }] as const;
    const seen = reading({ overall: "major_outage", components, incidents });
    expect(announcedBy(seen, ["API"], at)).toMatchObject({ status: "operational", troubled: false, incidents: 0 });
    expect(announcedBy(seen, ["Fax"], at)).toMatchObject({ status: "major_outage", troubled: true, incidents: 1 });
    expect(announcedBy(seen, ["Pager"], at)).toMatchObject({ status: "unknown", troubled: false });
    const twice = { name: "API", status: "operational" } as const;
    expect(announcedBy(reading({ components: [twice, twice] }), ["API", "Pager"], at).status).toBe("unknown");
    // A list that is gone says nothing; a kind of feed that never has one says all in its incidents.
    expect(announcedBy(reading({}), ["API"], at).status).toBe("unknown");
    expect(announcedBy({ ...seen, components: undefined, incidents: [] } as never, ["API"], at).status).toBe(
      "operational",
    );
  });

  it("is linked to on the feed's own origin alone", () => {
    const linked = (link: string) =>
      announcedBy(reading({ incidents: [{ status: "degraded", components: [], link }] }), [], at).link;
    expect(linked("https://status.vendor.example/incidents/1")).toBe("https://status.vendor.example/incidents/1");
    for (const link of [
      "https://evil.example/",
      "javascript:alert(1)",
      "https://status.vendor.example.evil.example/",
      "https://user:password@status.vendor.example/",
      "http://status.vendor.example/",
      `https://status.vendor.example/${"a".repeat(3_000)}`,
    ])
      expect(linked(link)).toBeUndefined();
  });

  it("is linked to where it is worst, and newest of what is as bad", () => {
    const incident = (status: "degraded" | "major_outage", since: number) => ({
      ...{ status, since, components: [] },
      link: `https://status.vendor.example/${since}`,
    });
    const incidents = [incident("degraded", 4), incident("major_outage", 2), incident("major_outage", 1)];
    expect(announcedBy(reading({ incidents }), [], at)).toMatchObject({
      since: 1,
      link: "https://status.vendor.example/2",
    });
  });
});

describe("the reader of feeds", () => {
  const feed: FeedTarget = { kind: "statuspage", url: at, components: [], interval: "60s" };
  const answer = (part: Partial<Answer>): Answer => ({
    status: 200,
    headers: {},
    body: Buffer.alloc(0),
    cut: false,
    ...part,
  });
  const page = (part: object = {}) => Buffer.from(JSON.stringify(summary(part)));

  async function reads(
    ...answers: readonly (Answer | Error)[]
  ): Promise<{ results: FeedResult[]; asked: (string | undefined)[] }> {
    const clock = virtualClock();
    const results: FeedResult[] = [];
    const asked: (string | undefined)[] = [];
    const subscribe = subscriptions({
      clock,
      get: async ({ headers }) => {
        asked.push(headers?.["if-none-match"]);
        const next = answers[asked.length - 1] ?? answer({ status: 304 });
        if (next instanceof Error) throw next;
        return next;
      },
    });
    const { stop } = subscribe(feed, [], (result) => results.push(result));
    await clock.run(answers.length * 60_000 - 10_000);
    await stop();
    return { results, asked };
  }

  it("asks once a minute, and an unchanged feed costs nothing", async () => {
    const { results, asked } = await reads(answer({ body: page(), headers: { etag: '"1"' } }), answer({ status: 304 }));
    expect(asked).toEqual([undefined, '"1"']);
    expect(results.map(({ reading }) => reading?.overall)).toEqual(["operational", "operational"]);
  });

  it.each([
    ["HTML", { body: Buffer.from("<!doctype html><html>") }, "format"],
    ["invalid UTF-8", { body: Buffer.concat([page(), Buffer.from([0xff, 0xfe])]) }, "format"],
    ["a future schema", { body: Buffer.from('{"v3":true}') }, "format"],
    ["100 MB", { body: page(), cut: true }, "too_large"],
    ["503", { status: 503 }, "status"],
  ])("counts an answer of %s as a failure, keeps what it read before, and reads on", async (_what, part, cause) => {
    const { results } = await reads(answer({ body: page() }), answer(part), answer({ body: page() }));
    expect(results.map((result) => result.cause)).toEqual([undefined, cause, undefined]);
    expect(results[1]?.reading?.overall).toBe("operational");
  });

  it("counts a name that cannot be found as a failure", async () => {
    const { results } = await reads(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
    expect(results).toEqual([{ cause: "dns", unknown: 0 }]);
  });

  it("reads a URL once for all who use it, and stops with the last of them", async () => {
    const clock = virtualClock();
    let asked = 0;
    const subscribe = subscriptions({
      clock,
      get: async () => {
        asked++;
        return answer({ body: page() });
      },
    });
    const seen = [0, 0];
    const [first, second] = [0, 1].map((index) =>
      subscribe(feed, [], () => {
        seen[index] = (seen[index] ?? 0) + 1;
      }),
    );
    await clock.run(50_000);
    expect([asked, ...seen]).toEqual([1, 1, 1]);
    await first?.stop();
    await clock.run(110_000);
    expect([asked, ...seen]).toEqual([2, 1, 2]);
    await second?.stop();
    await clock.run(600_000);
    expect(asked).toBe(2);
  });
});

describe("an integration with a feed", () => {
  it("is probed and shown whatever its feed answers, and each failure to read one is counted by its cause", async () => {
    const huge = Buffer.alloc(2 ** 20, " ");
    let sent = 0;
    const pages: Readonly<Record<string, RequestListener>> = {
      "/html": (_, response) => void response.end("<!doctype html><title>Status</title>"),
      "/future": (_, response) => void response.end('{"version":3,"state":{"overall":"ok"}}'),
      "/invalid": (_, response) => void response.end(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
      "/hundred-megabytes": (_, response) => {
        const more = (): void => {
          sent++;
          if (!response.destroyed && sent < 100) response.write(huge, more);
        };
        more();
      },
      "/away": (_, response) => void response.writeHead(502).end(),
    };
    const vendor = await serve((request, response) => {
      const answer = pages[request.url ?? ""];
      if (answer === undefined) response.end("fine");
      else answer(request, response);
    });
    const common = { probe: "http", url: `${vendor}health`, interval: "1s", allow: ["loopback"] };
    const feedAt = (url: string) => ({ kind: "statuspage", url });
    const integrations = [
      ...Object.keys(pages).map((path) => ({
        ...common,
        name: path.slice(1),
        feed: feedAt(new URL(path, vendor).href),
      })),
      { ...common, name: "unknown", feed: feedAt("http://no-such-host.invalid/summary.json") },
    ];
    const exporter = await runExporter(integrationHealth, { integrations });
    closers.push(exporter.close);
    const expected = {
      html: "format",
      future: "format",
      invalid: "format",
      "hundred-megabytes": "too_large",
      away: "status",
    };
    for (const [name, cause] of Object.entries({ ...expected, unknown: "dns" })) {
      const labels = `{integration="${name}"`;
      await until(
        async () =>
          (await exporter.metrics()).value(`integration_feed_failures_total${labels},cause="${cause}"}`) === 1,
      );
      const page = await exporter.metrics();
      await until(async () => (await exporter.metrics()).value(`integration_up${labels}}`) === 1);
      expect(page.value(`integration_vendor_status${labels},status="unknown"}`)).toBe(1);
    }
    expect(sent).toBeLessThan(50);
  });

  it("tells which side a failure is on, and a feed alone never turns it down", async () => {
    let [status, page] = [200, summary()];
    const vendor = await serve((request, response) => {
      if (request.url === "/health") response.writeHead(status).end();
      else response.end(JSON.stringify(page));
    });
    const entry = {
      name: "fax",
      probe: "http",
      url: `${vendor}health`,
      interval: "1s",
      allow: ["loopback"],
      feed: { kind: "statuspage", url: `${vendor}summary.json`, components: ["Fax"] },
    };
    page = summary({
      components: [{ name: "Fax", status: "major_outage" }],
      incidents: [{ id: "x1", impact: "critical", status: "investigating", started_at: "2026-03-01T10:00:00Z" }],
    });
    const exporter = await runExporter(integrationHealth, { integrations: [entry] });
    closers.push(exporter.close);
    const is = (series: string, value: number) =>
      until(
        async () =>
          (await exporter.metrics()).value(series.replace("{", '{integration="fax",').replace(",}", "}")) === value,
      );
    await is('integration_vendor_status{status="major_outage"}', 1);
    await is('integration_failure_source{source="status_page_only"}', 1);
    await is("integration_up{}", 1);
    status = 503;
    await is('integration_failure_source{source="vendor_confirmed"}', 1);
    const shown = await exporter.metrics();
    expect(shown.value('integration_up{integration="fax"}')).toBe(0);
    expect(shown.value('integration_status{integration="fax",status="unhealthy"}')).toBe(1);
    expect(shown.value('integration_vendor_incidents{integration="fax"}')).toBe(1);
    expect(shown.value('integration_announcement_delay_seconds{integration="fax"}')).toBeLessThan(0);
    expect(shown.value('integration_feed_reads_total{integration="fax"}')).toBe(1);
    expect(shown.body).not.toContain("127.0.0.1");
  });
});
