// The feed kind `rss`: RSS 2.0 (https://www.rssboard.org/rss-specification) and Atom (RFC 4287) of status pages that have nothing better.
import { details, type Feed, FeedError, instant } from "./feed.ts";

/** An entry that nobody touched for so long is over, whatever it says. */
const openForMs = 24 * 3_600_000;
const over = /\b(?:resolved|completed|operational again|restored)\b/i;
const maintenance = /\b(?:maintenance|scheduled)\b/i;

/** Words alone tell whether an entry is over, so it says that there is trouble and never how much. */
export const rss: Feed = (text) => {
  if (!/<(?:rss|feed|rdf:RDF)[\s>]/i.test(text.slice(0, 2_000))) throw new FeedError("neither RSS nor Atom");
  const newest = entriesOf(text).map((entry) => ({
    words: `${field(entry, "title")} ${field(entry, "description") || field(entry, "content") || field(entry, "summary")}`,
    link: field(entry, "link") || (/<link[^>]*\bhref="([^"]+)"/i.exec(entry)?.[1] ?? ""),
    since: instant(field(entry, "pubDate") || field(entry, "published") || field(entry, "updated")),
    touched: instant(field(entry, "updated") || field(entry, "pubDate")),
  }));
  const open = newest.filter(
    ({ words, touched }) => !over.test(words) && touched !== undefined && Date.now() - touched < openForMs,
  );
  const seen = open.map(({ words, link, since }) => ({
    status: maintenance.test(words) ? ("maintenance" as const) : ("degraded" as const),
    ...details(since, link === "" ? undefined : link),
    components: [],
  }));
  const incidents = seen.filter(({ status }) => status !== "maintenance");
  return {
    overall: incidents.length > 0 ? "degraded" : seen.length > 0 ? "maintenance" : "operational",
    components: [],
    incidents,
    maintenances: seen.filter(({ status }) => status === "maintenance"),
    // An entry without a time says nothing that can be used.
    unknown: newest.filter(({ touched }) => touched === undefined).length,
  };
};

/** The newest entries. One that is not closed ends the search, so that no text takes long. */
function entriesOf(text: string): readonly string[] {
  const entries: string[] = [];
  const opening = /<(item|entry)[\s>]/gi;
  for (let open = opening.exec(text); open !== null && entries.length < 100; open = opening.exec(text)) {
    const close = text.indexOf(`</${open[1]}>`, opening.lastIndex);
    if (close < 0) break;
    entries.push(text.slice(opening.lastIndex, Math.min(close, opening.lastIndex + 50_000)));
    opening.lastIndex = close;
  }
  return entries;
}

/** The text of an element: no entity of the document's own is ever expanded. */
function field(entry: string, name: string): string {
  const [, inner = ""] = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]{0,20000}?)</${name}>`, "i").exec(entry) ?? [];
  return inner
    .replace(/^\s*<!\[CDATA\[([\s\S]*?)\]\]>\s*$/, "$1")
    .replaceAll(/&(amp|lt|gt|quot|apos);/g, (_whole, entity: string) => entities[entity] ?? "")
    .trim();
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
