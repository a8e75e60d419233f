// What a reading of a vendor's feed means for one integration: only the components in use count.
import type { VendorStatus } from "../../telemetry/catalogue/integrations.ts";
import { type Incident, type Reading, worstOf } from "./feeds/feed.ts";
import type { Announcement } from "./source.ts";

export interface Announced extends Announcement {
  readonly status: VendorStatus;
  readonly incidents: number;
}

/** `wanted`: names of components or products; none means all. `url`: the feed's own; links of other origins are left out. */
export function announcedBy(reading: Reading, wanted: readonly string[], url: string): Announced {
  const names = wanted.map((name) => name.toLowerCase());
  const counts = (name: string) => names.length === 0 || names.includes(name.toLowerCase());
  // An incident that names nothing may touch anything.
  const touches = ({ components }: Incident) => components.length === 0 || components.some(counts);
  const components = reading.components.filter(({ name }) => counts(name));
  const incidents = reading.incidents.filter(touches).filter(({ status }) => status !== "operational");
  const maintenances = reading.maintenances.filter(touches);
  const said = [
    ...components.map(({ status }) => status),
    ...incidents.map(({ status }) => status),
    ...maintenances.map(() => "maintenance" as const),
    ...(names.length === 0 ? [reading.overall] : []),
  ];
  // What is asked for and not there is not known to be well.
  const missing = names.length > 0 && reading.components.length > 0 && components.length < names.length;
  const status = missing && worstOf(said) === "operational" ? "unknown" : worstOf(said);
  const shown = [...incidents, ...maintenances].toSorted((left, right) => (left.since ?? 0) - (right.since ?? 0));
  const since = shown.find((each) => each.since !== undefined)?.since;
  const link = shown.find((each) => each.link !== undefined && sameOrigin(each.link, url))?.link;
  return {
    status,
    incidents: incidents.length,
    troubled: ["degraded", "partial_outage", "major_outage"].includes(status),
    maintenance: status === "maintenance",
    ...(since === undefined ? {} : { since }),
    ...(link === undefined ? {} : { link }),
  };
}

const sameOrigin = (link: string, url: string): boolean =>
  URL.canParse(link) && /^https?:$/.test(new URL(link).protocol) && new URL(link).origin === new URL(url).origin;
