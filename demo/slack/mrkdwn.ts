// Slack's text format as HTML. Every character of a message is escaped here; only this file's own tags are markup.

export const escapeHtml = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

/** What alerts use most is drawn, so that it looks the same where no emoji font is installed. */
const circles: Readonly<Record<string, string>> = {
  red_circle: "red",
  large_green_circle: "green",
  green_circle: "green",
  large_yellow_circle: "yellow",
  large_orange_circle: "orange",
  large_blue_circle: "blue",
  white_circle: "white",
};
/** The bodies of 24 x 24 pictures. */
const pictures: Readonly<Record<string, string>> = {
  warning:
    '<path fill="#f2b03d" d="M12 2.5 23 21.5H1z"/><path stroke="#5c3b00" stroke-width="2.4" stroke-linecap="round" d="M12 9.5v5.5m0 3.4v.1"/>',
  white_check_mark:
    '<rect x="2" y="2" width="20" height="20" rx="4" fill="#2f9e5f"/><path fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" d="m7 12.5 3.5 3.5L17 8.5"/>',
  x: '<path stroke="#d7263d" stroke-width="4" stroke-linecap="round" d="m5 5 14 14M19 5 5 19"/>',
  fire: '<path fill="#f4511e" d="M12 1c1 4 6.5 6.5 6.5 13a6.5 6.5 0 0 1-13 0c0-3 1.5-5 3-6.5.2 2 .8 3 2 3.5C10 7.5 10.5 4 12 1z"/><path fill="#ffca28" d="M12 12c1 1.8 3 2.8 3 5.3a3 3 0 0 1-6 0c0-2 2-3 3-5.3z"/>',
  rotating_light:
    '<path fill="#e0283c" d="M6 17v-5a6 6 0 0 1 12 0v5z"/><rect x="4" y="18" width="16" height="4" rx="1" fill="#7a7a85"/><path stroke="#e0283c" stroke-width="1.8" stroke-linecap="round" d="M12 1v2.5M3.5 4.5l2 2M20.5 4.5l-2 2"/>',
  book: '<path fill="#3f7fd0" d="M4 3h13a3 3 0 0 1 3 3v15H7a3 3 0 0 1-3-3z"/><path fill="#fff" d="M7 17h11v2.5H7a1.25 1.25 0 0 1 0-2.5z"/><path stroke="#fff" stroke-width="1.8" stroke-linecap="round" d="M8.5 7.5h7M8.5 11h5"/>',
  bar_chart:
    '<rect x="1.5" y="1.5" width="21" height="21" rx="3" fill="#eef1f5" stroke="#aab4c0"/><path stroke="#3f7fd0" stroke-width="4" d="M7 20v-7"/><path stroke="#2f9e5f" stroke-width="4" d="M12 20V6"/><path stroke="#e0283c" stroke-width="4" d="M17 20V10"/>',
  mag: '<circle cx="10" cy="10" r="6.5" fill="#d6e9fb" stroke="#5b6673" stroke-width="2.4"/><path stroke="#5b6673" stroke-width="3.6" stroke-linecap="round" d="m15.5 15.5 6 6"/>',
  bell: '<path fill="#e8a723" d="M12 2a6 6 0 0 0-6 6v5l-2.5 4h17L18 13V8a6 6 0 0 0-6-6z"/><path fill="#b87a0b" d="M9.5 18.5h5a2.5 2.5 0 0 1-5 0z"/>',
};
const characters: Readonly<Record<string, string>> = {
  heavy_check_mark: "✔",
  no_bell: "🔕",
  chart_with_upwards_trend: "📈",
  information_source: "ℹ",
  hospital: "🏥",
  eyes: "👀",
  link: "🔗",
  hammer_and_wrench: "🛠️",
  point_right: "👉",
  hourglass: "⌛",
};

/** An emoji's HTML by its name without colons; undefined when the name is not known. */
export function emojiHtml(name: string): string | undefined {
  const attributes = `role="img" aria-label="${escapeHtml(name.replaceAll("_", " "))}"`;
  if (Object.hasOwn(circles, name)) return `<span class="circle ${circles[name]}" ${attributes}></span>`;
  if (Object.hasOwn(pictures, name))
    return `<svg class="emoji" viewBox="0 0 24 24" ${attributes}>${pictures[name]}</svg>`;
  return Object.hasOwn(characters, name) ? `<span ${attributes}>${characters[name]}</span>` : undefined;
}

/** A link's address when a browser may follow it. */
export function safeUrl(text: string): string | undefined {
  const url = unescapeEntities(text);
  if (!/^(?:https?:\/\/|mailto:)/i.test(url) || !URL.canParse(url)) return undefined;
  return new URL(url).href;
}

export const linkHtml = (url: string, inner: string, classes = ""): string =>
  `<a href="${escapeHtml(url)}" target="_blank" rel="noopener noreferrer"${classes === "" ? "" : ` class="${classes}"`}>${inner}</a>`;

/** A message's text; lines stay lines, `>` at the start of a line makes a quotation. */
export function mrkdwn(text: string): string {
  return text
    .split(/(```[\s\S]+?```)/)
    .map((part, index) => (index % 2 === 1 ? `<pre>${plain(part.slice(3, -3).replace(/^\n/, ""))}</pre>` : lines(part)))
    .join("");
}

const lines = (text: string): string =>
  text
    .replaceAll(/^\n|\n$/g, "")
    .split("\n")
    .map((line) => {
      const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line)?.[1];
      return quoted === undefined ? inline(line) : `<span class="quote">${inline(quoted)}</span>`;
    })
    .join("<br>");

const token =
  /`([^`]+)`|<([^<>]+)>|(https?:\/\/[^\s<>|`*]+[^\s<>|`*.,;:!?)])|:([a-z0-9_+-]{1,40}):|(?<![\w*])\*((?! )[^*]+(?<! ))\*(?![\w*])|(?<![\w_])_((?! )[^_]+(?<! ))_(?![\w_])|(?<![\w~])~((?! )[^~]+(?<! ))~(?![\w~])/g;

function inline(text: string): string {
  let html = "";
  let from = 0;
  for (const match of text.matchAll(token)) {
    const [whole, code, tag, bare, name, bold, italic, struck] = match;
    html += plain(text.slice(from, match.index));
    from = match.index + whole.length;
    if (code !== undefined) html += `<code>${plain(code)}</code>`;
    else if (tag !== undefined) html += tagHtml(tag, whole);
    else if (bare !== undefined) html += bareLink(bare);
    else if (name !== undefined) html += emojiHtml(name) ?? plain(whole);
    else if (bold !== undefined) html += `<b>${inline(bold)}</b>`;
    else if (italic !== undefined) html += `<i>${inline(italic)}</i>`;
    else if (struck !== undefined) html += `<s>${inline(struck)}</s>`;
  }
  return html + plain(text.slice(from));
}

/** `<url|label>`, `<url>`, `<!here>`, `<#C1|name>`, `<@U1|name>`; anything else in angle brackets is just text. */
function tagHtml(tag: string, whole: string): string {
  const bar = tag.indexOf("|");
  const target = bar < 0 ? tag : tag.slice(0, bar);
  const label = bar < 0 ? undefined : tag.slice(bar + 1);
  if (/^[!#@]/.test(target)) {
    const mark = target.startsWith("#") ? "#" : "@";
    return `<span class="mention">${mark}${plain(label ?? target.slice(1))}</span>`;
  }
  const url = safeUrl(target);
  return url === undefined ? plain(whole) : linkHtml(url, label === undefined ? plain(target) : inline(label));
}

const bareLink = (text: string): string => {
  const url = safeUrl(text);
  return url === undefined ? plain(text) : linkHtml(url, plain(text));
};

/** Senders write `&`, `<` and `>` as entities; these three are undone before everything is escaped. */
const unescapeEntities = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const plain = (text: string): string => escapeHtml(unescapeEntities(text));
