// Slack inboxes of a test's own, and what is posted to them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Message } from "../../demo/slack/message.ts";
import { type Running, startServer } from "./clinic.ts";

const folders: string[] = [];
export const inboxes: Running[] = [];
export const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "vitals-inbox-"));
  folders.push(folder);
  return folder;
};
export const runbook = ["--runbook", "http://127.0.0.1/runbooks/Watchdog"] as const;
export const startInbox = async (folder = newFolder(), ...args: readonly string[]): Promise<Running> => {
  const inbox = await startServer("slack/main.ts", "--data", folder, ...runbook, ...args);
  inboxes.push(inbox);
  return inbox;
};
afterAll(async () => {
  await Promise.all(inboxes.map(({ child }) => (child.alive() ? child.end("SIGKILL") : undefined)));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}, 30_000);

export const post = async (
  url: string,
  body: unknown,
  type = "application/json",
  path = "/services/T0/B0/secret-token",
) => {
  const response = await fetch(url + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": type },
  });
  return { status: response.status, text: await response.text(), retryAfter: response.headers.get("retry-after") };
};
export const ok = { status: 200, text: "ok", retryAfter: null };
export const read = async (url: string, query = ""): Promise<readonly Message[]> =>
  (await fetch(`${url}/api/messages${query}`)).json() as Promise<readonly Message[]>;

/** What Alertmanager's Slack receiver sends. */
export const alert = (state: "FIRING" | "RESOLVED", name: string) => ({
  channel: "#alerts",
  username: "Vitals",
  icon_emoji: state === "FIRING" ? ":rotating_light:" : ":white_check_mark:",
  link_names: false,
  attachments: [
    {
      title: `[${state}:1] ${name}`,
      title_link: "http://127.0.0.1:9093/#/alerts",
      text: `:red_circle: *${name}* on \`redis-0\`\n_look_ at <http://127.0.0.1/runbook|the runbook> &amp; act`,
      fallback: name,
      color: state === "FIRING" ? "danger" : "good",
      fields: [
        { title: "Severity", value: "page", short: true },
        { title: "Instance", value: "redis-0", short: true },
      ],
      actions: [{ type: "button", text: "Dashboard", url: "http://127.0.0.1/d/redis", style: "primary" }],
      footer: "Alertmanager",
      ts: 1_767_225_600,
      mrkdwn_in: ["text"],
    },
  ],
});
