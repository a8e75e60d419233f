// The contract of a status feed: a vendor's own words become a reading; what is not of the published format becomes unknown.
import type { VendorStatus } from "../../../telemetry/catalogue/integrations.ts";

export interface Reading {
  readonly overall: VendorStatus;
  readonly components: readonly Component[];
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
  /** When it began by their account, in milliseconds since 1970. */
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
    status: (words) => {
      const word = typeof value === "string" ? value.toLowerCase() : "";
      if (Object.hasOwn(words, word)) return words[word] ?? "unknown";
      unknown++;
      return "unknown";
    },
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

export const worstOf = (statuses: readonly VendorStatus[]): VendorStatus =>
  worstLast[Math.max(0, ...statuses.map((status) => worstLast.indexOf(status)))] ?? "unknown";

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
