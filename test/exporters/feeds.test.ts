// Status feeds: fixtures written to the published formats, foreign and broken texts, and the reader that fetches them.
import { createServer, type RequestListener } from "node:http";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { announcedBy } from "../../exporters/integration-health/announcement.ts";
import type { Answer } from "../../exporters/integration-health/exchange.ts";
import { FeedError, type Reading } from "../../exporters/integration-health/feeds/feed.ts";
import { feeds } from "../../exporters/integration-health/feeds/index.ts";
import { integrationHealth } from "../../exporters/integration-health/index.ts";
import { type FeedResult, type FeedTarget, subscriptions } from "../../exporters/integration-health/subscribe.ts";
import { until } from "../support/ports.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { runExporter } from "./scraped.ts";

const at = "https://status.vendor.example/api/v2/summary.json";
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

/** To the format of https://developer.statuspage.io and of the page /api of any Statuspage. */
const summary = (part: object = {}) => ({
  page: {
    id: "y2j98763l56x",
    name: "Vendor",
    url: "https://status.vendor.example",
    updated_at: "2026-03-01T10:00:00Z",
  },
  status: { indicator: "none", description: "All Systems Operational" },
  components: [
    { id: "a", name: "API", status: "operational", group: false, group_id: "g" },
    { id: "b", name: "Fax", status: "operational", group: false, group_id: null },
  ],
  incidents: [],
  scheduled_maintenances: [],
  ...part,
});
const read = (kind: keyof typeof feeds, value: unknown, url = at): Reading =>
  feeds[kind](typeof value === "string" ? value : JSON.stringify(value), url);

describe("the feed of Statuspage", () => {
  const components = ["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"];
  const indicators = ["none", "minor", "major", "critical", "maintenance"];
  const meaning = ["operational", "degraded", "partial_outage", "major_outage", "maintenance"];

  it.each(
    components.flatMap((status, index) => indicators.map((indicator, other) => ({ status, indicator, index, other }))),
  )("reads component $status with indicator $indicator", ({ status, indicator, index, other }) => {
    const reading = read("statuspage", summary({ status: { indicator }, components: [{ name: "API", status }] }));
    expect(reading).toMatchObject({
      overall: meaning[other],
      components: [{ name: "API", status: meaning[index] }],
      unknown: 0,
    });
    // Named components count alone; the page as a whole counts where none is named.
    expect(announcedBy(reading, ["api"], at).status).toBe(meaning[index]);
  });

  it.each(indicators)("reads an incident of impact %s, and links to its page", (impact) => {
    const incident = { id: "p31zjtct2jer", impact, status: "investigating", started_at: "2026-03-01T10:00:00Z" };
    const [seen] = read(
      "statuspage",
      summary({ incidents: [{ ...incident, components: [{ name: "API" }] }] }),
    ).incidents;
    expect(seen).toEqual({
      status: meaning[indicators.indexOf(impact)],
      since: Date.parse("2026-03-01T10:00:00Z"),
      link: "https://status.vendor.example/incidents/p31zjtct2jer",
      components: ["API"],
    });
  });

  it("leaves out what is over, what has not begun, and what a group repeats", () => {
    const incident = (status: string) => ({ id: "i", impact: "major", status });
    const reading = read(
      "statuspage",
      summary({
        components: [
          { name: "All", status: "major_outage", group: true },
          { name: "API", status: "operational" },
        ],
        incidents: ["resolved", "postmortem", "monitoring"].map(incident),
        scheduled_maintenances: ["scheduled", "in_progress", "verifying", "completed"].map(incident),
      }),
    );
    expect(reading.components).toEqual([{ name: "API", status: "operational" }]);
    expect([reading.incidents.length, reading.maintenances.length, reading.unknown]).toEqual([1, 2, 0]);
  });

  it("takes an incident for told when it was written down, not when it is said to have begun", () => {
    const times = { started_at: "2026-03-01T09:00:00Z", created_at: "2026-03-01T10:30:00Z" };
    const { incidents } = read(
      "statuspage",
      summary({ incidents: [{ impact: "major", status: "identified", ...times }] }),
    );
    expect(incidents[0]?.since).toBe(Date.parse(times.created_at));
  });

  it("has an incident of an unknown stage for open, a maintenance of one for none, and counts both", () => {
    const odd = { id: "i", impact: "major", status: "pondering" };
    const reading = read("statuspage", summary({ incidents: [odd], scheduled_maintenances: [odd] }));
    expect([reading.incidents.length, reading.maintenances.length, reading.unknown]).toEqual([1, 0, 2]);
  });

  it("counts what it does not know, as unknown", () => {
    const reading = read(
      "statuspage",
      summary({ status: { indicator: "apocalyptic" }, components: [{ name: "API", status: 7 }, "what", null] }),
    );
    expect(reading).toMatchObject({ overall: "unknown", unknown: 4 });
    expect(announcedBy(reading, [], at)).toMatchObject({ status: "unknown", troubled: false, maintenance: false });
  });
});

describe("other feeds", () => {
  it("of Google: an incident without an end is open", () => {
    // https://status.cloud.google.com/incidents.schema.json
    const incident = (part: object) => ({
      id: "ow5i3PPK96RduMcb1SsW",
      begin: "2026-03-01T10:00:00+00:00",
      external_desc: "x",
      status_impact: "SERVICE_OUTAGE",
      affected_products: [{ title: "Cloud Storage", id: "1" }],
      uri: "incidents/ow5i3PPK96RduMcb1SsW",
      ...part,
    });
    const url = "https://status.cloud.google.com/incidents.json";
    const list = [
      incident({ end: "2026-03-01T11:00:00+00:00" }),
      incident({}),
      incident({ created: "2026-03-01T10:20:00+00:00" }),
      incident({ status_impact: "SERVICE_DISRUPTION", affected_products: [{ title: "Cloud Run" }] }),
      incident({ status_impact: "SERVICE_INFORMATION" }),
      incident({ status_impact: "SERVICE_HICCUP" }),
    ];
    const reading = read("google", list, url);
    expect(reading.incidents.map(({ status }) => status)).toEqual([
      "major_outage",
      "major_outage",
      "partial_outage",
      "operational",
      "unknown",
    ]);
    const since = reading.incidents.slice(0, 2).map((each) => each.since);
    expect(since).toEqual(["2026-03-01T10:00:00Z", "2026-03-01T10:20:00Z"].map(Date.parse));
    expect(reading.unknown).toBe(1);
    expect(announcedBy(reading, ["Cloud Run"], url)).toMatchObject({ status: "partial_outage", incidents: 1 });
    expect(announcedBy(reading, [], url)).toMatchObject({
      status: "major_outage",
      link: "https://status.cloud.google.com/incidents/ow5i3PPK96RduMcb1SsW",
    });
    expect(read("google", [], url)).toMatchObject({ overall: "operational", incidents: [] });
  });

  it.each([
    ["UP", "operational"],
    ["HASISSUES", "degraded"],
    ["UNDERMAINTENANCE", "maintenance"],
    ["ONFIRE", "unknown"],
  ])("of Instatus: a page that is %s", (status, means) => {
    // https://instatus.com/help/widgets
    const reading = read("instatus", {
      page: { name: "Vendor", url: "https://v.instatus.com", status },
      activeIncidents: [
        {
          name: "x",
          started: "2026-03-01T10:00:00Z",
          status: "INVESTIGATING",
          impact: "MAJOROUTAGE",
          url: "https://v.instatus.com/1",
        },
      ],
      activeMaintenances: [{ name: "y", start: "2026-03-01T10:00:00Z", status: "NOTSTARTEDYET", duration: "60" }],
    });
    expect(reading).toMatchObject({ overall: means, incidents: [{ status: "major_outage" }], maintenances: [] });
  });

  it.each([
    ["operational", "operational"],
    ["degraded", "degraded"],
    ["downtime", "major_outage"],
    ["maintenance", "maintenance"],
    ["odd", "unknown"],
  ])("of Better Stack: a page that is %s", (state, means) => {
    // https://betterstack.com/docs/uptime/status-pages/subscribing-to-status-updates/subscribing-to-api
    const reading = read(
      "betterstack",
      {
        data: { id: "1", type: "status_page", attributes: { aggregate_state: state } },
        included: [
          { id: "9", type: "status_page_resource", attributes: { public_name: "API", status: "downtime" } },
          {
            id: "5",
            type: "status_report",
            attributes: {
              report_type: "manual",
              starts_at: "2026-03-01T10:00:00.000Z",
              ends_at: null,
              aggregate_state: "downtime",
              affected_resources: [{ status_page_resource_id: "9", status: "downtime" }],
            },
          },
        ],
      },
      "https://status.vendor.example/index.json",
    );
    expect(reading).toMatchObject({
      overall: means,
      components: [{ name: "API", status: "major_outage" }],
      incidents: [{ status: "major_outage", components: ["API"], link: "https://status.vendor.example/" }],
      maintenances: [],
    });
  });

  it("of RSS and Atom: an entry is open until its words say that it is over, or nobody touches it for a day", () => {
    const now = new Date().toUTCString();
    const item = (title: string, when = now) =>
      `<item><title><![CDATA[${title}]]></title><link>https://status.vendor.example/1</link><pubDate>${when}</pubDate></item>`;
    const rss = (...items: string[]) =>
      `<?xml version="1.0"?><rss version="2.0"><channel>${items.join("")}</channel></rss>`;
    expect(read("rss", rss(item("API errors")))).toMatchObject({
      overall: "degraded",
      incidents: [{ status: "degraded", link: "https://status.vendor.example/1" }],
    });
    expect(read("rss", rss(item("Resolved: API errors"))).overall).toBe("operational");
    expect(read("rss", rss(item("API errors", "Mon, 02 Mar 2020 10:00:00 GMT"))).overall).toBe("operational");
    // Announced ahead it excuses nothing yet; and what only speaks of one is none.
    expect(read("rss", rss(item("Scheduled maintenance"))).overall).toBe("operational");
    expect(read("rss", rss(item("Scheduled maintenance: in progress"))).overall).toBe("maintenance");
    const words = "<item><title>API errors</title><description>We are currently looking at what the maintenance left";
    expect(read("rss", rss(`${words}</description><pubDate>${now}</pubDate></item>`)).overall).toBe("degraded");
    expect(read("rss", rss("<item><title>x</title></item>")).unknown).toBe(1);
    const atom = `<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Slow &lt;API&gt;</title><updated>${new Date().toISOString()}</updated><link href="https://status.vendor.example/2"/></entry></feed>`;
    expect(read("rss", atom)).toMatchObject({ incidents: [{ link: "https://status.vendor.example/2" }] });
  });

  it("are refused when they are something else, whatever it is", () => {
    for (const kind of Object.keys(feeds) as (keyof typeof feeds)[])
      for (const text of [
        "",
        "<!doctype html><title>Status</title>",
        "null",
        "7",
        '{"future":{"schema":3}}',
        "[",
        '{"status":"ok"}',
      ])
        expect(() => read(kind, text), `${kind} ${text}`).toThrow(FeedError);
  });

  it.each(["<title>", "<title ", "<link ", "<description>", "<![CDATA[", "<titles>", "<pubDate", ">"])(
    "of RSS take no long time over entries that are nothing but %s",
    (piece) => {
      const entry = `<item>${piece.repeat(50_000 / piece.length)}</item>`;
      const began = performance.now();
      read("rss", `<rss>${entry.repeat(40)}${piece.repeat(100_000)}`);
      read("rss", `<rss>${"<item>".repeat(300_000)}`);
      expect(performance.now() - began).toBeLessThan(2_000);
    },
  );

  it("of any length are read, and told of", () => {
    const many = summary({ components: Array(600_000).fill({}), incidents: Array(100_000).fill({}) });
    const reading = read("statuspage", many);
    expect(reading.unknown).toBe(800_000);
    expect(announcedBy(reading, [], at).status).toBe("unknown");
  });

  it("that are any JSON at all give a reading or a FeedError, and nothing else", () => {
    const key = fc.constantFrom(
      ..."status indicator components incidents scheduled_maintenances page activeIncidents activeMaintenances data included".split(
        " ",
      ),
      ..."attributes aggregate_state type id name impact started_at created_at url end begin uri affected_products title".split(
        " ",
      ),
      "__proto__",
    );
    const word = fc.constantFrom(
      "none",
      "major",
      "UP",
      "INPROGRESS",
      "status_report",
      "2026-03-01T10:00:00Z",
      "https://[",
      "",
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constant(null),
        fc.double(),
        fc.boolean(),
        word,
        tie("list"),
        tie("object"),
      ),
      list: fc.array(tie("value"), { maxLength: 4 }),
      object: fc.dictionary(key, tie("value"), { maxKeys: 6 }),
    }));
    fc.assert(
      fc.property(value, fc.constantFrom(...(Object.keys(feeds) as (keyof typeof feeds)[])), (root, kind) => {
        try {
          announcedBy(read(kind, JSON.stringify(root)), ["API"], at);
          // What each kind asks for is there, so that what lies deeper is reached.
          const page = { indicator: root, status: root, attributes: { aggregate_state: "operational" } };
          const sure = { ...(root as object), page, data: page, status: { indicator: "none" } };
          announcedBy(read(kind, kind === "google" ? [root, root] : sure), [], at);
        } catch (error) {
          expect(error).toBeInstanceOf(FeedError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

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
