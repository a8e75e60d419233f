// Runs every variable, every panel and every rule expression against the running stack: ok, empty or error per item.
import { readFileSync } from "node:fs";
import { stackError } from "../../components/errors.ts";
import { type Finding, type Source, verify, whenThere } from "../../dashboards/verify.ts";
import { panelItems, ruleItems } from "../../dashboards/verify-items.ts";
import { QueryError } from "../../dashboards/viewer/browser/ask.ts";
import { command, stackOption } from "../stack/command.ts";
import { provisioned, readDashboards } from "../stack/dashboards.ts";
import { basicLogin, loginTo, runningStack, urlIn } from "../stack/running.ts";

const help = `npm run verify                       every variable, every panel and every rule of stack dev
npm run verify -- --stack S          another stack on this machine
npm run verify -- --wait 60          what is not ok, or not there yet, is tried again for so many seconds
npm run verify -- --limit 180        all of it ends after so many seconds, the wait besides; default: 180
npm run verify -- --prometheus URL   another Prometheus; needs --dashboards
    --password-file FILE             the password of its user vitals
npm run verify -- --dashboards DIR   dashboard JSON from a folder instead of the running stack's
npm run verify -- --json             [{ kind, item, status, detail }]
Ends with code 0 when every item is ok, with 1 otherwise.`;

const options = {
  ...stackOption,
  wait: { type: "string", default: "0" },
  limit: { type: "string", default: "180" },
  prometheus: { type: "string" },
  "password-file": { type: "string" },
  dashboards: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

await command(help, options, async ({ values }) => {
  const waitMs = millisecondsOf("wait", values.wait);
  const limitMs = millisecondsOf("limit", values.limit);
  const stack = String(values.stack);
  const folder = typeof values.dashboards === "string" ? values.dashboards : provisioned(runningStack(stack));
  const address =
    typeof values.prometheus === "string" ? values.prometheus : urlIn(runningStack(stack), "prometheus", "web");
  const prometheus = URL.parse(address);
  if (prometheus === null)
    throw stackError("verify --prometheus", `"${address}" is not a URL`, "Write --prometheus http://127.0.0.1:9090.");
  const headers =
    typeof values["password-file"] === "string"
      ? basicLogin(readFileSync(values["password-file"], "utf8"))
      : typeof values.prometheus === "string"
        ? {}
        : loginTo(runningStack(stack), "prometheus");
  const dashboards = readDashboards(folder);
  const stop = new AbortController();
  const source: Source = { prometheus, headers, scrapeSeconds: 15, timeoutMs: 30_000, signal: stop.signal };
  const begun = Date.now();
  const { findings, left } = await whenThere(() => ruleItems(source), waitMs)
    .then((rules) =>
      verify([...panelItems(dashboards, source), ...rules], {
        waitMs: Math.max(0, begun + waitMs - Date.now()),
        limitMs,
      }),
    )
    .catch((error: unknown) => {
      throw away(prometheus, error);
    })
    .finally(() => stop.abort());
  console.log(values.json === true ? JSON.stringify(findings, null, 2) : report(findings));
  if (left > 0)
    console.error(
      `verify: the time was up after ${(waitMs + limitMs) / 1_000} s with ${left} items left\n  -> Prometheus is slow; give it more: --limit ${(2 * limitMs) / 1_000}.`,
    );
  return left === 0 && findings.length > 0 && findings.every(({ status }) => status === "ok") ? 0 : 1;
});

/** One line in the place of one for each item. */
function away({ origin }: URL, error: unknown): unknown {
  if (!(error instanceof QueryError)) return error;
  const what = error.kind === "away" ? "cannot be reached" : `does not tell its rules: ${error.message}`;
  return stackError(origin, what, "Run npm run status to see whether Prometheus is ready.");
}

function millisecondsOf(option: "wait" | "limit", text: unknown): number {
  const seconds = Number(text);
  if (text !== "" && Number.isFinite(seconds) && seconds >= (option === "limit" ? 1 : 0)) return seconds * 1_000;
  throw stackError(`verify --${option}`, `"${text}" is not a number of seconds`, `Write --${option} 60.`);
}

function report(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ item }) => item.length));
  const lines = findings.map(
    ({ kind, item, status, detail }) => `${status.padEnd(5)}  ${kind.padEnd(8)}  ${item.padEnd(width)}  ${detail}`,
  );
  const number = (wanted: Finding["status"]): number => findings.filter(({ status }) => status === wanted).length;
  return `${lines.join("\n")}\n\n${findings.length} items: ${number("ok")} ok, ${number("empty")} empty, ${number("error")} error`;
}
