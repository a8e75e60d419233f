// The walk from a message to its cause, as the person on call makes it: the message, its links, the panel and its data, the traces, the
// runbook and the query that it names.
import type { Problem } from "../../components/errors.ts";
import { panelItems, verify } from "../../dashboards/verify.ts";
import { panelsOf } from "../../dashboards/viewer/browser/model.ts";
import { provisioned, readDashboards } from "../stack/dashboards.ts";
import { loginTo, type RunningStack, urlIn } from "../stack/running.ts";
import type { Drill } from "./drill.ts";
import type { Told } from "./inbox.ts";

/** A message that does not come through Prometheus has no more than the first. */
const links = ["Runbook", "Dashboard", "Query", "Traces", "Silence"] as const;
const waitForCause = 60_000;

/** Every step that leads nowhere; none when the cause is reached. */
export async function walk(
  { alert, cause, traced }: Drill,
  message: Told,
  running: RunningStack,
): Promise<readonly Problem[]> {
  const urls = new Map(
    [...message.text.matchAll(/<(https?:[^|>]+)\|([^>]+)>/g)].map(([, url = "", name = ""]) => [name, url] as const),
  );
  const lost = (what: string): Problem => ({
    where: `${alert}: ${message.title}`,
    what,
    remedy: "Mend the message, or the runbook.",
  });
  const wanted = cause === undefined ? links.slice(0, 1) : links;
  const missing = wanted.filter((name) => !urls.has(name));
  const pages = [...urls].filter(([name]) => name === "Runbook" || name === "Dashboard");
  const opened = await Promise.all(pages.map(([, url]) => opens(url)));
  const panel = await panelLost(running, urls.get("Dashboard"));
  const traces = await tracesLost(running, urls.get("Traces"), traced === true);
  const [asked, shown] = [new URL(urls.get("Query") ?? "http://none").searchParams.get("g0.expr"), cause?.text];
  return [
    ...missing.map((name) => lost(`has no link ${name}`)),
    ...pages.filter((_, index) => !opened[index]).map(([name, url]) => lost(`${name} does not open at ${url}`)),
    ...[panel, traces].flatMap((each) => (each === undefined ? [] : [lost(each)])),
    ...(asked === null || (await answers(running, asked)) ? [] : [lost(`its query shows nothing: ${asked}`)]),
    ...(shown === undefined || (await answers(running, shown))
      ? []
      : [lost(`what the runbook looks at shows nothing: ${shown}`)]),
  ];
}

/** What is wrong with the panel that a link opens; undefined when it draws something. A link to a whole dashboard needs that alone. */
async function panelLost(running: RunningStack, link: string | undefined): Promise<string | undefined> {
  if (link === undefined) return undefined;
  const { pathname, searchParams } = new URL(link);
  const [uid, id] = [pathname.replace("/d/", ""), searchParams.get("viewPanel")?.replace("panel-", "")];
  const dashboard = readDashboards(provisioned(running)).find((each) => each.uid === uid);
  if (dashboard === undefined) return `leads to the dashboard ${uid}, which is not there`;
  if (id === undefined) return undefined;
  const panel = panelsOf(dashboard).find((each) => String(each.id) === id);
  if (panel === undefined) return `leads to panel ${id} of ${uid}, which is not there`;
  const alone = { ...dashboard, annotations: { list: [] }, panels: [panel] };
  const source = {
    prometheus: new URL(urlIn(running, "prometheus", "web")),
    headers: loginTo(running, "prometheus"),
    scrapeSeconds: 15,
    timeoutMs: 30_000,
  };
  const findings = await verify(panelItems([alone], source), 0);
  const wrong = findings.filter(({ status }) => status === "error").map(({ item, detail }) => `${item}: ${detail}`);
  if (wrong.length > 0) return `its panel fails: ${wrong.join("; ")}`;
  return findings.some(({ status, detail }) => status === "ok" && /^[1-9]\d* series$/.test(detail))
    ? undefined
    : `its panel "${panel.title ?? id}" draws nothing`;
}

/** What is wrong with a link to traces: Jaeger's own API is asked for what the page would search. */
async function tracesLost(running: RunningStack, link: string | undefined, some: boolean): Promise<string | undefined> {
  if (link === undefined) return undefined;
  const { search } = new URL(link);
  const response = await fetch(`${urlIn(running, "jaeger", "web")}/api/traces${search}&limit=5`, {
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) return `its search for traces is answered with ${response.status}`;
  const { data } = (await response.json()) as { readonly data: readonly unknown[] };
  return some && data.length === 0 ? `its search finds no trace: ${link}` : undefined;
}

async function opens(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}

/** Whether a query has a result, which a fault that is as old as a message may need a scrape or two for. */
async function answers(running: RunningStack, query: string): Promise<boolean> {
  const url = `${urlIn(running, "prometheus", "web")}/api/v1/query?query=${encodeURIComponent(query)}`;
  for (const end = Date.now() + waitForCause; ; ) {
    const response = await fetch(url, { headers: loginTo(running, "prometheus"), signal: AbortSignal.timeout(5_000) });
    const { data } = (await response.json()) as { readonly data?: { readonly result: readonly unknown[] } };
    if ((data?.result.length ?? 0) > 0) return true;
    if (Date.now() > end) return false;
    await new Promise((next) => setTimeout(next, 1_000));
  }
}
