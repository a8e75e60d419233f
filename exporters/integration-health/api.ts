// The JSON page: how every integration is, by name; causes as classes, never an address or another side's words.
import { json, type Route } from "../exporter.ts";
import { statusOf, worst } from "./verdict.ts";
import type { Watched } from "./watch.ts";

export const healthRoutes = (watched: () => Iterable<Watched>): Readonly<Record<string, Route>> => ({
  "/api/v1/health": () => {
    const integrations = [...watched()].map(({ target, state }) => {
      const { verdict, lastChecked, responseSeconds } = state();
      return {
        name: target.name,
        status: statusOf(verdict),
        responseTime: responseSeconds === undefined ? null : Math.round(responseSeconds * 1_000),
        lastChecked: lastChecked?.toISOString() ?? null,
        ...(verdict.cause === undefined ? {} : { error: verdict.cause }),
      };
    });
    const overall_status = worst(integrations.map(({ status }) => status));
    return json({ overall_status, timestamp: new Date().toISOString(), integrations });
  },
});
