// What holds for every dashboard and every panel of every stack.
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { query } from "../../dashboards/panels.ts";
import { neededMetrics } from "../../dashboards/verify-items.ts";
import { type Panel, panelsOf } from "../../dashboards/viewer/browser/model.ts";
import { findSeries } from "../../telemetry/catalogue/index.ts";
import { agg, sel } from "../../telemetry/promql.ts";
import { checkExpression, labelsOfExpression } from "../../telemetry/promql-check.ts";
import { exprOf, stacks } from "./made.ts";

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

  it("read the buckets of exemplars once, not at each step: for thirty days that takes longer than all else", () => {
    const asked = panels.flatMap(([, { targets = [] }]) => targets.filter(({ exemplar }) => exemplar === true));
    for (const { expr } of asked) expect(expr).toMatch(/ @ end\(\) < 0$/);
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
          .filter(
            ({ expr, exemplar, hide }) =>
              exemplar !== true && hide !== true && labelsOfExpression(exprOf(expr)).has("instance"),
          )
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

  it("say that there is nothing to show only where a query asks whether somebody would know", () => {
    for (const [dashboard, { title, fieldConfig, targets = [] }] of panels) {
      const hidden = targets.filter(({ hide }) => hide === true);
      expect(hidden, `${dashboard.title}: ${title}`).toHaveLength(fieldConfig?.defaults.noValue === undefined ? 0 : 1);
    }
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
