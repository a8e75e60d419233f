// Each alert's Slack message as it will look: the shipped template, filled by Alertmanager's own tool with what the alert's proofs say.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Finished, finish, type Links } from "../../alerts/finish.ts";
import { slackTemplate } from "../../alerts/message.ts";
import { type Alert, fillLabels, fillValue, type Labels } from "../../alerts/rule.ts";
import { outsideUrl, type Tree } from "../../components/spec.ts";

export interface Preview {
  readonly alert: string;
  readonly title: string;
  readonly titleLink: string;
  readonly text: string;
  readonly color: string;
}

/** A reference -> its text, such as a page's URL. */
export type Resolve = (tree: Tree) => Tree;

const parts = ["title", "title_link", "text", "color"] as const;
const separator = "\u001e";

/** One message for each alert, of a family its first member. `amtool` is the program's path. */
export async function previews(
  amtool: string,
  alerts: readonly Alert[],
  resolve: Resolve,
  links: Pick<Links, "front">,
): Promise<readonly Preview[]> {
  const firsts = [...new Map(alerts.toReversed().map((alert) => [alert.name, alert])).values()].toReversed();
  const folder = await mkdtemp(join(tmpdir(), "vitals-preview-"));
  try {
    const template = join(folder, "slack.tmpl");
    await writeFile(template, String(resolve(slackTemplate)));
    const shown: Preview[] = [];
    for (const alert of firsts) {
      const data = join(folder, `${alert.name}.json`);
      await writeFile(data, JSON.stringify(notification(alert, resolve, links)));
      const text = parts.map((part) => `{{ template "vitals.${part}" . }}`).join(separator);
      const args = ["template", "render", "--no-version-check"];
      const given = [`--template.glob=${template}`, `--template.data=${data}`, `--template.text=${text}`];
      const { stdout } = await promisify(execFile)(amtool, [...args, ...given], { timeout: 10_000 });
      const [title = "", titleLink = "", body = "", color = ""] = stdout.split(separator).map((each) => each.trim());
      shown.push({ alert: alert.name, title, titleLink, text: body, color });
    }
    return shown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What Alertmanager hands to its templates: a group of one alert that fires. */
function notification(alert: Alert, resolve: Resolve, links: Pick<Links, "front">) {
  const finished = finish(alert, { runbooks: outsideUrl("integration-health/web", "/runbooks"), ...links });
  const own = exampleOf(alert);
  const labels: Labels = { alertname: alert.name, ...own, ...filled(finished.labels, own) };
  const text = alert.proofs.find((proof) => proof.text !== undefined)?.text;
  const annotations = Object.fromEntries(
    Object.entries(resolve({ ...finished.annotations }) as Readonly<Record<string, string>>).map(([name, value]) => [
      name,
      fillValue(fillLabels(value, labels), text?.value ?? "1"),
    ]),
  );
  return {
    status: "firing",
    receiver: "slack",
    commonLabels: labels,
    groupLabels: { alertname: alert.name, service: labels.service },
    alerts: [
      {
        status: "firing",
        labels,
        annotations,
        startsAt: new Date().toISOString(),
        generatorURL: `${String(resolve(outsideUrl("prometheus/web")))}/graph?g0.expr=${encodeURIComponent(alert.expr.text)}`,
      },
    ],
  };
}

/** The labels of the first alert that a proof shows firing. */
const exampleOf = ({ proofs }: Alert): Labels =>
  proofs.flatMap(({ firing }) => Object.values(firing)).find((all) => (all?.length ?? 0) > 0)?.[0] ?? {};

const filled = (labels: Finished["labels"], own: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, fillLabels(value, own)]));

/** As a terminal shows it: bold where Slack is, a link's text for the link. */
export function forTerminal({ title, text, color }: Preview, tty: boolean): string {
  const paint = (code: string, words: string): string => (tty ? `\u001b[${code}m${words}\u001b[0m` : words);
  const bar = paint(color === "danger" ? "31" : color === "good" ? "32" : "33", "▌");
  const body = text
    .replaceAll(/<[^|>]+\|([^>]+)>/g, (_, words: string) => paint("4", words))
    .replaceAll(/\*([^*\n]+)\*/g, (_, words: string) => paint("1", words))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
  return [paint("1", title), ...body.split("\n")].map((line) => `${bar} ${line}`).join("\n");
}

/** As a webhook of Slack takes it. */
export const asPayload = ({ title, titleLink, text, color }: Preview, channel: string): object => ({
  channel,
  username: "Alertmanager",
  attachments: [{ title, title_link: titleLink, text, color, fallback: title, footer: "Vitals · preview" }],
});
