import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { finish } from "../../alerts/finish.ts";
import { topics } from "../../alerts/index.ts";
import { loadConfig } from "../../components/config.ts";
import { outsideUrl } from "../../components/spec.ts";
import { type DashboardInput, dashboardFiles, dashboards, panelFor, panelPath } from "../../dashboards/index.ts";
import { query } from "../../dashboards/panels.ts";
import { neededMetrics } from "../../dashboards/verify-items.ts";
import { type Dashboard, type Panel, panelsOf } from "../../dashboards/viewer/browser/model.ts";
import { findSeries } from "../../telemetry/catalogue/index.ts";
import { agg, sel } from "../../telemetry/promql.ts";
import { checkExpression, labelsOfExpression } from "../../telemetry/promql-check.ts";

const services = ["redis", "prometheus", "gateway", "slack-relay"].map((name) => ({
  name,
  owner: "platform",
  about: "",
  hasMetrics: true,
}));
const backup = {
  ...services[0],
  name: "prometheus-backup",
  about: "",
  owner: "platform",
  hasMetrics: false,
  ends: true,
  backsUp: "prometheus",
};
const billing = JSON.stringify([
  { name: "billing", owner: "payments", metrics: { address: "127.0.0.1:9999" }, slo: { availability: 0.999 } },
]);
const configOf = (values: Readonly<Record<string, string>>) =>
  loadConfig({ environment: "dev", values, secretKeys: [] });
const made = (values: Readonly<Record<string, string>>): readonly Dashboard[] =>
  Object.values(dashboardFiles({ config: configOf(values), services })) as unknown as readonly Dashboard[];

const stacks: Readonly<Record<string, readonly Dashboard[]>> = {
  "with the demo": made({ demo: "true" }),
  "without anything of its own": made({}),
  "on Kubernetes": made({ platform: "kubernetes" }),
  "with a service that has an objective": made({
    services: billing,
  }),
};
/** A link to another panel or a variable makes no metric. */
const exprOf = (text: string): string => text.replaceAll(/\$(?:service|database|integration|job|instance)/g, ".*");

/** Counters that no function over a range reads. */
function bareCounters(expr: string): readonly string[] {
  const bare: string[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.name === "MatrixSelector") return;
    const name = node.name === "VectorSelector" ? node.getChild("Identifier") : null;
    const metric = name === null ? "" : expr.slice(name.from, name.to);
    if (findSeries(metric)?.kind === "counter") bare.push(metric);
    for (let child = node.firstChild; child !== null; child = child.nextSibling) visit(child);
  };
  visit(parser.parse(expr).topNode);
  return bare;
}

describe.each(Object.entries(stacks))("the dashboards of a stack %s", (_, files) => {
  const panels = files.flatMap((dashboard) => panelsOf(dashboard).map((panel) => [dashboard, panel] as const));

  it("have a uid of their own, from the stem of their file", () => {
    const uids = files.map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    expect(uids).toContain("vitals-overview");
  });

  it("give every panel a unit, a description, a title of its own and a number of its own", () => {
    expect(panels.length).toBeGreaterThan(5);
    for (const [dashboard, panel] of panels) {
      expect(panel.fieldConfig?.defaults.unit, `${panel.title}: unit`).toMatch(/./);
      expect(panel.description?.length ?? 0, `${panel.title}: description`).toBeGreaterThan(20);
      const same = (other: Panel): boolean => other !== panel && (other.id === panel.id || other.title === panel.title);
      expect(
        dashboard.panels.filter(same).map(({ title }) => title),
        `${panel.title}: twice`,
      ).toEqual([]);
    }
  });

  it("ask the environment's Prometheus, which is the provisioned one until another is chosen", () => {
    for (const { templating } of files)
      expect(templating?.list?.[0]).toMatchObject({
        type: "datasource",
        query: "prometheus",
        current: { value: "prometheus" },
      });
    for (const [, panel] of panels) {
      const sources = [panel, ...(panel.targets ?? [])].map((each) => (each as { datasource?: unknown }).datasource);
      for (const source of sources) expect(source).toEqual({ type: "prometheus", uid: "$environment" });
    }
  });

  // As Grafana's dashboard-linter wants it; its rules on Loki, and on variables called job and instance, are not for these.
  it("cannot be edited, ask in every panel, and read variables anew for each time range", () => {
    for (const { panels: placed, templating, ...rest } of files) {
      expect(rest).toMatchObject({ editable: false });
      for (const { type, title, targets = [] } of placed)
        if (type !== "row") expect(targets.length, title).toBeGreaterThan(0);
      for (const { type, name, ...variable } of templating?.list ?? [])
        if (type === "query") expect(variable, name).toMatchObject({ refresh: 2 });
    }
  });

  it("show no counter as it stands: how it grows, or that it has grown, is what says something", () => {
    const bare = panels.flatMap(([, { title, targets = [] }]) =>
      // Of exemplars nothing but the single measurements is shown.
      targets
        .filter(({ exemplar }) => exemplar !== true)
        .flatMap(({ expr }) => bareCounters(exprOf(expr)).map((name) => `${title}: ${name}`)),
    );
    expect(bare).toEqual([]);
  });

  it("place no panel on another and none beside the grid", () => {
    for (const { panels: placed } of files)
      for (const [index, { gridPos: a, title }] of placed.entries()) {
        expect(a.x >= 0 && a.x + a.w <= 24 && a.w > 0 && a.h > 0, `${title}: beside the grid`).toBe(true);
        const hits = placed
          .slice(index + 1)
          .filter(({ gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h);
        expect(
          hits.map((hit) => hit.title),
          `${title}: lies on another`,
        ).toEqual([]);
      }
  });

  it("query what the catalogue has, and nothing else", () => {
    const asked = [
      ...panels.flatMap(([, { title, targets }]) => (targets ?? []).map(({ expr }) => [title, expr] as const)),
      ...files.flatMap(({ annotations }) =>
        (annotations?.list ?? []).map(({ name, target }) => [name, target?.expr ?? ""] as const),
      ),
    ];
    const wrong = asked.flatMap(([title, expr]) =>
      checkExpression(exprOf(expr)).map(({ where, what }) => `${title}: ${where} ${what}`),
    );
    expect(wrong).toEqual([]);
  });

  it("let Grafana choose the window of every rate in a graph", () => {
    for (const [, panel] of panels)
      for (const { expr } of panel.targets ?? [])
        for (const [, window] of expr.matchAll(/(?:rate|increase)\([^[]*\[([^\]]+)\]/g))
          expect(window, `${panel.title}: ${expr}`).toMatch(/^\$__(?:rate_interval|range)$/);
  });

  it("use each variable that they declare, and declare each that they use", () => {
    for (const { panels: all, templating } of files) {
      const text = JSON.stringify(all);
      const declared = (templating?.list ?? []).map(({ name }) => name);
      for (const name of declared) expect(text, name).toContain(`$${name}`);
      const used = [...text.matchAll(/\$([a-z]\w*)/g)].map(([, name]) => name);
      expect(used.filter((name) => !declared.includes(name ?? ""))).toEqual([]);
    }
  });

  it("let each instance be chosen where a line or a row is an instance's", () => {
    for (const { title: dashboard, panels: all, templating } of files) {
      const asked = all.flatMap(({ title, targets = [] }) =>
        targets
          .filter(({ expr, exemplar }) => exemplar !== true && labelsOfExpression(exprOf(expr)).has("instance"))
          .map(({ expr }) => ({ title, expr })),
      );
      for (const { title, expr } of asked) expect(expr, `${dashboard}: ${title}`).toContain('instance=~"$instance"');
      const variable = templating?.list?.find(({ name }) => name === "instance");
      if (asked.length > 0) expect(variable, dashboard).toMatchObject({ multi: true, includeAll: true });
    }
  });

  it("lead only to dashboards that are there, with the time and the environment of the page", () => {
    const uids = files.map(({ uid }) => uid);
    const links = panels.flatMap(([, { links: own = [], fieldConfig }]) => [
      ...own,
      ...(fieldConfig?.defaults.links ?? []),
    ]);
    expect(links.length).toBeGreaterThan(2);
    for (const { url } of links) {
      expect(url).toMatch(/^\/d\/[\w-]+\?\$\{__url_time_range\}&\$\{environment:queryparam\}$/);
      expect(uids).toContain(url?.slice(3, url.indexOf("?")));
    }
  });

  it("begin with one screen, whose numbers each lead to the dashboard that explains them", () => {
    const placed = files.find(({ uid }) => uid === "vitals-overview")?.panels ?? [];
    // A unit of the grid is 38 pixels, and a window of 800 has about 700 of them for the grid.
    expect(Math.max(...placed.map(({ gridPos: { y, h } }) => y + h))).toBeLessThanOrEqual(18);
    for (const { type, title, fieldConfig } of placed)
      if (type === "stat") expect(fieldConfig?.defaults.links, title).toHaveLength(1);
  });

  it("are green for want of data nowhere: what is zero when nothing is there to count needs something that counts", () => {
    for (const [dashboard, { title, type, targets = [] }] of panels)
      if (type === "stat")
        for (const { expr } of targets) expect(expr, `${dashboard.title}: ${title}`).not.toMatch(/or vector\(0\)$/);
  });

  it("ask no question twice on one dashboard", () => {
    for (const { panels: all } of files) {
      const asked = all
        .filter(({ type }) => type !== "row")
        .map(({ type, targets }) => JSON.stringify([type, targets]));
      expect(asked.filter((one, index) => asked.indexOf(one) !== index)).toEqual([]);
    }
  });
});

describe("the dashboards", () => {
  it("are the same for the same input", () => {
    expect(made({ demo: "true" })).toEqual(made({ demo: "true" }));
  });

  it("tell what each component costs on every platform, by what is measured there", () => {
    for (const platform of ["process", "docker", "kubernetes"]) {
      const stack = made({ platform }).find(({ uid }) => uid === "vitals-stack");
      const asked = (title: string) =>
        panelsOf(stack as Dashboard).find((panel) => panel.title === title)?.targets ?? [];
      const source = platform === "process" ? "supervisor_service_" : "process_";
      for (const [title, metric] of [
        ["Processor by service", "cpu_seconds_total"],
        ["Memory by service", "resident_memory_bytes"],
        ["Restarts", platform === "process" ? "restarts_total" : "start_time_seconds"],
      ] as const)
        expect(asked(title)[0]?.expr, `${platform}: ${title}`).toContain(source + metric);
      expect(asked("Cost by service"), platform).toHaveLength(4);
    }
  });

  it("leave out what an environment does not have", () => {
    const titles = (files: readonly Dashboard[]): readonly (string | undefined)[] =>
      files.flatMap(panelsOf).map(({ title }) => title);
    const exprs = (files: readonly Dashboard[]): string =>
      JSON.stringify(files.flatMap(panelsOf).map(({ targets }) => targets));
    expect(titles(stacks["with the demo"] ?? [])).toContain("Requests by service");
    expect(titles(stacks["without anything of its own"] ?? [])).not.toContain("Requests by service");
    expect(titles(stacks["without anything of its own"] ?? [])).toContain("Memory by service");
    expect(exprs(stacks["on Kubernetes"] ?? [])).not.toContain("supervisor_");
    expect(titles(stacks["on Kubernetes"] ?? [])).not.toContain("Disk free");
    expect(titles(stacks["with the demo"] ?? [])).not.toContain("billing: budget left, 30 days");
    expect(titles(stacks["with a service that has an objective"] ?? [])).toContain("billing: budget left, 30 days");
  });

  it("show PostgreSQL and Redis where db-stats has one, its own or one that somebody else runs", () => {
    const uids = (values: Readonly<Record<string, string>>) => made(values).map(({ uid }) => uid);
    const database = (kind: string) => ({
      databases: JSON.stringify([{ id: "billing", kind, address: "db.example.org:1", user: "vitals" }]),
    });
    expect(uids({ demo: "true" })).toContain("vitals-postgres");
    expect(uids({ demo: "true" })).toContain("vitals-cache");
    expect(uids({})).not.toContain("vitals-cache");
    expect(uids(database("postgres"))).toContain("vitals-postgres");
    expect(uids(database("redis"))).not.toContain("vitals-postgres");
    expect(uids({})).not.toContain("vitals-postgres");
    expect(uids({})).toContain("vitals-redis");
  });

  it("show the integrations where there are any, and mark in their graphs what vendors announce", () => {
    const shown = (values: Readonly<Record<string, string>>) =>
      made(values).find(({ uid }) => uid === "vitals-integrations");
    expect(shown({})).toBeUndefined();
    const one = { integrations: JSON.stringify([{ name: "payments", preset: "stripe" }]) };
    expect(shown(one)?.annotations?.list?.map(({ name }) => name)).toEqual(["Vendors' incidents", "Maintenance"]);
  });

  it("lead from every alert in a table to its runbook, where somebody serves these", () => {
    const runbooks = outsideUrl("integration-health/web", "/runbooks");
    const columns = (input: Partial<DashboardInput>) =>
      (Object.values(dashboardFiles({ config: configOf({}), services, ...input })) as unknown as readonly Dashboard[])
        .flatMap(panelsOf)
        .flatMap(({ title, fieldConfig }) =>
          (fieldConfig?.overrides ?? []).flatMap(({ matcher, properties }) =>
            properties.flatMap(({ id, value }) =>
              id === "links" && JSON.stringify(value).includes(JSON.stringify(runbooks))
                ? [`${title}: ${matcher.options}`]
                : [],
            ),
          ),
        );
    expect(columns({ runbooks })).toEqual([
      "What is wrong: Alert",
      "Noise by alert: Alert",
      "Longest under way: Alert",
    ]);
    expect(columns({})).toEqual([]);
  });

  it("have a line and a picture each in the documentation", () => {
    const docs = new URL("../../docs/", import.meta.url);
    const text = readFileSync(new URL("dashboards.md", docs), "utf8");
    for (const { name, title } of dashboards) {
      expect(text).toContain(`| [${title}](pictures/${name}.png) |`);
      expect(existsSync(new URL(`pictures/${name}.png`, docs)), name).toBe(true);
    }
  });

  it("are one file each, and each file is in the list", () => {
    const engine = [
      "costs",
      "database",
      "difference",
      "expressions",
      "finish",
      "grafana",
      "index",
      "integration-states",
      "link",
      "panels",
      "postgres-risks",
      "showing",
      "table",
      "variables",
      "verify",
      "verify-items",
      "watchers",
    ];
    const files = readdirSync(new URL("../../dashboards/", import.meta.url)).filter((name) => name.endsWith(".ts"));
    const leaves = files.map((name) => name.slice(0, -3)).filter((name) => !engine.includes(name));
    expect(dashboards.map(({ name }) => name).toSorted()).toEqual(leaves.toSorted());
  });

  it.each([
    // It measures nothing.
    ["of processes", { demo: "true", services: billing }, services, ["Watchdog"]],
    [
      "on Kubernetes",
      { platform: "kubernetes", demo: "true", backup: "{}", registry: "r.example.com/team" },
      [...services, backup],
      // No supervisor, so nothing that they could measure.
      ["ServiceFlapping", "Watchdog", "DiskFilling"],
    ],
  ] as const)(
    "are reached from every alert of a stack %s, by a panel that draws what it measures",
    (_, values, known, without) => {
      const input = { config: configOf(values), services: known };
      const files = Object.values(dashboardFiles(input)) as unknown as readonly Dashboard[];
      const nowhere = topics(input).flatMap(({ alerts }) =>
        alerts.flatMap((alert) => {
          const { path } = finish(alert, { panelFor: panelFor(input) }).annotations.dashboard_url as {
            readonly path: string;
          };
          const [, uid, id] = /^\/d\/([\w-]+)\?viewPanel=panel-(\d+)$/.exec(path) ?? [];
          const panel = files.find((file) => file.uid === uid)?.panels.find((each) => String(each.id) === id);
          return panel === undefined ? [alert.name] : [];
        }),
      );
      expect([...new Set(nowhere)]).toEqual(without);
    },
  );

  it("are preferred as an alert says, and Overview stands in for one that is not there", () => {
    const find = panelFor({ config: configOf({}), services });
    expect(find("up == 0", "vitals-stack")).toBe(panelPath("overview/targets-down"));
    for (const uid of ["vitals-redis", "vitals-overview"])
      expect(find("redis_up == 0", uid)).toMatch(`/d/${uid}?viewPanel=panel-`);
    expect(find("nobody_knows > 0", "vitals-stack")).toBe("/d/vitals-stack");
    expect(find("nobody_knows > 0", "vitals-integrations")).toBe("/d/vitals-overview");
  });
});

describe("a query", () => {
  it("does not compile with a label in its legend that its expression has lost", () => {
    const jobs = agg("sum", sel("up"), "job");
    expect(query(jobs, "{{job}} is up").legend).toBe("{{job}} is up");
    // @ts-expect-error `instance` is summed away.
    expect(query(jobs, "{{job}} {{instance}}").expr).toBe("sum by (job) (up)");
  });
});

describe("the metrics that an alert needs", () => {
  it("are those without which it cannot fire", () => {
    expect(neededMetrics("absent(up) or redis_up == 0")).toEqual([]);
    expect(neededMetrics("a_total / b_total > 0.1 unless on (job) c")).toEqual(["a_total", "b_total"]);
    expect(neededMetrics('sum by (job) (rate(a_total{code=~"5.."}[5m])) > 0 and ALERTS')).toEqual(["a_total"]);
  });
});

it("say nothing of what the configuration says of addresses, users, secrets and questions", () => {
  const config = loadConfig({
    environment: "dev",
    values: {
      databases: JSON.stringify([
        {
          id: "clinic",
          kind: "postgres",
          address: "mark-a.example:5432",
          user: "mark-user",
          passwordSecret: "markSecret",
        },
      ]),
      integrations: JSON.stringify([
        { name: "payments", probe: "http", url: "https://mark-b.example/mark-path", credentialSecret: "markKey" },
      ]),
      gateway: JSON.stringify({
        access: { issuer: "https://mark-e.example", audience: "mark-audience", jwksUrl: "https://mark-e.example/jwks" },
        upstreams: { "clinical-service": "https://mark-f.example" },
        errorReports: { dsnSecret: "markDsn", host: "mark-c.example" },
      }),
      pageReceiver: JSON.stringify({ kind: "webhook", urlSecret: "markPager", host: "mark-d.example" }),
      slackChannel: "#mark-channel",
    },
    secretKeys: ["markSecret", "markKey", "markDsn", "markPager"],
  });
  const text = JSON.stringify(dashboardFiles({ config, services }));
  expect(JSON.stringify(config).match(/mark/gi)?.length).toBeGreaterThan(8);
  expect(text.match(/.{20}mark[-A-Z].{20}/g)).toBeNull();
});
