import type { Reading } from "../../../exporters/integration-health/feeds/feed.ts";
import { feeds } from "../../../exporters/integration-health/feeds/index.ts";

export const at = "https://status.vendor.example/api/v2/summary.json";
/** To the format of https://developer.statuspage.io and of the page /api of any Statuspage. */
export const summary = (part: object = {}) => ({
  page: {
    id: "y2j98763l56x",
    name: "Vendor",
    url: "https://status.vendor.example",
    updated_at: "2026-03-01T10:00:00Z",
  },
  status: { indicator: "none", description: "All Systems Operational" },
  components: [
    { id: "a", name: "API", status: "operational", group: false, group_id: "g" },
    { id: "b", name: "Fax", status: "operational", group: false, group_id: null },
  ],
  incidents: [],
  scheduled_maintenances: [],
  ...part,
});
export const read = (kind: keyof typeof feeds, value: unknown, url = at): Reading =>
  feeds[kind](typeof value === "string" ? value : JSON.stringify(value), url);
