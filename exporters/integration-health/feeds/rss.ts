// The feed kind `rss`: RSS 2.0 (https://www.rssboard.org/rss-specification) and Atom (RFC 4287) of status pages that have nothing better.
import { details, type Feed, FeedError, instant } from "./feed.ts";

/** An entry that nobody touched for so long is over, whatever it says. */
const openForMs = 24 * 3_600_000;
const over = /\b(?:resolved|completed|operational again|restored)\b/i;
/** Said of in the title; announced ahead, it is none yet, and would excuse an outage that has nothing to do with it. */
const maintenance = /\b(?:maintenance|scheduled)\b/i;
const begun = /\b(?:in progress|under ?way|ongoing|begun|started|currently)\b/i;

/** Words alone tell whether an entry is over, so it says that there is trouble and never how much. */
export const rss: Feed = (text) => {
  if (!/<(?:rss|feed|rdf:RDF)[\s>]/i.test(text.slice(0, 2_000))) throw new FeedError("neither RSS nor Atom");
  const newest = entriesOf(text).map((entry) => ({
    title: field(entry, "title"),
    words: `${field(entry, "title")} ${field(entry, "description") || field(entry, "content") || field(entry, "summary")}`,
    link: attribute(entry, "link", "href") || field(entry, "link"),
    since: instant(field(entry, "pubDate") || field(entry, "published") || field(entry, "updated")),
    touched: instant(field(entry, "updated") || field(entry, "pubDate")),
  }));
  const open = newest.filter(
    ({ title, words, touched }) =>
      !over.test(words) &&
      touched !== undefined &&
      Date.now() - touched < openForMs &&
      (!maintenance.test(title) || begun.test(words)),
  );
  const seen = open.map(({ title, link, since }) => ({
    status: maintenance.test(title) ? ("maintenance" as const) : ("degraded" as const),
    ...details(since, link === "" ? undefined : link),
    components: [],
  }));
  const incidents = seen.filter(({ status }) => status !== "maintenance");
  return {
    overall: incidents.length > 0 ? "degraded" : seen.length > 0 ? "maintenance" : "operational",
    incidents,
    maintenances: seen.filter(({ status }) => status === "maintenance"),
    // An entry without a time says nothing that can be used.
    unknown: newest.filter(({ touched }) => touched === undefined).length,
  };
};

/** The newest entries. One that is not closed ends the search, so that no text takes long. */
function entriesOf(text: string): readonly string[] {
  const entries: string[] = [];
  const begin = /<(item|entry)[\s>]/g;
  for (let open = begin.exec(text); open !== null && entries.length < 100; open = begin.exec(text)) {
    const close = text.indexOf(`</${open[1]}>`, begin.lastIndex);
    if (close < 0) break;
    entries.push(text.slice(begin.lastIndex, Math.min(close, begin.lastIndex + 50_000)));
    begin.lastIndex = close;
  }
  return entries;
}

/** The text of an element, found in one pass whatever it holds; no entity of the document's own is ever expanded. */
function field(entry: string, name: string): string {
  const from = entry.indexOf(">", opening(entry, name) ?? entry.length) + 1;
  const until = from === 0 ? -1 : entry.indexOf(`</${name}>`, from);
  if (until < 0) return "";
  return entry
    .slice(from, Math.min(until, from + 20_000))
    .replace(/^\s*<!\[CDATA\[([\s\S]*?)\]\]>\s*$/, "$1")
    .replaceAll(/&(amp|lt|gt|quot|apos);/g, (_whole, entity: string) => entities[entity] ?? "")
    .trim();
}

/** What an element that may be empty, as Atom's `link`, says in an attribute. */
function attribute(entry: string, name: string, key: string): string {
  const from = opening(entry, name);
  const tag = from === undefined ? "" : entry.slice(from, Math.max(from, entry.indexOf(">", from)));
  return new RegExp(`\\s${key}="([^"]{1,2000})"`).exec(tag)?.[1] ?? "";
}

/** Where the first element of that name, and of no longer one, begins. */
function opening(entry: string, name: string): number | undefined {
  const open = `<${name}`;
  for (let at = entry.indexOf(open); at >= 0; at = entry.indexOf(open, at + 1))
    if (/[\s/>]/.test(entry.charAt(at + open.length))) return at;
  return undefined;
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
