// The public pages of integration-health: the status page and the badges. They show no error text and no address.
import { type Page, problem, type Route } from "../exporter.ts";
import { badge } from "./badge.ts";
import type { History } from "./history.ts";
import type { Integration } from "./integration.ts";
import { statusPage } from "./page.ts";
import { daysOf, viewOf } from "./view.ts";

const daysMs = 90 * 86_400_000;

export const pageRoutes = (
  integrations: () => readonly Integration[],
  history: () => History,
): Readonly<Record<string, Route>> => ({
  "/": ({ query }): Page => {
    const now = Date.now();
    const all = integrations().map((each) => ({
      view: viewOf(each),
      days: daysOf(history(), each.target.name, now),
      uptime90: history().uptime(each.target.name, now - daysMs, now) ?? null,
    }));
    return statusPage(all, new Date(now), query.has("renew"));
  },
  "/badges/:file": ({ params }) => {
    const name = /^([a-z][a-z0-9-]{0,39})\.svg$/.exec(params.file ?? "")?.[1];
    const found = integrations().find(({ target }) => target.name === name);
    return found === undefined
      ? problem(404, "There is no integration of that name.")
      : badge(found.target.name, found.state().status);
  },
});
