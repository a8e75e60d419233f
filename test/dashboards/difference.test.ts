// An export from Grafana beside the code: what somebody changed is told, what Grafana adds by itself is not.
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../components/config.ts";
import { differences, readExport, tell } from "../../dashboards/difference.ts";
import type { Dashboard } from "../../dashboards/grafana.ts";
import { dashboardFiles } from "../../dashboards/index.ts";

const config = loadConfig({ environment: "dev", values: { demo: "true" }, secretKeys: [] });
const code = dashboardFiles({ config, services: [] })["overview.json"] as unknown as Dashboard;

/** As Grafana writes it: with numbers of its own, defaults, and what is empty left out. */
function exported(change: (panels: Record<string, unknown>[]) => void = () => undefined): string {
  const copy = JSON.parse(JSON.stringify(code)) as Record<string, unknown> & { panels: Record<string, unknown>[] };
  for (const panel of copy.panels)
    Object.assign(panel, { links: [], ...panel, pluginVersion: "12.1.0", transparent: false });
  change(copy.panels);
  const { links: _, ...annotated } = copy;
  const saved = {
    ...annotated,
    links: copy.links,
    id: 42,
    version: 7,
    tags: ["vitals", "prod"],
    weekStart: "",
    preload: false,
  };
  return JSON.stringify({ meta: { slug: "overview" }, dashboard: saved });
}
const told = (text: string) => differences(code, readExport(text, "export.json")).map(tell);
const called = (panels: Record<string, unknown>[], title: string) =>
  panels.find((panel) => panel.title === title) ?? {};

describe("an export from Grafana", () => {
  it("without a change is as in the code, whatever Grafana adds", () => {
    expect(told(exported())).toEqual([]);
    expect(told(JSON.stringify(code))).toEqual([]);
  });

  it("tells a query, a unit and a place that were changed, with both texts", () => {
    const text = exported((panels) => {
      const panel = called(panels, "Requests by service") as {
        targets: { expr: string }[];
        fieldConfig: { defaults: { unit: string } };
      };
      (panel.targets[0] as { expr: string }).expr = "sum(rate(http_requests_total[5m]))";
      panel.fieldConfig.defaults.unit = "short";
    });
    const [query, unit, ...more] = told(text);
    expect(query).toMatch(
      /^Requests by service: targets\.A\.expr\n {2}- sum .*\n {2}\+ sum\(rate\(http_requests_total\[5m\]\)\)$/,
    );
    expect(unit).toBe("Requests by service: fieldConfig.defaults.unit\n  - reqps\n  + short");
    expect(more).toEqual([]);
  });

  it("tells panels and queries that came and went", () => {
    const text = exported((panels) => {
      panels.splice(
        panels.findIndex(({ title }) => title === "Requests by service"),
        1,
        { title: "Mine", type: "stat" },
      );
    });
    const lines = told(text);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^Requests by service\n {2}- \{/);
    expect(lines[1]).toBe('Mine\n  + {"title":"Mine","type":"stat"}');
  });

  it.each(["{", "[]", '{"apiVersion":"dashboard.grafana.app/v2beta1","spec":{"elements":{}}}', '{"uid":"a"}'])(
    "is refused with a remedy when it is %s",
    (text) => {
      expect(() => readExport(text, "export.json")).toThrow(/export\.json[\s\S]*classic format/);
    },
  );
});
