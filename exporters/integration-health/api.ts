// The JSON page: how every integration is, by name; causes as classes, never an address or another side's words.
import { json, type Route } from "../exporter.ts";
import type { Integration } from "./integration.ts";
import { secondsOf } from "./record.ts";
import { worst } from "./verdict.ts";

export const healthRoutes = (watched: () => Iterable<Integration>): Readonly<Record<string, Route>> => ({
  "/api/v1/health": () => {
    const integrations = [...watched()].map(({ target, state }) => {
      const { status, verdict, last, checkedAt } = state();
      return {
        name: target.name,
        status,
        responseTime: last === undefined ? null : Math.round(secondsOf(last) * 1_000),
        lastChecked: checkedAt === undefined ? null : new Date(checkedAt).toISOString(),
        ...(verdict.cause === undefined ? {} : { error: verdict.cause }),
      };
    });
    const overall_status = worst(integrations.map(({ status }) => status));
    return json({ overall_status, timestamp: new Date().toISOString(), integrations });
  },
});
