// The contract of a status feed: a vendor's own words become a reading; what is not of the published format becomes unknown.
import type { VendorStatus } from "../../../telemetry/catalogue/integrations.ts";

export interface Reading {
  readonly overall: VendorStatus;
  /** Absent where the kind of feed has none. */
  readonly components?: readonly Component[];
  /** Open ones alone. */
  readonly incidents: readonly Incident[];
  /** In progress alone. */
  readonly maintenances: readonly Incident[];
  /** Values that are not of the published format. */
  readonly unknown: number;
}

export interface Component {
  readonly name: string;
  readonly status: VendorStatus;
}

export interface Incident {
  readonly status: VendorStatus;
  /** When they first told of it, in milliseconds since 1970; when it began, where nothing else is said. */
  readonly since?: number;
  readonly link?: string;
  /** Names of what it touches; none when it does not say. */
  readonly components: readonly string[];
}

/** Reads a feed's text; `url` is where it came from. Throws a FeedError when the text is not such a feed at all. */
export type Feed = (text: string, url: string) => Reading;

export class FeedError extends Error {}

/** A JSON value whose fields are looked at one by one, because none of them can be relied on. */
export interface Reader {
  readonly value: unknown;
  /** The field; a missing one reads as nothing. */
  at(key: string): Reader;
  /** The entries of a list; of anything else none. */
  list(): readonly Reader[];
  text(): string | undefined;
  /** An instant in milliseconds since 1970. */
  time(): number | undefined;
  /** One of these words, in lower case; a word that is not known counts, and reads as nothing. */
  word<W extends string>(words: readonly W[]): W | undefined;
  /** The status that a word stands for; a word that is not known counts. */
  status(words: Readonly<Record<string, VendorStatus>>): VendorStatus;
}

/** Opens a JSON text. `unknown` is told how many words were not known. */
export function openJson(text: string): { readonly root: Reader; readonly unknown: () => number } {
  let unknown = 0;
  const read = (value: unknown): Reader => ({
    value,
    at: (key) => read(isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    list: () => (Array.isArray(value) ? value.map(read) : []),
    text: () => (typeof value === "string" ? value : undefined),
    time: () => instant(value),
    word: (words) => {
      const said = typeof value === "string" ? value.toLowerCase() : "";
      const known = words.find((word) => word === said);
      if (known === undefined) unknown++;
      return known;
    },
    status: (words) => words[read(value).word(Object.keys(words)) ?? ""] ?? "unknown",
  });
  try {
    return { root: read(JSON.parse(text)), unknown: () => unknown };
  } catch {
    throw new FeedError("not JSON");
  }
}

export function instant(value: unknown): number | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) ? ms : undefined;
}

/** Sets `since` and `link` where they are known. */
export const details = (since: number | undefined, link: string | undefined) => ({
  ...(since === undefined ? {} : { since }),
  ...(link === undefined ? {} : { link }),
});

const worstLast: readonly VendorStatus[] = [
  "operational",
  "unknown",
  "maintenance",
  "degraded",
  "partial_outage",
  "major_outage",
];

/** How bad it is: 0 is the best. */
export const rankOf = (status: VendorStatus): number => worstLast.indexOf(status);

/** A foreign list may be of any length, so its entries never become arguments. */
export const worstOf = (statuses: readonly VendorStatus[]): VendorStatus =>
  statuses.reduce((worst, each) => (rankOf(each) > rankOf(worst) ? each : worst), "operational");

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
