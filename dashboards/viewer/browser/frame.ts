// What surrounds every page: name, dashboards, controls, and where Grafana is to be had.
import { el, icon, icons, svg } from "./dom.ts";
import type { Dashboard } from "./model.ts";
import { toggleTheme } from "./theme.ts";

export interface Summary {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly url: string;
}

const grafana = "https://grafana.com/grafana/download";
export const main = el("main", { id: "main", tabindex: -1 });

/** The frame around every page: name, dashboards, controls. */
export function frame(
  list: readonly Summary[],
  current: Dashboard | undefined,
  controls: readonly HTMLElement[],
): void {
  const brand = el(
    "a",
    { class: "brand", href: "/", title: "All dashboards" },
    svg(
      "svg",
      { viewBox: "0 0 24 24", width: 22, height: 22, "aria-hidden": "true" },
      svg("path", { d: "M2 13h4.5l2.5-8 4.5 14 3-9 1.5 3H22" }),
    ),
    el("span", {}, "Vitals"),
  );
  const tabs = list.map(({ uid, title, url }) =>
    el("a", { href: withTime(url), "aria-current": uid === current?.uid ? "page" : undefined }, title),
  );
  const switcher = el(
    "button",
    {
      type: "button",
      class: "control",
      title: "Light or dark",
      "aria-label": "Switch between light and dark",
      onclick: toggleTheme,
    },
    icon(icons.theme),
  );
  document.body.replaceChildren(
    el("a", { class: "skip", href: "#main" }, "Skip to the dashboard"),
    el(
      "header",
      { class: "top" },
      brand,
      el("nav", { "aria-label": "Dashboards" }, ...tabs),
      el("div", { class: "controls" }, ...controls, switcher),
    ),
    main,
    el(
      "footer",
      {},
      el(
        "span",
        {},
        "This is Vitals' read-only viewer. It draws the dashboard files that Grafana is provisioned with.",
      ),
      " ",
      el("a", { href: grafana, rel: "noreferrer", target: "_blank" }, "Get Grafana"),
      " and put it on the PATH to edit, explore and drill down.",
    ),
  );
  // There may be more of them than the window is wide.
  tabs.find((tab) => tab.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "center" });
}

export const notice = (what: string, remedy: string): HTMLElement =>
  el("div", { class: "notice", role: "status" }, el("strong", {}, what), " ", remedy);

/** A dashboard's address with the time range and the refresh of the page as they are now. */
export function withTime(path: string): string {
  const kept = [...new URLSearchParams(location.search)].filter(([name]) => ["from", "to", "refresh"].includes(name));
  return kept.length === 0 ? path : `${path}?${new URLSearchParams(kept)}`;
}
