// The status page: what everybody may know of the integrations. Rendered here, without a script; the only link out is an incident's own.
import type { FailureSource, ProbeCause, Status } from "../../telemetry/catalogue/integrations.ts";
import type { Page } from "../exporter.ts";
import type { Day } from "./history.ts";
import { worst } from "./verdict.ts";
import type { View } from "./view.ts";

export interface Shown {
  readonly view: View;
  readonly days: readonly Day[];
  readonly uptime90: number | null;
}

export const words: Readonly<Record<Status, string>> = {
  healthy: "Works",
  degraded: "Works with trouble",
  unhealthy: "Down",
  maintenance: "In maintenance",
  unknown: "Not known",
  error: "Cannot be checked",
};

const headlines: Readonly<Record<Status, string>> = {
  healthy: "Everything works",
  degraded: "Some integrations have trouble",
  unhealthy: "Some integrations are down",
  maintenance: "Maintenance is under way",
  unknown: "The state of some integrations is not known",
  error: "Some integrations cannot be checked",
};

/** A shape for each state, so that colour is never alone. */
const marks: Readonly<Record<Status, string>> = {
  healthy: "●",
  degraded: "▲",
  unhealthy: "✕",
  maintenance: "◆",
  unknown: "○",
  error: "!",
};

const causes: Readonly<Record<ProbeCause, string>> = {
  dns: "its name is not found",
  connect: "no connection can be opened",
  tls: "its certificate is not accepted",
  timeout: "it does not answer in time",
  http_5xx: "it answers with an error",
  rate_limited: "it limits our requests",
  auth: "it does not accept our key",
  refused: "its address is not allowed",
  assertion: "it answers other than expected",
  other: "the check fails",
};

const sources: Readonly<Record<FailureSource, string>> = {
  ours: "The trouble is on our side.",
  vendor_confirmed: "The vendor confirms it.",
  vendor_unannounced: "The vendor has not announced anything.",
  status_page_only: "The vendor announces trouble; our checks still succeed.",
};

const quarterHour = 900_000;

/** `renewing`: the browser reads it anew every minute. Only for who asks for it: it takes a reader's place on the page away. */
export function statusPage(all: readonly Shown[], now: Date, renewing = false): Page {
  const overall = all.length === 0 ? "healthy" : worst(all.map(({ view }) => view.status));
  const headline = all.length === 0 ? "No integrations are watched" : headlines[overall];
  return {
    contentType: "text/html; charset=utf-8",
    headers: {
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
    },
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
${renewing ? `<meta http-equiv="refresh" content="60">` : ""}<title>${headline} · Integrations</title><style>${style}</style></head><body>
<main><header><h1>Integrations</h1><p class="overall ${overall}"><span aria-hidden="true">${marks[overall]}</span> ${headline}</p></header>
${all.length === 0 ? "" : `<ul role="list">${all.map((each) => row(each, now)).join("")}</ul>`}
<footer>${all.length === 0 ? "" : legend}<p>${time(now.toISOString(), "As of ")}. ${
      renewing
        ? `This page renews itself every minute. <a href="/">Leave it as it is</a>`
        : `<a href="/?renew">Renew this page every minute</a>`
    }</p></footer></main>
</body></html>
`,
  };
}

function row({ view, days, uptime90 }: Shown, now: Date): string {
  const { name, status, lastChecked, error, details } = view;
  const link = details.vendor?.link;
  const notes = [
    status !== "healthy" && error !== undefined ? `${capital(causes[error])}.` : "",
    status === "unknown" && !details.offline && lastChecked !== null ? "Further checks have yet to confirm it." : "",
    details.offline ? "We are offline ourselves." : sourceSaid(view),
    details.vendor?.status === "maintenance" ? "The vendor has announced maintenance." : "",
    status === "maintenance" && details.vendor?.status !== "maintenance" ? "We have planned this." : "",
    status !== "healthy" && details.since !== null
      ? `${time(details.since, `For ${minutes(now.getTime() - Date.parse(details.since))}, since `)}.`
      : "",
    link == null
      ? ""
      : `<a href="${escaped(link)}" aria-label="The vendor's report on ${escaped(name)}" rel="noreferrer noopener">The vendor's report</a>`,
  ].filter((note) => note !== "");
  return `<li id="${escaped(name)}"><h2>${escaped(name)}</h2>
<p class="state ${status}"><span aria-hidden="true">${marks[status]}</span> ${words[status]}</p>
${notes.length === 0 ? "" : `<p class="notes">${notes.join(" ")}</p>`}
${bar(name, days)}
<p class="facts ends" aria-hidden="true"><span>${days.length} days ago</span><span>today</span></p>
<p class="facts">${uptime90 === null ? "Nothing is known of the last 90 days" : `Worked ${percent(uptime90)} of what is known of the last 90 days`}; ${lastChecked === null ? "not checked yet" : time(lastChecked, "last checked ")}.</p></li>`;
}

/** Of a vendor without a feed nobody knows what it announces. */
const sourceSaid = ({ details: { source, vendor } }: View): string =>
  source === null || (source === "vendor_unannounced" && vendor === null) ? "" : sources[source];

/** A line for each day; the whole in words for those who do not see it. */
function bar(name: string, days: readonly Day[]): string {
  const bad = days.filter(({ downMs }) => downMs > 0);
  const known = days.filter(({ upMs, downMs }) => upMs + downMs > 0);
  const said =
    bad.length === 0
      ? `no outage on the ${known.length} days that are known`
      : `outages on ${bad.length} of ${known.length} known days: ${bad
          .slice(-5)
          .map(({ date, downMs }) => `${date}, ${minutes(downMs)}`)
          .join("; ")}`;
  const lines = days.map(({ date, upMs, downMs }, index) => {
    const known = upMs + downMs > 0;
    const kind = !known ? "none" : downMs === 0 ? "good" : downMs < quarterHour ? "some" : "bad";
    const title = !known ? "not known" : downMs === 0 ? "no outage" : `down for ${minutes(downMs)}`;
    return `<rect class="${kind}" x="${index * 10}" width="8" height="${kind === "bad" ? 40 : kind === "some" ? 34 : 28}" y="${kind === "bad" ? 0 : kind === "some" ? 6 : 12}" rx="2"><title>${date}: ${title}</title></rect>`;
  });
  return `<svg role="img" aria-label="${escaped(name)}, last 90 days: ${said}" viewBox="0 0 ${days.length * 10} 40" preserveAspectRatio="none">${lines.join("")}</svg>`;
}

const minutes = (ms: number): string => {
  const whole = Math.max(1, Math.round(ms / 60_000));
  if (whole < 120) return `${whole} min`;
  return whole < 48 * 60 ? `${Math.round(whole / 60)} h` : `${Math.round(whole / (24 * 60))} days`;
};
const legend = `<p class="legend" aria-hidden="true">A line for each day: ${[
  ["good", "no outage"],
  ["some", "down for less than a quarter of an hour"],
  ["bad", "down for longer"],
  ["none", "not known"],
]
  .map(
    ([kind, means]) =>
      `<span><svg viewBox="0 0 8 8"><rect class="${kind}" width="8" height="8" rx="2"/></svg> ${means}</span>`,
  )
  .join(" ")}</p>`;
/** Never rounded up to a whole. */
const percent = (share: number): string =>
  share === 1 ? "100 %" : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
const time = (iso: string, before: string): string =>
  `${before}<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

// Contrast of every text on its ground is at least 4.5 to 1, in both schemes.
const style = `:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --text: #1b2430; --soft: #566273; --line: #d7dce3;
 --good: #17703a; --some: #8a5a00; --bad: #b3261e; --calm: #2456a6; --none: #c3cad4; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --card: #1a2029; --text: #e7ebf0; --soft: #a3afbd; --line: #2f3844;
 --good: #5ccb86; --some: #e5b14c; --bad: #ff8a80; --calm: #8ab4f8; --none: #3b4552; } }
* { box-sizing: border-box; } body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; } h1 { font-size: 1.25rem; margin: 0; color: var(--soft); font-weight: 600; }
.overall { font-size: 1.75rem; line-height: 1.25; margin: 0.25rem 0 1.5rem; font-weight: 650; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 0.75rem; }
li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.9rem 1.1rem; display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; }
h2 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; } .state { margin: 0; font-weight: 600; text-align: right; } li p.notes, svg, .facts { grid-column: 1 / -1; }
.ends { display: flex; justify-content: space-between; font-size: 0.8rem; margin: 0.1rem 0 0; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; margin: 0 0 0.5rem; } .legend svg { display: inline-block; width: 0.7rem; height: 0.7rem; margin: 0; }
.notes { margin: 0.25rem 0 0; } .facts, footer { color: var(--soft); font-size: 0.9rem; margin: 0.35rem 0 0; } footer { margin-top: 1.5rem; }
svg { width: 100%; height: 2.25rem; margin-top: 0.6rem; display: block; } .good { fill: var(--good); } .some { fill: var(--some); } .bad { fill: var(--bad); } .none { fill: var(--none); }
.healthy { color: var(--good); } .degraded { color: var(--some); } .unhealthy, .error { color: var(--bad); } .maintenance { color: var(--calm); } .unknown { color: var(--soft); }
a { color: var(--calm); } a:focus-visible { outline: 3px solid var(--calm); outline-offset: 2px; border-radius: 2px; }
@media (max-width: 30rem) { .overall { font-size: 1.4rem; } li { grid-template-columns: 1fr; } .state { text-align: left; } svg { height: 1.75rem; } }
@media (forced-colors: active) { rect { forced-color-adjust: none; } }`;
