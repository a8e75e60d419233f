// The panels of a dashboard in their places, or one of them alone.
import { type Card, makeCard } from "./card.ts";
import { el } from "./dom.ts";
import type { Dashboard, Panel } from "./model.ts";
import { withParameters } from "./page.ts";
import type { ViewContext } from "./panels/view.ts";

/** `href` is the page's own address. */
export function makeGrid(
  dashboard: Dashboard,
  single: Panel | undefined,
  context: ViewContext,
  href: string,
): { readonly cards: readonly Card[]; readonly root: HTMLElement } {
  const cards: Card[] = [];
  const root = el("div", { class: single === undefined ? "grid" : "single" });
  const add = (panel: Panel): void => {
    const alone = single !== undefined;
    const viewHref = withParameters(href, { viewPanel: alone ? undefined : `panel-${panel.id}` });
    const card = makeCard(panel, context, viewHref, alone ? "Back to the dashboard" : "View this panel alone");
    const { x, y, w, h } = panel.gridPos;
    for (const [name, value] of Object.entries({ "--x": x + 1, "--y": y + 1, "--w": w, "--h": h }))
      card.root.style.setProperty(name, String(value));
    card.root.classList.toggle("narrow", w <= 6 && h <= 5);
    cards.push(card);
    root.append(card.root);
  };
  for (const panel of single === undefined ? dashboard.panels : [single]) {
    if (panel.type !== "row") {
      add(panel);
      continue;
    }
    const row = el("h2", { class: "row" }, panel.title ?? "");
    row.style.setProperty("--y", String(panel.gridPos.y + 1));
    root.append(row);
    // A collapsed row keeps its panels to itself; here they simply follow it.
    for (const inner of panel.panels ?? []) add(inner);
  }
  return { cards, root };
}
