// The viewer's page: the list of dashboards, or one dashboard with its controls, kept up to date.
import type { Card } from "./card.ts";
import { refreshControl, timeControl, variableControl } from "./controls.ts";
import { el, icon, icons } from "./dom.ts";
import { keepFocus, type Place, placeIn, stopAt } from "./focus.ts";
import { frame, main, notice, type Summary, withTime } from "./frame.ts";
import { gather } from "./gather.ts";
import { makeGrid } from "./grid.ts";
import { addressOf } from "./links.ts";
import { type Context, loadVariable } from "./load.ts";
import { loadMarks } from "./marks.ts";
import { type Dashboard, panelsOf } from "./model.ts";
import { readAddress, timeOf, withParameters } from "./page.ts";
import type { ViewContext } from "./panels/view.ts";
import { onTheme } from "./theme.ts";
import { rangeOf, seconds } from "./time.ts";
import { choicesOf, dependentsOf, variablesOf } from "./variables.ts";

const scrapeSeconds = Number(document.documentElement.dataset.scrapeSeconds ?? "15");

let cards: readonly Card[] = [];
let round: AbortController | undefined;
let timer = 0;
/** What is shown: only another page begins at its top. */
let shown = "";
let generation = 0;

const ask = gather((path, init) => fetch(path, init));

/** The viewer's own server cannot be had, or says what it should not. */
class Away extends Error {}

const getJson = async (path: string): Promise<unknown> => {
  try {
    const response = await fetch(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(15_000),
    });
    if (!response.ok && response.status !== 404) throw new Error(`it answers ${response.status}`);
    return response.status === 404 ? undefined : await response.json();
  } catch (error) {
    throw new Away(`${path}: ${String(error)}`);
  }
};

/** Goes to another address of this page without loading it anew. */
function go(href: string): void {
  history.pushState(null, "", href);
  void show();
}

async function show(): Promise<void> {
  const mine = ++generation;
  stop();
  main.setAttribute("aria-busy", "true");
  const address = readAddress(location);
  document.documentElement.classList.toggle("bare", address.bare);
  try {
    const list = ((await getJson("/api/search")) ?? []) as readonly Summary[];
    if (address.uid === undefined) {
      const problems = ((await getJson("/api/problems")) ?? []) as readonly string[];
      if (mine === generation) showList(list, problems);
      return;
    }
    const found = (await getJson(`/api/dashboards/uid/${encodeURIComponent(address.uid)}`)) as
      | { dashboard: Dashboard; meta: { version: string } }
      | undefined;
    if (mine !== generation) return;
    if (found === undefined) {
      document.title = "No such dashboard · Vitals";
      return put(list, [notice(`There is no dashboard "${address.uid}".`, "Choose one above.")]);
    }
    await showDashboard(found.dashboard, found.meta.version, list, () => mine === generation);
  } catch (error) {
    if (mine !== generation) return;
    console.error(error);
    if (error instanceof Away) {
      put([], [notice("The viewer does not answer.", "The page tries again every few seconds.")]);
      timer = window.setTimeout(() => void show(), 5_000);
    } else put([], [notice("The viewer cannot draw this dashboard.", `Grafana may: ${String(error)}`)]);
  }
}

function stop(): void {
  window.clearTimeout(timer);
  round?.abort();
}

/** What the page shows from now on. Until then it shows what it showed, and stays where it was scrolled to. */
function put(
  list: readonly Summary[],
  content: readonly (Node | string)[],
  more: {
    readonly dashboard?: Dashboard;
    readonly controls?: readonly HTMLElement[];
    readonly cards?: readonly Card[];
  } = {},
): void {
  const place = placeIn(document.body);
  for (const card of cards) card.destroy();
  cards = more.cards ?? [];
  main.replaceChildren(...content);
  main.removeAttribute("aria-busy");
  frame(list, more.dashboard, more.controls ?? []);
  const now = `${location.pathname} ${readAddress(location).panel ?? ""}`;
  const moved = shown !== now;
  shown = now;
  if (moved) scrollTo(0, 0);
  refocus(place, moved);
}

function showList(list: readonly Summary[], problems: readonly string[]): void {
  document.title = "Dashboards · Vitals";
  put(list, [
    el("h1", {}, "Dashboards"),
    ...problems.map((problem) => notice("A dashboard cannot be shown.", problem)),
    el(
      "div",
      { class: "cards" },
      ...list.map(({ title, description, url }) =>
        el("a", { class: "card", href: url }, el("h2", {}, title), el("p", {}, description)),
      ),
    ),
    list.length === 0 ? notice("There are no dashboards yet.", "They appear as soon as their files do.") : "",
  ]);
}

async function showDashboard(
  dashboard: Dashboard,
  version: string,
  list: readonly Summary[],
  isCurrent: () => boolean,
): Promise<void> {
  const address = readAddress(location);
  const time = timeOf(address, dashboard);
  const zone = dashboard.timezone ?? "browser";
  const refresh = address.refresh ?? dashboard.refresh ?? "";
  const single = panelsOf(dashboard).find(({ id }) => id === address.panel);
  document.title = `${single?.title === undefined ? "" : `${single.title} · `}${dashboard.title} · Vitals`;

  const variables = el("div", { class: "variables" });
  const set = (changes: Readonly<Record<string, string | readonly string[] | undefined>>): void =>
    go(withParameters(location.href, changes));
  const zoomOut = (): void => {
    const { from, to } = rangeOf(time.from, time.to, Date.now() / 1_000);
    const half = to - from;
    set({
      from: String(Math.round((from - half / 2) * 1_000)),
      to: String(Math.round(Math.min(to + half / 2, Date.now() / 1_000) * 1_000)),
    });
  };
  const controls = [
    variables,
    timeControl(time, zone, (from, to) => set({ from, to })),
    el(
      "button",
      { type: "button", class: "control", title: "Twice the time range", "aria-label": "Zoom out", onclick: zoomOut },
      icon(icons.zoom),
    ),
    refreshControl(
      refresh,
      () => void update(),
      (interval) => set({ refresh: interval }),
    ),
  ];

  const page = {
    dashboard,
    choices: choicesOf(dashboard, address.search),
    time,
    range: rangeOf(time.from, time.to, Date.now() / 1_000),
    base: location.href,
  };
  const context: ViewContext = {
    zone,
    zoom: (from, to) => set({ from: String(Math.round(from * 1_000)), to: String(Math.round(to * 1_000)) }),
    href: (link, labels, value) => addressOf(link, page, labels, value),
  };
  const grid = makeGrid(dashboard, single, context, location.href);
  const lost = address.panel !== undefined && single === undefined;
  drawVariables({ ...page, scrapeSeconds, signal: AbortSignal.timeout(30_000), fetch: ask }, variables, set);
  const content = [
    el("h1", { class: "seen-by-readers" }, dashboard.title),
    lost ? notice("This dashboard does not have that panel.", "All of its panels are below.") : "",
    grid.root,
  ];
  put(list, content, { dashboard, controls, cards: grid.cards });
  await update();

  async function update(): Promise<void> {
    window.clearTimeout(timer);
    round?.abort();
    const own = new AbortController();
    round = own;
    const query: Context = {
      dashboard,
      choices: page.choices,
      range: rangeOf(time.from, time.to, Date.now() / 1_000),
      scrapeSeconds,
      signal: own.signal,
      fetch: ask,
    };
    const marks = loadMarks(query);
    await Promise.all(grid.cards.map((card) => card.load(query, marks)));
    if (own.signal.aborted) return;
    const interval = seconds(refresh);
    if (interval !== undefined) timer = window.setTimeout(() => void next(), Math.max(interval, 2) * 1_000);
  }

  async function next(): Promise<void> {
    // A hidden page asks nothing; it catches up when it is seen again.
    if (!isCurrent()) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", () => void next(), { once: true });
      return;
    }
    const found = (await getJson(`/api/dashboards/uid/${encodeURIComponent(dashboard.uid)}`).catch(() => undefined)) as
      | { meta: { version: string } }
      | undefined;
    if (!isCurrent()) return;
    if (found !== undefined && found.meta.version !== version) await show();
    else await update();
  }
}

/** Asks for what each variable offers, and shows it. */
function drawVariables(
  context: Context,
  box: HTMLElement,
  set: (changes: Readonly<Record<string, readonly string[] | undefined>>) => void,
): void {
  const { dashboard, choices } = context;
  for (const variable of variablesOf(dashboard)) {
    // There is one Prometheus to ask.
    if (variable.hide === 2 || variable.type === "datasource") continue;
    const chosen = choices[variable.name] ?? [];
    const place = el("span", {});
    const choose = (picked: readonly string[]): void =>
      set({
        // Values of another database, say, would leave its panels empty.
        ...Object.fromEntries(dependentsOf(dashboard, variable.name).map((name) => [`var-${name}`, undefined])),
        [`var-${variable.name}`]: picked,
      });
    const draw = (values: readonly string[]): void =>
      keepFocus(place, () => place.replaceChildren(variableControl(variable, chosen, values, choose)));
    draw([]);
    box.append(place);
    // Without its values a variable keeps what is chosen; the panels say what is wrong.
    loadVariable(variable, context).then(draw, () => {});
  }
}

/** Who was on something is on it again; else in the same panel, or at the beginning of what came in its place. */
function refocus(place: Place | undefined, moved: boolean): void {
  if (place === undefined || document.activeElement !== document.body) return;
  const panel = main.querySelector(`[data-panel="${place.panel ?? "none"}"]`);
  const stop =
    panel === null ? stopAt(document.body, place) : (stopAt(panel, place) ?? panel.querySelector<HTMLElement>(".view"));
  (stop ?? main).focus({ preventScroll: !moved });
}

document.addEventListener("click", (event) => {
  const link = (event.target as Element | null)?.closest("a");
  if (link === null || link === undefined || link.origin !== location.origin || link.target !== "") return;
  if (link.pathname === "/explore" || link.pathname.startsWith("/trace/")) return;
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.hash !== "" && link.pathname === location.pathname) return main.focus();
  // A tab drawn before the last change of the time range still leads to the range as it is now.
  go(link.closest("nav") === null ? link.pathname + link.search : withTime(link.pathname));
});
document.addEventListener("keydown", (event) => {
  if ((event.target as Element).matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey)
    return;
  if (
    event.key === "Escape" &&
    readAddress(location).panel !== undefined &&
    document.querySelector(":popover-open") === null
  )
    go(withParameters(location.href, { viewPanel: undefined }));
  if (event.key === "r") void show();
});
window.addEventListener("popstate", () => void show());
onTheme(() => {
  for (const card of cards) card.redraw();
});
void show();
