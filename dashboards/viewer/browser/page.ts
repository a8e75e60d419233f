// What the address says: which dashboard, which panel, which time, which values of its variables.
import type { Dashboard } from "./model.ts";

export interface Address {
  readonly uid: string | undefined;
  readonly panel: number | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly refresh: string | undefined;
  readonly bare: boolean;
  readonly search: URLSearchParams;
}

/** Reads Grafana's URL scheme: /d/UID(/slug)?viewPanel=12&from=now-1h&to=now&var-x=y&refresh=15s&kiosk. */
export function readAddress(location: Pick<Location, "pathname" | "search">): Address {
  const search = new URLSearchParams(location.search);
  const uid = /^\/d\/([^/]+)/.exec(location.pathname)?.[1];
  // Grafana writes `panel-12` since version 11 and still understands `12`.
  const panel = /^(?:panel-)?(\d+)$/.exec(search.get("viewPanel") ?? "")?.[1];
  return {
    uid: uid === undefined ? undefined : decode(uid),
    panel: panel === undefined ? undefined : Number(panel),
    from: search.get("from") ?? undefined,
    to: search.get("to") ?? undefined,
    refresh: search.get("refresh") ?? undefined,
    bare: search.has("kiosk"),
    search,
  };
}

/** What is not encoded as it should be is taken as it stands. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address with some parameters changed; `undefined` removes one, a list repeats it. */
export function withParameters(
  href: string,
  changes: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const url = new URL(href);
  for (const [name, value] of Object.entries(changes)) {
    url.searchParams.delete(name);
    for (const each of value === undefined ? [] : typeof value === "string" ? [value] : value)
      url.searchParams.append(name, each);
  }
  return url.pathname + url.search;
}

export const timeOf = (address: Address, dashboard: Dashboard): { readonly from: string; readonly to: string } => ({
  from: address.from ?? dashboard.time?.from ?? "now-1h",
  to: address.to ?? dashboard.time?.to ?? "now",
});
