// One panel on the page: its title, its state, and what it draws or why it cannot.
import { type Context, loadPanel, QueryError } from "./api.ts";
import { el, icon, icons } from "./dom.ts";
import type { Panel, PanelData } from "./model.ts";
import { views } from "./panels/index.ts";
import { anchor, type View, type ViewContext } from "./panels/view.ts";

export interface Card {
  readonly root: HTMLElement;
  /** Asks anew and draws; never throws. */
  readonly load: (context: Context) => Promise<void>;
  readonly redraw: () => void;
  readonly destroy: () => void;
}

let tips = 0;

export function makeCard(panel: Panel, context: ViewContext, viewHref: string, viewTitle: string): Card {
  const box = el("div", { class: "panel-box" });
  const note = el("div", { class: "panel-note", role: "status", hidden: true });
  const tip = `tip-${++tips}`;
  const about = panel.description ?? "";
  const links = (panel.links ?? []).flatMap((link) => {
    const href = context.href(link);
    if (href === undefined) return [];
    return [el("a", { class: "quiet", ...anchor(link, href), "aria-label": link.title }, icon(icons.link))];
  });
  const root = el(
    "section",
    { class: `panel panel-${panel.type}`, "data-panel": panel.id, "data-state": "loading", "aria-label": panel.title },
    el(
      "header",
      {},
      el("h2", { title: panel.title }, panel.title ?? ""),
      about === ""
        ? undefined
        : el(
            "span",
            { class: "about" },
            el(
              "button",
              { type: "button", class: "quiet", "aria-label": "About this panel", "aria-describedby": tip },
              icon(icons.info),
            ),
            el("span", { class: "tip", role: "tooltip", id: tip }, about),
          ),
      ...links,
      el("a", { class: "quiet view", href: viewHref, "aria-label": viewTitle, title: viewTitle }, icon(icons.expand)),
    ),
    el("div", { class: "panel-body" }, box, note),
  );
  const make = views[panel.type];
  let view: View | undefined = make?.(box, panel, context);
  let data: PanelData | undefined;

  const mark = (state: string, text: string): void => {
    root.dataset.state = state;
    note.hidden = text === "";
    note.textContent = text;
    box.hidden = text !== "";
  };

  const redraw = (): void => {
    if (data === undefined || box.hidden) return;
    view?.draw(data);
  };

  const load = async (query: Context): Promise<void> => {
    if (view === undefined)
      return mark("unknown", `The viewer does not draw panels of the kind "${panel.type}". Grafana does.`);
    root.dataset.busy = "";
    try {
      const loaded = await loadPanel(panel, query, box.clientWidth || root.clientWidth);
      if (query.signal.aborted) return;
      const points = loaded.frames.reduce(
        (sum, { values }) => sum + values.filter((value) => value !== null).length,
        0,
      );
      root.dataset.frames = String(loaded.frames.length);
      root.dataset.points = String(points);
      data = loaded;
      if (points === 0 && panel.type !== "text") {
        const said = panel.fieldConfig?.defaults.noValue;
        mark(said === undefined ? "empty" : "clear", said ?? "No data in this time range.");
      } else {
        mark("ok", "");
        view.draw(loaded);
      }
    } catch (error) {
      if (query.signal.aborted) return;
      root.dataset.points = "0";
      data = undefined;
      mark(
        "error",
        error instanceof QueryError ? error.message : `The viewer failed to draw this panel: ${String(error)}`,
      );
      if (!(error instanceof QueryError)) console.error(error);
    } finally {
      delete root.dataset.busy;
    }
  };

  let resizing = 0;
  const observer = new ResizeObserver(() => {
    cancelAnimationFrame(resizing);
    resizing = requestAnimationFrame(redraw);
  });
  observer.observe(box);

  const destroy = (): void => {
    observer.disconnect();
    cancelAnimationFrame(resizing);
    view?.destroy();
    view = undefined;
    root.remove();
  };
  return { root, load, redraw, destroy };
}
