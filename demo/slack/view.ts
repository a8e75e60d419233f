// Messages and the page around them as HTML. All of a message's text goes through mrkdwn.ts, which escapes it.
import { createHash } from "node:crypto";
import { clientScript } from "./client.ts";
import { type Action, type Attachment, type Field, type Message, stateOf } from "./message.ts";
import { emojiHtml, escapeHtml, linkHtml, mrkdwn, safeUrl } from "./mrkdwn.ts";
import { style } from "./style.ts";

export interface PageState {
  readonly messages: readonly Message[];
  /** Only this channel's messages; undefined shows all. */
  readonly channel: string | undefined;
}

// A page of more is slow to read for a person and a browser alike; the API has the rest.
const mostShown = 200;

const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing of a message can run or load anything, even if its escaping failed; colours of attachments need `style` attributes. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src ${hash(clientScript)}`,
  `style-src-elem ${hash(style)}`,
  "style-src-attr 'unsafe-inline'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%233b1f4a'/%3E%3Cpath d='M5 17h6l3-8 4 14 3-6h6' fill='none' stroke='%2346d39a' stroke-width='3' stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E";
const pulse =
  '<svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><path d="M4 17h6l3-8 5 14 3-6h7" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>';

export function renderPage({ messages, channel }: PageState): string {
  const shown = messages.filter((message) => channel === undefined || message.channel === channel).slice(-mostShown);
  const title = channel ?? "All messages";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} · Slack inbox</title>
<link rel="icon" href="${icon}">
<style>${style}</style>
</head>
<body data-channel="${escapeHtml(channel ?? "")}" data-last="${messages.at(-1)?.id ?? 0}">
<nav aria-label="Channels">
<header>${pulse}<span><b>Vitals demo</b><small>Slack inbox</small></span></header>
<h2>Channels</h2>
<ul>${channelLinks(messages, channel)}</ul>
<p>What the stack posts to Slack arrives here. Nothing leaves this machine.</p>
</nav>
<main>
<header><h1>${channelName(title)}</h1><span id="live" class="live" role="status">connecting</span></header>
<section id="messages" role="log" aria-label="Messages" tabindex="0">
<div id="empty" class="empty"${shown.length > 0 ? " hidden" : ""}>${pulse}<b>No messages yet</b><span>When an alert fires, its message appears here by itself.</span></div>
${shown.map(renderMessage).join("\n")}
</section>
<button id="newer" type="button" hidden>New message ↓</button>
</main>
<script>${clientScript}</script>
</body>
</html>
`;
}

function channelLinks(messages: readonly Message[], current: string | undefined): string {
  const counts = new Map<string, number>([
    ["", messages.length],
    ["#alerts", 0],
  ]);
  for (const { channel } of messages) counts.set(channel, (counts.get(channel) ?? 0) + 1);
  return [...counts]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([channel, count]) => {
      const here = channel === (current ?? "") ? ' aria-current="page"' : "";
      const name = channel === "" ? "All messages" : channel;
      return `<li><a href="/${channel === "" ? "" : `?channel=${encodeURIComponent(channel)}`}" data-channel="${escapeHtml(channel)}"${here}>${channelName(name)}<span class="count">${count}</span></a></li>`;
    })
    .join("");
}

const channelName = (name: string): string =>
  name.startsWith("#")
    ? `<span><i aria-hidden="true">#</i>${escapeHtml(name.slice(1))}</span>`
    : `<span>${escapeHtml(name)}</span>`;

export function renderMessage(message: Message): string {
  const { id, channel, username, iconEmoji, text, receivedAt, attachments } = message;
  const picture = iconEmoji === undefined ? undefined : emojiHtml(iconEmoji.replaceAll(":", ""));
  return `<article data-id="${id}">
<div class="avatar${picture === undefined ? "" : " pictured"}" style="--hue:${hueOf(username)}" aria-hidden="true">${picture ?? `<b>${escapeHtml([...username][0]?.toUpperCase() ?? "?")}</b>`}</div>
<div class="body">
<div class="meta"><b>${escapeHtml(username)}</b><span class="app">App</span>${timeHtml(receivedAt)}<span class="channel">${escapeHtml(channel)}</span></div>
${text === undefined ? "" : `<div class="text">${mrkdwn(text)}</div>`}
${attachments.map(renderAttachment).join("\n")}
</div>
</article>`;
}

/** A sender keeps its colour. */
const hueOf = (name: string): number =>
  [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7);

const barColors: Readonly<Record<string, string>> = { good: "#2fa36b", warning: "#dfa235", danger: "#d4213d" };

function renderAttachment(attachment: Attachment): string {
  const { color, pretext, title, titleLink, text, fallback, fields, actions, footer, ts } = attachment;
  const state = stateOf(attachment);
  const link = titleLink === undefined ? undefined : safeUrl(titleLink);
  // The mark beside the title says it already; its number of alerts stays.
  const [, many, words] = /^\[(?:FIRING|RESOLVED)(?::(\d+))?\]\s*(.*)$/s.exec(title ?? "") ?? [
    undefined,
    undefined,
    title,
  ];
  const heading = words === undefined ? "" : mrkdwn(words);
  const mark =
    state === undefined
      ? ""
      : `<span class="state">${state}${many === undefined || many === "1" ? "" : ` ${many}`}</span>`;
  // Slack shows the fallback only where nothing else can be shown.
  const main = text ?? (title === undefined && fields.length === 0 ? fallback : undefined);
  return `${pretext === undefined ? "" : `<div class="text">${mrkdwn(pretext)}</div>`}
<div class="attachment${state === undefined ? "" : ` ${state}`}${color === "warning" ? " warning" : ""}" style="--bar:${color === undefined ? "#8d8d96" : (barColors[color] ?? color)}">
${heading === "" && mark === "" ? "" : `<div class="title">${mark}${link === undefined ? heading : linkHtml(link, withoutLinks(heading))}</div>`}
${main === undefined ? "" : `<div class="text">${mrkdwn(main)}</div>`}
${fields.length === 0 ? "" : `<dl>${fields.map(fieldHtml).join("")}</dl>`}
${actions.length === 0 ? "" : `<div class="actions">${actions.map(actionHtml).join("")}</div>`}
${footer === undefined && ts === undefined ? "" : `<div class="footer">${[footer === undefined ? "" : mrkdwn(footer), ts === undefined ? "" : timeHtml(ts * 1_000)].filter(Boolean).join(" · ")}</div>`}
</div>`;
}

/** A link cannot stand inside a link. */
const withoutLinks = (html: string): string => html.replaceAll(/<\/?a\b[^>]*>/g, "");

const fieldHtml = ({ title, value, short }: Field): string =>
  `<div${short ? ' class="short"' : ""}><dt>${mrkdwn(title)}</dt><dd>${mrkdwn(value)}</dd></div>`;

function actionHtml({ text, url, style: look }: Action): string {
  const target = safeUrl(url);
  const label = mrkdwn(text);
  return target === undefined
    ? `<span class="button">${withoutLinks(label)}</span>`
    : linkHtml(target, withoutLinks(label), `button ${look}`);
}

/** In UTC; the page's script turns it into the reader's own time. */
function timeHtml(milliseconds: number): string {
  const instant = new Date(milliseconds).toISOString();
  return `<time datetime="${instant}" title="${instant}">${instant.slice(11, 16)}</time>`;
}
