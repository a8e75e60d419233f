// The walk from a message to its cause, as the person on call makes it: the message, its links, the panel and its data, the traces that
// are searched for and those that points of panels lead to, the runbook and the query that it names.
import type { Problem } from "../../components/errors.ts";
import { dashboardUid } from "../../dashboards/link.ts";
import { type Source, verify } from "../../dashboards/verify.ts";
import { exemplarsIn, panelItems } from "../../dashboards/verify-items.ts";
import { panelsOf } from "../../dashboards/viewer/browser/model.ts";
import { provisioned, readDashboards } from "../stack/dashboards.ts";
import { loginTo, type RunningStack, urlIn } from "../stack/running.ts";
import type { Drill } from "./drill.ts";
import type { Told } from "./inbox.ts";

/** A message that does not come through Prometheus has no more than the first. */
const links = ["Runbook", "Dashboard", "Query", "Traces", "Silence"] as const;
const waitForCause = 60_000;

/** Every step that leads nowhere; none when the cause is reached. `since`: when the fault began, in milliseconds since 1970. */
export async function walk(
  { alert, cause, traced }: Drill,
  message: Told,
  since: number,
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
  const point = traced === true ? await exemplarLost(running, urls, since) : undefined;
  const [asked, shown] = [new URL(urls.get("Query") ?? "http://none").searchParams.get("g0.expr"), cause?.text];
  return [
    ...missing.map((name) => lost(`has no link ${name}`)),
    ...pages.filter((_, index) => !opened[index]).map(([name, url]) => lost(`${name} does not open at ${url}`)),
    ...[panel, traces, point].flatMap((each) => (each === undefined ? [] : [lost(each)])),
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
  const { findings } = await verify(panelItems([alone], sourceIn(running)), { waitMs: 0, limitMs: 60_000 });
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

/**
 * What is wrong with the way from a point of a panel to its trace; undefined when one that was measured since the fault leads to a trace
 * of the service that the message's own search names. The panels are those of the message's dashboard, and of the one for traces that
 * each dashboard links to.
 */
async function exemplarLost(
  running: RunningStack,
  urls: ReadonlyMap<string, string>,
  since: number,
): Promise<string | undefined> {
  const service = new URL(urls.get("Traces") ?? "http://none").searchParams.get("service");
  const near = [new URL(urls.get("Dashboard") ?? "http://none").pathname.replace("/d/", ""), dashboardUid("tracing")];
  const dashboards = readDashboards(provisioned(running)).filter(({ uid }) => near.includes(uid));
  const found = await until(async () => {
    const points = await exemplarsIn(dashboards, sourceIn(running));
    // The newest first: Jaeger keeps so many.
    const fresh = points.filter(({ at }) => at * 1_000 >= since).toSorted((one, other) => other.at - one.at);
    for (const { traceId } of fresh.slice(0, tried))
      if ((await servicesIn(running, traceId)).some((name) => name === service)) return true;
    return false;
  });
  return found ? undefined : `no point of a panel of ${near.join(" or ")} leads to a trace of ${service}`;
}

/** So many points a person would try. */
const tried = 40;

/** Whose spans are in a trace; none where Jaeger does not have it. */
async function servicesIn(running: RunningStack, traceId: string): Promise<readonly string[]> {
  const response = await fetch(`${urlIn(running, "jaeger", "web")}/api/traces/${traceId}`, {
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) return [];
  const { data } = (await response.json()) as {
    readonly data: readonly { readonly processes: Readonly<Record<string, { readonly serviceName: string }>> }[];
  };
  return data.flatMap(({ processes }) => Object.values(processes).map(({ serviceName }) => serviceName));
}

const sourceIn = (running: RunningStack): Source => ({
  prometheus: new URL(urlIn(running, "prometheus", "web")),
  headers: loginTo(running, "prometheus"),
  scrapeSeconds: 15,
  timeoutMs: 30_000,
});

async function opens(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok;
  } catch {
    return false;
  }
}

/** Whether a query has a result, which a fault that is as old as a message may need a scrape or two for. */
function answers(running: RunningStack, query: string): Promise<boolean> {
  const url = `${urlIn(running, "prometheus", "web")}/api/v1/query?query=${encodeURIComponent(query)}`;
  return until(async () => {
    const response = await fetch(url, { headers: loginTo(running, "prometheus"), signal: AbortSignal.timeout(5_000) });
    const { data } = (await response.json()) as { readonly data?: { readonly result: readonly unknown[] } };
    return (data?.result.length ?? 0) > 0;
  });
}

/** Asks once a second, for as long as a cause is waited for. */
async function until(ask: () => Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + waitForCause; ; ) {
    if (await ask()) return true;
    if (Date.now() > end) return false;
    await new Promise((next) => setTimeout(next, 1_000));
  }
}
