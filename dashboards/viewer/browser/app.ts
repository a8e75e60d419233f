// The viewer's page: the list of dashboards, or one dashboard with its controls, kept up to date.
import { type Context, loadVariable } from "./api.ts";
import { type Card, makeCard } from "./card.ts";
import { refreshControl, timeControl, variableControl } from "./controls.ts";
import { el, icon, icons } from "./dom.ts";
import { frame, main, notice, type Summary, withTime } from "./frame.ts";
import { addressOf } from "./links.ts";
import { loadMarks } from "./marks.ts";
import { type Dashboard, type Panel, panelsOf } from "./model.ts";
import { readAddress, timeOf, withParameters } from "./page.ts";
import type { ViewContext } from "./panels/view.ts";
import { onTheme } from "./theme.ts";
import { rangeOf, seconds } from "./time.ts";
import { choicesOf, dependentsOf, variablesOf } from "./variables.ts";

const scrapeSeconds = Number(document.documentElement.dataset.scrapeSeconds ?? "15");

let cards: readonly Card[] = [];
let round: AbortController | undefined;
let timer = 0;
let version = "";
let generation = 0;

const getJson = async (path: string): Promise<unknown> => {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  if (!response.ok && response.status !== 404) throw new Error(`${path} answers ${response.status}`);
  return response.status === 404 ? undefined : response.json();
};

/** Goes to another address of this page without loading it anew. */
function go(href: string): void {
  history.pushState(null, "", href);
  void show();
}

async function show(): Promise<void> {
  const mine = ++generation;
  stop();
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
      frame(list, undefined, []);
      main.replaceChildren(notice(`There is no dashboard "${address.uid}".`, "Choose one above."));
      return;
    }
    version = found.meta.version;
    await showDashboard(found.dashboard, list);
  } catch (error) {
    if (mine !== generation) return;
    frame([], undefined, []);
    main.replaceChildren(notice("The viewer does not answer.", "The page tries again every few seconds."));
    console.error(error);
    timer = window.setTimeout(() => void show(), 5_000);
  }
}

function stop(): void {
  window.clearTimeout(timer);
  round?.abort();
  for (const card of cards) card.destroy();
  cards = [];
}

function showList(list: readonly Summary[], problems: readonly string[]): void {
  document.title = "Dashboards · Vitals";
  frame(list, undefined, []);
  main.replaceChildren(
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
  );
}

async function showDashboard(dashboard: Dashboard, list: readonly Summary[]): Promise<void> {
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
  frame(list, dashboard, [
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
  ]);

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
  drawGrid(dashboard, single, context);
  drawVariables(dashboard, variables, set);
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
      fetch: (path, init) => fetch(path, init),
    };
    const marked: Context = { ...query, marks: loadMarks(query) };
    await Promise.all(cards.map((card) => card.load(marked)));
    if (own.signal.aborted) return;
    const interval = seconds(refresh);
    if (interval !== undefined) timer = window.setTimeout(() => void next(), Math.max(interval, 2) * 1_000);
  }

  async function next(): Promise<void> {
    // A hidden page asks nothing; it catches up when it is seen again.
    if (document.hidden) {
      document.addEventListener("visibilitychange", () => void next(), { once: true });
      return;
    }
    const found = (await getJson(`/api/dashboards/uid/${encodeURIComponent(dashboard.uid)}`).catch(() => undefined)) as
      | { meta: { version: string } }
      | undefined;
    if (found !== undefined && found.meta.version !== version) await show();
    else await update();
  }
}

function drawGrid(dashboard: Dashboard, single: Panel | undefined, context: ViewContext): void {
  const made: Card[] = [];
  const add = (panel: Panel, parent: HTMLElement): void => {
    const alone = single !== undefined;
    const href = withParameters(location.href, { viewPanel: alone ? undefined : `panel-${panel.id}` });
    const card = makeCard(panel, context, href, alone ? "Back to the dashboard" : "View this panel alone");
    card.root.style.setProperty("--x", String(panel.gridPos.x + 1));
    card.root.style.setProperty("--y", String(panel.gridPos.y + 1));
    card.root.style.setProperty("--w", String(panel.gridPos.w));
    card.root.style.setProperty("--h", String(panel.gridPos.h));
    card.root.classList.toggle("narrow", panel.gridPos.w <= 6 && panel.gridPos.h <= 5);
    made.push(card);
    parent.append(card.root);
  };
  const heading = el("h1", { class: "seen-by-readers" }, dashboard.title);
  if (single !== undefined) {
    const grid = el("div", { class: "single" });
    add(single, grid);
    main.replaceChildren(heading, grid);
  } else {
    const grid = el("div", { class: "grid" });
    for (const panel of dashboard.panels) {
      if (panel.type !== "row") {
        add(panel, grid);
        continue;
      }
      const row = el("h2", { class: "row" }, panel.title ?? "");
      row.style.setProperty("--y", String(panel.gridPos.y + 1));
      grid.append(row);
      // A collapsed row keeps its panels to itself; here they simply follow it.
      for (const inner of panel.panels ?? []) add(inner, grid);
    }
    main.replaceChildren(heading, grid);
  }
  cards = made;
}

function drawVariables(
  dashboard: Dashboard,
  box: HTMLElement,
  set: (changes: Readonly<Record<string, readonly string[] | undefined>>) => void,
): void {
  const search = new URLSearchParams(location.search);
  const choices = choicesOf(dashboard, search);
  const time = timeOf(readAddress(location), dashboard);
  for (const variable of variablesOf(dashboard)) {
    // There is one Prometheus to ask.
    if (variable.hide === 2 || variable.type === "datasource") continue;
    const chosen = choices[variable.name] ?? [];
    const place = el("span", {});
    const draw = (values: readonly string[]): void =>
      place.replaceChildren(
        variableControl(variable, chosen, values, (picked) =>
          set({
            // Values of another database, say, would leave its panels empty.
            ...Object.fromEntries(dependentsOf(dashboard, variable.name).map((name) => [`var-${name}`, undefined])),
            [`var-${variable.name}`]: picked,
          }),
        ),
      );
    draw([]);
    box.append(place);
    const context: Context = {
      dashboard,
      choices,
      range: rangeOf(time.from, time.to, Date.now() / 1_000),
      scrapeSeconds,
      signal: AbortSignal.timeout(30_000),
      fetch: (path, init) => fetch(path, init),
    };
    // Without its values a variable keeps what is chosen; the panels say what is wrong.
    loadVariable(variable, context).then(draw, () => {});
  }
}

document.addEventListener("click", (event) => {
  const link = (event.target as Element | null)?.closest("a");
  if (link === null || link === undefined || link.origin !== location.origin || link.target !== "" || link.hash !== "")
    return;
  if (link.pathname === "/explore") return;
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
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
