// The walk from a message to its cause, as the person on call makes it: the message, its links, the runbook, the query that it names.
import type { Problem } from "../../components/errors.ts";
import { loginTo, type RunningStack, urlIn } from "../stack/running.ts";
import type { Drill } from "./drill.ts";
import type { Told } from "./inbox.ts";

/** A message that does not come through Prometheus has no more than the first. */
const links = ["Runbook", "Dashboard", "Query", "Silence"] as const;
const waitForCause = 60_000;

/** Every step that leads nowhere; none when the cause is reached. */
export async function walk({ alert, cause }: Drill, message: Told, running: RunningStack): Promise<readonly Problem[]> {
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
  const [asked, shown] = [new URL(urls.get("Query") ?? "http://none").searchParams.get("g0.expr"), cause?.text];
  return [
    ...missing.map((name) => lost(`has no link ${name}`)),
    ...pages.filter((_, index) => !opened[index]).map(([name, url]) => lost(`${name} does not open at ${url}`)),
    ...(asked === null || (await answers(running, asked)) ? [] : [lost(`its query shows nothing: ${asked}`)]),
    ...(shown === undefined || (await answers(running, shown))
      ? []
      : [lost(`what the runbook looks at shows nothing: ${shown}`)]),
  ];
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
