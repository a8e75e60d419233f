import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { announcedBy } from "../../../exporters/integration-health/announcement.ts";
import { FeedError } from "../../../exporters/integration-health/feeds/feed.ts";
import { feeds } from "../../../exporters/integration-health/feeds/index.ts";
import { at, read, summary } from "./statuspage.ts";

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
