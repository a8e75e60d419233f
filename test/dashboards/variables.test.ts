// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Grafana writes its variables so.
import { describe, expect, it } from "vitest";
import { nameOf } from "../../dashboards/viewer/browser/fields.ts";
import { addressOf } from "../../dashboards/viewer/browser/links.ts";
import type { Dashboard, Link, Variable } from "../../dashboards/viewer/browser/model.ts";
import { readAddress, withParameters } from "../../dashboards/viewer/browser/page.ts";
import { moment, rangeOf, stepOf, titleOfRange } from "../../dashboards/viewer/browser/time.ts";
import { showText } from "../../dashboards/viewer/browser/units.ts";
import {
  choicesOf,
  dependentsOf,
  filterValues,
  formatted,
  interpolate,
  questionOf,
} from "../../dashboards/viewer/browser/variables.ts";

const service: Variable = {
  name: "service",
  type: "query",
  multi: true,
  includeAll: true,
  query: { query: "label_values(up, job)" },
};
const dashboard: Dashboard = { uid: "a", title: "A", panels: [], templating: { list: [service] } };
const builtins = { step: 30, scrape: 15, range: 3_600 };

describe("a variable", () => {
  it("takes its values from the address, else from the dashboard, else all", () => {
    expect(choicesOf(dashboard, new URLSearchParams("var-service=redis&var-service=jaeger"))).toEqual({
      service: ["redis", "jaeger"],
    });
    expect(choicesOf(dashboard, new URLSearchParams())).toEqual({ service: ["$__all"] });
  });

  it("becomes a regular expression that matches exactly what is chosen", () => {
    const text = (values: readonly string[]): string =>
      interpolate('{a=~"$service"}', dashboard, { service: values }, builtins);
    expect(text(["$__all"])).toBe('{a=~".*"}');
    expect(text(["a.b"])).toBe('{a=~"a\\\\.b"}');
    expect(text(["a", "b"])).toBe('{a=~"(a|b)"}');
    // As Grafana escapes what would end the string or begin an escape.
    expect(text(['a"b'])).toBe('{a=~"a\\"b"}');
    expect(text(["a\\b"])).toBe('{a=~"a\\\\\\\\b"}');
  });

  it.each([
    ["glob", "{a.b,c}"],
    ["regex", "(a\\.b|c)"],
    ["pipe", "a.b|c"],
    ["csv", "a.b,c"],
    ["percentencode", "%7Ba.b%2Cc%7D"],
    ["queryparam", "var-service=a.b&var-service=c"],
  ])("is written as %s where that is asked for", (format, text) => {
    expect(formatted(service, ["a.b", "c"], format)).toBe(text);
    expect(interpolate(`\${service:${format}}`, dashboard, { service: ["a.b", "c"] }, builtins)).toBe(text);
  });

  it("decides over the values of those that ask by it", () => {
    const chained = (name: string, query: string): Variable => ({ name, type: "query", query });
    const list = [
      chained("database", "label_values(redis_up, database)"),
      chained("instance", 'label_values(redis_up{database=~"$database"}, instance)'),
      chained("node", 'label_values(redis_cluster_nodes{instance=~"${instance}"}, node)'),
      chained("database2", "label_values(pg_up, database)"),
    ];
    const all = { ...dashboard, templating: { list } };
    expect(dependentsOf(all, "database")).toEqual(["instance", "node"]);
    expect(dependentsOf(all, "database2")).toEqual([]);
  });

  it("asks for the values of a label", () => {
    expect(questionOf(service)).toEqual({ kind: "values", label: "job", match: "up" });
    expect(questionOf({ ...service, query: 'label_values(up{job="a, b"}, instance)' })).toEqual({
      kind: "values",
      label: "instance",
      match: 'up{job="a, b"}',
    });
  });

  it("keeps and cuts values by its regex", () => {
    expect(filterValues(["app-a", "app-b", "other"], "/app-(.*)/")).toEqual(["a", "b"]);
  });
});

describe("the built-in variables", () => {
  it("give a rate four scrapes at least", () => {
    const text = interpolate("[$__rate_interval] [$__interval] [[[__range]]]", dashboard, {}, builtins);
    expect(text).toBe("[60s] [30s] [3600s]");
    expect(interpolate("$__rate_interval", dashboard, {}, { ...builtins, step: 600 })).toBe("615s");
  });
});

describe("a time", () => {
  it("is read as Grafana writes it", () => {
    expect(moment("now-1h30m", 10_000)).toBe(4_600);
    expect(moment("1700000000000", 0)).toBe(1_700_000_000);
    expect(moment("now/d", 90_000)).toBe(86_400);
    expect(moment("yesterday", 0)).toBeUndefined();
  });

  it("that makes no sense becomes the last hour", () => {
    expect(rangeOf("now", "now-1h", 10_000)).toEqual({ from: 6_400, to: 10_000 });
    expect(titleOfRange("yesterday", "now", "utc")).toBe("Last hour");
  });

  it("that no calendar has ends where calendars do", () => {
    expect(rangeOf("now-1000000y", "now", 10_000)).toEqual({ from: 0, to: 10_000 });
    expect(rangeOf("now", "99999999999999999999", 10_000)).toEqual({ from: 10_000, to: 9_999_999_999 });
    expect(titleOfRange("now-1000000y", "99999999999999999999", "no/such zone")).toMatch(/^now-1000000y to \d+ \w+/);
  });

  it("is never sampled finer than it is scraped, nor in more points than fit", () => {
    expect(stepOf({ from: 0, to: 300 }, 600, 15)).toBe(15);
    expect(stepOf({ from: 0, to: 86_400 }, 300, 15)).toBe(300);
    expect(stepOf({ from: 0, to: 30 * 86_400 }, 600, 15)).toBe(7_200);
  });
});

describe("the address", () => {
  it("follows Grafana's scheme, with either form of a panel", () => {
    for (const panel of ["12", "panel-12"])
      expect(
        readAddress({ pathname: "/d/vitals-stack/some-slug", search: `?viewPanel=${panel}&from=now-6h&to=now&kiosk` }),
      ).toMatchObject({
        uid: "vitals-stack",
        panel: 12,
        from: "now-6h",
        to: "now",
        bare: true,
      });
  });

  it("is taken as it stands where it is not encoded as it should be", () => {
    expect(readAddress({ pathname: "/d/%E0%A4%A", search: "?viewPanel=x&from=%E0%A4%A" })).toMatchObject({
      uid: "%E0%A4%A",
      panel: undefined,
    });
  });

  it("keeps what a change does not name", () => {
    expect(withParameters("http://a/d/b?from=now-6h&var-x=1", { "var-x": ["2", "3"], viewPanel: undefined })).toBe(
      "/d/b?from=now-6h&var-x=2&var-x=3",
    );
  });
});

describe("a value", () => {
  it.each([
    [0, "bytes", "0 B"],
    [1_536, "bytes", "1.5 KiB"],
    [0.0042, "s", "4.2 ms"],
    [0, "s", "0 s"],
    [90, "s", "1.5 min"],
    [0.125, "percentunit", "12.5%"],
    [1_234, "short", "1.23 K"],
    [42, "reqps", "42 req/s"],
    [93_784, "dtdurations", "1 d 2 h"],
  ])("of %s in %s reads %s", (value, unit, text) => {
    expect(showText(value, unit)).toBe(text);
  });
});

describe("a series' name", () => {
  it("is its legend with the labels filled in, or what Prometheus would write", () => {
    expect(nameOf({ job: "a" }, "{{job}} of {{ missing }}", "up")).toBe("a of ");
    expect(nameOf({ __name__: "up", job: "a" }, "", "up")).toBe('up{job="a"}');
    expect(nameOf({}, undefined, "sum(up)")).toBe("sum(up)");
  });
});

describe("a link", () => {
  const page = {
    dashboard: { ...dashboard, templating: { list: [service, { name: "environment", type: "datasource" }] } },
    choices: { service: ["redis", "a&b"], environment: ["prometheus"] },
    time: { from: "now-6h", to: "now" },
    range: { from: 1_000, to: 22_600 },
    base: "http://viewer/d/a",
  };
  const to = (url: string, more: Partial<Link> = {}) =>
    addressOf({ title: "There", url, ...more }, page, { job: "x y", $service: "z" }, 7);

  it("takes the time range and the variables along", () => {
    expect(to("/d/b?${__url_time_range}")).toBe("http://viewer/d/b?from=now-6h&to=now");
    expect(to("/d/b?${__all_variables}")).toBe(
      "http://viewer/d/b?var-service=redis&var-service=a%26b&var-environment=prometheus",
    );
    expect(to("/d/b?${service:queryparam}&from=${__from}&to=${__to}")).toBe(
      "http://viewer/d/b?var-service=redis&var-service=a%26b&from=1000000&to=22600000",
    );
    expect(to("/d/b?x=$service")).toBe("http://viewer/d/b?x={redis,a&b}");
    expect(to("/d/b?a=1", { keepTime: true, includeVars: true })).toBe(
      "http://viewer/d/b?a=1&from=now-6h&to=now&var-service=redis&var-service=a%26b&var-environment=prometheus",
    );
  });

  it("takes along what it stands on", () => {
    expect(to("/d/b?var-job=${__field.labels.job:percentencode}&v=${__value.raw}&${__url_time_range}")).toBe(
      "http://viewer/d/b?var-job=x%20y&v=7&from=now-6h&to=now",
    );
  });

  it("takes every value of a variable as Grafana writes it", () => {
    const every = { ...page, choices: { service: ["$__all"] } };
    const href = addressOf({ title: "There", url: "/d/b?${__all_variables}" }, every);
    expect(href).toBe("http://viewer/d/b?var-service=%24__all");
    expect(choicesOf(page.dashboard, new URL(href ?? "").searchParams).service).toEqual(["$__all"]);
  });

  it("leads to no other scheme than http", () => {
    expect(to("javascript:alert(1)")).toBeUndefined();
    expect(to("https://elsewhere/x")).toBe("https://elsewhere/x");
  });
});
