// Which panel shows what an alert measures: the one that draws the most of its metrics, of the dashboard that the alert prefers if it can be.
import { findSeries } from "../telemetry/catalogue/index.ts";
import type { Dashboard, Panel } from "./grafana.ts";
import { dashboardUid } from "./link.ts";

interface Shown {
  readonly uid: string;
  readonly id: number;
  readonly metrics: ReadonlySet<string>;
}

/** The path to the best panel for an expression; to the dashboard where no panel has to do with it, and to the first one where that is not there. */
export function showing(dashboards: readonly Dashboard[]): (expression: string, preferred: string) => string {
  const shown = dashboards.flatMap(({ uid = "", panels = [] }) => panels.flatMap((panel) => panelOf(uid, panel)));
  const uids = new Set(dashboards.map(({ uid }) => uid));
  return (expression, preferred) => {
    const metrics = metricsIn(expression);
    const drawn = (panel: Shown): number => [...metrics].filter((metric) => panel.metrics.has(metric)).length;
    // Of those that draw as much, one of the preferred dashboard, and of these one that draws little else.
    const [best] = shown
      .filter((panel) => drawn(panel) > 0)
      .toSorted(
        (left, right) =>
          Number(right.uid === preferred) - Number(left.uid === preferred) ||
          drawn(right) - drawn(left) ||
          left.metrics.size - right.metrics.size,
      );
    if (best !== undefined) return `/d/${best.uid}?viewPanel=panel-${best.id}`;
    return `/d/${uids.has(preferred) ? preferred : dashboardUid("overview")}`;
  };
}

function panelOf(uid: string, panel: Exclude<Dashboard["panels"], undefined>[number]): readonly Shown[] {
  if (panel.type === "row" || panel.id === undefined) return [];
  const expressions = ((panel as Panel).targets ?? [])
    .map((target) => target as { readonly expr?: unknown; readonly hide?: boolean })
    .flatMap(({ expr, hide }) => (hide === true ? [] : String(expr)));
  return [{ uid, id: panel.id, metrics: metricsIn(expressions.join(" ")) }];
}

/** The parts of a histogram are that histogram. */
const metricsIn = (expression: string): ReadonlySet<string> =>
  new Set([...expression.matchAll(/[a-zA-Z_:][\w:]*/g)].flatMap(([name]) => findSeries(name)?.metric ?? []));
