// A real Alertmanager on the configuration that is shipped, with its waits made short, and a server that takes what it sends.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { stringify } from "yaml";
import { slackTemplate } from "../../alerts/message.ts";
import { alertmanagerConfig } from "../../alerts/routing.ts";
import type { StackConfig } from "../../components/config.ts";
import type { Tree } from "../../components/spec.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { withServiceNames } from "../../tools/rules/names.ts";
import { inFolder, toolPath } from "./tools.ts";

export const alertmanager = toolPath("alertmanager") ?? "";

export const filesFor = (stack: StackConfig): Readonly<Record<string, Tree>> => ({
  "alertmanager.yaml": alertmanagerConfig(stack, { template: "slack.tmpl" }),
  "slack.tmpl": withServiceNames(slackTemplate),
});

/** What was posted to one path. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly at: number;
}

export interface Message {
  readonly channel: string;
  readonly attachments: readonly {
    readonly title: string;
    readonly title_link: string;
    readonly text: string;
    readonly color: string;
    readonly fallback: string;
  }[];
}

export interface Bench {
  readonly post: (alerts: readonly object[]) => Promise<void>;
  /** What Slack has received, once it is at least so many. */
  readonly messages: (count: number) => Promise<readonly Message[]>;
  /** What a path has received, once it is at least so many. */
  readonly received: (path: string, count: number) => Promise<readonly Received[]>;
  /** Long enough for whatever else would be sent. */
  readonly settle: () => Promise<void>;
  /** Alertmanager's own metrics. */
  readonly metrics: () => Promise<string>;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Setting {
  /** How the server answers a post; default 200. */
  readonly answer?: (path: string) => Answer;
  /** Text of the shipped configuration -> text that a test needs in its place. `HERE` stands for the server's URL. */
  readonly replace?: Readonly<Record<string, string>>;
  /** Takes calls to https://slack.com in the place of Slack. */
  readonly slackApi?: boolean;
  /** Secret files, by the name of the secret. `HERE` as above. */
  readonly secrets?: Readonly<Record<string, string>>;
}

const inboxPath = "/services/vitals";

export async function withAlertmanager(
  stack: StackConfig,
  use: (bench: Bench) => Promise<void>,
  { answer, replace = {}, slackApi = false, secrets = {} }: Setting = {},
): Promise<void> {
  const all: Received[] = [];
  const server = await listen((one) => {
    all.push(one);
    return answer?.(one.path) ?? { status: 200, body: "ok" };
  });
  const viaProxy =
    "follow_redirects: false\n          proxy_url: HERE\n          tls_config: { insecure_skip_verify: true }";
  const local = (text: string): string => text.replaceAll("HERE", server.url);
  const adapt = (text: string): string => {
    const changes = {
      "http://slack-relay": "HERE",
      ...(slackApi ? { "follow_redirects: false": viaProxy } : {}),
      ...replace,
    };
    const changed = Object.entries(changes).reduce((now, [from, to]) => now.replaceAll(from, to), text);
    return local(changed)
      .replaceAll("/secrets/", "")
      .replaceAll(/(group_wait|group_interval): \w+/g, "$1: 1s");
  };
  const files = Object.fromEntries(
    Object.entries(filesFor(stack)).map(([name, tree]) => [
      name,
      adapt(typeof tree === "string" ? tree : stringify(withServiceNames(tree))),
    ]),
  );
  const secretTexts = Object.fromEntries(Object.entries(secrets).map(([name, text]) => [name, local(text)]));
  try {
    await inFolder({ ...files, ...secretTexts }, async (folder) => {
      const { address, end } = await start(folder);
      const received = async (path: string, count: number): Promise<readonly Received[]> => {
        const there = () => all.filter((one) => one.path === path);
        await until(() => there().length >= count);
        return there();
      };
      try {
        await use({
          post: async (alerts) => {
            const { status } = await fetch(`http://${address}/api/v2/alerts`, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify(alerts),
            });
            expect(status).toBe(200);
          },
          received,
          messages: async (count) => (await received(inboxPath, count)).map(({ body }) => body as Message),
          settle: () => new Promise((resolve) => setTimeout(resolve, 2_500)),
          metrics: async () => (await fetch(`http://${address}/metrics`)).text(),
        });
      } finally {
        await end();
      }
    });
  } finally {
    await server.close();
  }
}

/** An alert as Prometheus would send it. */
export const alert = (alertname: string, severity: string, service: string, summary: string) => ({
  labels: { alertname, severity, service, owner: "platform" },
  annotations: {
    summary,
    action: "See whether its process runs.",
    value: "0",
    reading: "`redis_up` is 0",
    runbook_url: `docs/runbooks/${alertname}.md`,
    dashboard_url: "http://grafana/d/vitals-overview",
  },
  // An alert that is older than group_wait is sent at once, before what would inhibit it.
  startsAt: new Date().toISOString(),
  endsAt: new Date(Date.now() + 3_600_000).toISOString(),
  generatorURL: "http://prometheus/graph?g0.expr=redis_up",
});

/** Answers over HTTP, and as a proxy (CONNECT) in the place of any server that speaks TLS. */
async function listen(take: (one: Received) => Answer) {
  const answer: RequestListener = (request, response) => {
    let text = "";
    request.on("data", (data: Buffer) => (text += data.toString()));
    request.on("end", () => {
      const { url: path = "", headers } = request;
      const { status, headers: more, body } = take({ path, headers, body: parsed(text), at: Date.now() });
      response.writeHead(status, more).end(body);
    });
  };
  const server = createServer(answer);
  const year = 365 * 86_400_000;
  const secure = createSecureServer(selfSigned("slack.com", new Date(), new Date(Date.now() + year)), answer);
  server.on("connect", (_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    secure.emit("connection", socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      secure.closeAllConnections();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function start(folder: string): Promise<{ readonly address: string; readonly end: () => Promise<void> }> {
  const args = [
    "--config.file=alertmanager.yaml",
    "--storage.path=data",
    "--web.listen-address=127.0.0.1:0",
    "--cluster.listen-address=",
  ];
  const child: ChildProcess = spawn(alertmanager, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr?.on("data", (data: Buffer) => (log += data.toString()));
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const end = async () => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await gone;
  };
  const addressIn = () => /msg="Listening on" address=(127\.0\.0\.1:\d+)/.exec(log)?.[1];
  await until(() => addressIn() !== undefined || child.exitCode !== null);
  const address = addressIn();
  if (address === undefined) throw new Error(`Alertmanager did not start: ${log}`);
  return { address, end };
}

async function until(done: () => boolean): Promise<void> {
  for (let waited = 0; !done() && waited < 300; waited++) await new Promise((resolve) => setTimeout(resolve, 100));
  expect(done()).toBe(true);
}
