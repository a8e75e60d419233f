// Runs every panel and every rule expression against the running stack: ok, empty or error per item.
import { readFileSync } from "node:fs";
import { messageOf, stackError } from "../../components/errors.ts";
import { type Finding, panelItems, ruleItems, type Source, verify } from "../../dashboards/verify.ts";
import { command, stackOption } from "../stack/command.ts";
import { provisioned, readDashboards } from "../stack/dashboards.ts";
import { basicLogin, loginTo, runningStack, urlIn } from "../stack/running.ts";

const help = `npm run verify                       every panel and every rule of stack dev
npm run verify -- --stack S          another stack on this machine
npm run verify -- --wait 60          items that are not ok are tried again for so many seconds
npm run verify -- --prometheus URL   another Prometheus; needs --dashboards
    --password-file FILE             the password of its user vitals
npm run verify -- --dashboards DIR   dashboard JSON from a folder instead of the running stack's
npm run verify -- --json             [{ kind, item, status, detail }]
Ends with code 0 when every item is ok.`;

const options = {
  ...stackOption,
  wait: { type: "string", default: "0" },
  prometheus: { type: "string" },
  "password-file": { type: "string" },
  dashboards: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

await command(help, options, async ({ values }) => {
  const wait = Number(values.wait);
  if (!Number.isFinite(wait) || wait < 0)
    throw stackError("verify --wait", `"${values.wait}" is not a number of seconds`, "Write --wait 60.");
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
  const source: Source = { prometheus, headers, scrapeSeconds: 15, timeoutMs: 30_000 };
  const rules = await ruleItems(source).catch((error: unknown) => {
    throw stackError(
      prometheus.origin,
      `does not tell its rules: ${messageOf(error)}`,
      "Run npm run status to see whether Prometheus is ready.",
    );
  });
  const findings = await verify([...panelItems(readDashboards(folder), source), ...rules], wait * 1_000);
  console.log(values.json === true ? JSON.stringify(findings, null, 2) : report(findings));
  return findings.length > 0 && findings.every(({ status }) => status === "ok") ? 0 : 1;
});

function report(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ item }) => item.length));
  const lines = findings.map(
    ({ kind, item, status, detail }) => `${status.padEnd(5)}  ${kind}  ${item.padEnd(width)}  ${detail}`,
  );
  const number = (wanted: Finding["status"]): number => findings.filter(({ status }) => status === wanted).length;
  return `${lines.join("\n")}\n\n${findings.length} items: ${number("ok")} ok, ${number("empty")} empty, ${number("error")} error`;
}
