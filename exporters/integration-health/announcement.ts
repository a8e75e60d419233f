// What a reading of a vendor's feed means for one integration: only the components in use count.
import type { VendorStatus } from "../../telemetry/catalogue/integrations.ts";
import { type Incident, type Reading, rankOf, worstOf } from "./feeds/feed.ts";
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
  const components = (reading.components ?? []).filter(({ name }) => counts(name));
  const incidents = reading.incidents.filter(touches).filter(({ status }) => status !== "operational");
  const maintenances = reading.maintenances.filter(touches);
  const said = [
    ...components.map(({ status }) => status),
    ...incidents.map(({ status }) => status),
    ...maintenances.map(() => "maintenance" as const),
    ...(names.length === 0 ? [reading.overall] : []),
  ];
  // What is asked for and not there is not known to be well.
  const listed = new Set(components.map(({ name }) => name.toLowerCase()));
  const missing = reading.components !== undefined && names.some((name) => !listed.has(name));
  const status = missing && worstOf(said) === "operational" ? "unknown" : worstOf(said);
  const open = [...incidents, ...maintenances].toSorted((left, right) => (left.since ?? 0) - (right.since ?? 0));
  const since = open.find((each) => each.since !== undefined)?.since;
  // Of several, the worst is the one to read about, and of equals the newest.
  const [link] = open
    .toReversed()
    .toSorted((left, right) => rankOf(right.status) - rankOf(left.status))
    .flatMap((each) => (each.link !== undefined && sameOrigin(each.link, url) ? [each.link] : []));
  return {
    status,
    incidents: incidents.length,
    troubled: ["degraded", "partial_outage", "major_outage"].includes(status),
    maintenance: status === "maintenance",
    ...(since === undefined ? {} : { since }),
    ...(link === undefined ? {} : { link }),
  };
}

const longestLink = 2_000;

function sameOrigin(link: string, url: string): boolean {
  if (link.length > longestLink || !URL.canParse(link)) return false;
  const { protocol, origin, username, password } = new URL(link);
  return /^https?:$/.test(protocol) && origin === new URL(url).origin && username + password === "";
}
