// One panel on the page: its title, its state, and what it draws or why it cannot.
import { aboutButton } from "./about.ts";
import { QueryError } from "./ask.ts";
import { el, icon, icons } from "./dom.ts";
import { goTo, type Place, placeIn } from "./focus.ts";
import { type Context, loadPanel } from "./load.ts";
import type { Mark, Panel, PanelData } from "./model.ts";
import { views } from "./panels/index.ts";
import { limited, shownOf } from "./panels/limits.ts";
import { anchor, type View, type ViewContext } from "./panels/view.ts";

export interface Card {
  readonly root: HTMLElement;
  /** Asks anew and draws; the marks come into the picture whenever they come. Never throws. */
  readonly load: (context: Context, marks: Promise<readonly Mark[]>) => Promise<void>;
  readonly redraw: () => void;
  readonly destroy: () => void;
}

/** So long a panel that has nothing yet waits without a word, in milliseconds. */
const silentMs = 4_000;

export function makeCard(panel: Panel, context: ViewContext, viewHref: string, viewTitle: string): Card {
  const box = el("div", { class: "panel-box" });
  const leftOut = el("p", { class: "left-out", hidden: true });
  const note = el("div", { class: "panel-note", role: "status", tabindex: -1, hidden: true });
  const root = el(
    "section",
    { class: `panel panel-${panel.type}`, "data-panel": panel.id, "data-state": "loading", "aria-label": panel.title },
    el(
      "header",
      {},
      el("h2", { title: panel.title }, panel.title ?? ""),
      panel.description === undefined ? undefined : aboutButton(panel.description),
      ...linksOf(panel, context),
      el("a", { class: "quiet view", href: viewHref, "aria-label": viewTitle, title: viewTitle }, icon(icons.expand)),
    ),
    el("div", { class: "panel-body" }, box, leftOut, note),
  );
  let view: View | undefined = views[panel.type]?.(box, panel, context);
  let data: PanelData | undefined;
  let loads = 0;
  /** Those of the last time, until new ones have come. */
  let marks: readonly Mark[] = [];
  /** Where the focus was before the panel had nothing more to show. */
  let before: Place | undefined;

  /** Words in the place of a picture; the focus stays in the panel. */
  const say = (state: string, text: string): void => {
    const within = placeIn(box);
    root.dataset.state = state;
    note.textContent = text;
    note.hidden = false;
    box.hidden = true;
    leftOut.hidden = true;
    if (within === undefined) return;
    before = within;
    note.focus({ preventScroll: true });
  };

  const draw = (loaded: PanelData): void => {
    const waits = document.activeElement === note;
    root.dataset.state = "ok";
    note.hidden = true;
    box.hidden = false;
    const shown = limited(panel.type, loaded);
    const less = shownOf(shown.frames.length, loaded.frames.length, loaded.total, "series");
    leftOut.textContent = less ?? "";
    leftOut.hidden = less === undefined;
    view?.draw(shown);
    if (waits && before !== undefined) goTo(box, before);
  };

  const redraw = (): void => {
    if (data !== undefined && !box.hidden) draw(data);
  };

  const take = (loaded: PanelData): void => {
    data = loaded;
    const points = loaded.frames.reduce((sum, { values }) => sum + values.filter((value) => value !== null).length, 0);
    root.dataset.frames = String(loaded.frames.length);
    root.dataset.points = String(points);
    const healthy = panel.fieldConfig?.defaults.noValue;
    if (points > 0 || panel.type === "text") draw(loaded);
    else if (healthy === undefined || loaded.untold) say("empty", "No data in this time range.");
    else say("clear", healthy);
  };

  const load: Card["load"] = async (query, coming) => {
    if (view === undefined)
      return say("unknown", `The viewer does not draw panels of the kind "${panel.type}". Grafana does.`);
    const mine = ++loads;
    root.dataset.busy = "";
    const wait = setTimeout(() => {
      if (root.dataset.state === "loading") say("loading", "Still waiting for Prometheus.");
    }, silentMs);
    try {
      const loaded = await loadPanel(panel, query, box.clientWidth || root.clientWidth);
      if (query.signal.aborted) return;
      take({ ...loaded, marks });
      const found = await coming;
      if (query.signal.aborted || JSON.stringify(found) === JSON.stringify(marks)) return;
      marks = found;
      take({ ...loaded, marks });
    } catch (error) {
      if (query.signal.aborted) return;
      root.dataset.points = "0";
      data = undefined;
      const known = error instanceof QueryError;
      say("error", known ? error.message : `The viewer failed to draw this panel: ${String(error)}`);
      if (!known) console.error(error);
    } finally {
      clearTimeout(wait);
      if (mine === loads) delete root.dataset.busy;
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

/** A panel's own links stand beside its title. */
const linksOf = ({ links = [] }: Panel, { href }: ViewContext): readonly HTMLElement[] =>
  links.flatMap((link) => {
    const address = href(link);
    if (address === undefined) return [];
    return [el("a", { class: "quiet", ...anchor(link, address), "aria-label": link.title }, icon(icons.link))];
  });
