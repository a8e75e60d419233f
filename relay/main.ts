// Stands between Alertmanager and Slack: takes each message at once, keeps it until Slack has it, and never posts faster than Slack
// allows. node relay/main.ts --queue DIR (--url URL | --url-file FILE) [--host H] [--port N]
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { parseArgs } from "node:util";
import { formatProblems, messageOf, StackError, stackError } from "../components/errors.ts";
import { createServer } from "../components/http.ts";
import { sayLastWords } from "../components/last-words.ts";
import { relay } from "../telemetry/catalogue/relay.ts";
import { createLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { type Message, openQueue, type Queue } from "./queue.ts";
import { isWebhook, startSender } from "./sender.ts";

const usage = "node relay/main.ts --queue DIR (--url URL | --url-file FILE) [--host 127.0.0.1] [--port 0]";

/** What Alertmanager posts to. */
const path = "/services/vitals";
const bodyLimit = 1_048_576;
const mostQueued = 10_000;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

try {
  await main();
} catch (error) {
  const known = error instanceof StackError;
  process.stderr.write(`${known ? formatProblems(error.problems) : messageOf(error)}\n`);
  process.exit(known ? 2 : 1);
}

async function main(): Promise<void> {
  const { folder, url, host, port } = readArguments();
  const log = createLog("slack-relay");
  sayLastWords(log);
  const metrics = createMetrics(relay);
  const queue = await openQueue(folder, mostQueued);
  const posts = metrics.counter("slack_relay_posts_total");
  const failures = metrics.counter("slack_relay_post_failures_total");
  const dropped = metrics.counter("slack_relay_messages_dropped_total");
  metrics.start({});
  metrics.source(() => [
    { metric: "slack_relay_queued_messages", labels: {}, value: queue.size() },
    {
      metric: "slack_relay_oldest_message_age_seconds",
      labels: {},
      value: Math.max(0, ...queue.head(1).map(({ takenAt }) => (Date.now() - takenAt) / 1_000)),
    },
  ]);

  // Messages are taken all the same, and wait for it.
  if (!isWebhook(await url().catch(() => "")))
    log.warn("no webhook of Slack: its file is missing or has no URL", { cause: "no_webhook" });
  let failing = false;
  const sender = startSender({
    queue,
    url,
    posted: (failure) => {
      posts.inc({});
      if (failure !== undefined) failures.inc({ cause: failure });
      if ((failure !== undefined) === failing) return;
      failing = failure !== undefined;
      if (failing) log.warn("Slack takes no message", { cause: failure });
      else log.info("Slack takes messages again");
    },
    dropped: () => {
      dropped.inc({});
      log.error("message given up", { cause: "invalid" });
    },
  });

  const taken = metrics.counter("slack_relay_messages_total");
  const refused = metrics.counter("slack_relay_messages_refused_total");
  const take = async (request: IncomingMessage): Promise<Answer> => {
    const message = readMessage(await bodyOf(request));
    if (message === undefined) return { status: 400, body: "invalid_payload" };
    if (!(await kept(queue, message))) {
      refused.inc({});
      return { status: 503, body: "queue_full" };
    }
    taken.inc({});
    sender.wake();
    return { status: 200, body: "ok" };
  };
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method === "POST") return request.url === path ? take(request) : { status: 404, body: "no_such_page" };
    switch (request.url) {
      case "/healthz":
      case "/readyz":
        return { status: 200, body: "ok" };
      case "/metrics": {
        const { contentType, body } = await metrics.render(request.headers.accept);
        return { status: 200, body, contentType };
      }
      default:
        return { status: 404, body: "no_such_page" };
    }
  };

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body, contentType = "text/plain; charset=utf-8" }) =>
        response.writeHead(status, { "content-type": contentType }).end(body),
      () => response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end("failed"),
    );
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        stackError(`${host}:${port}`, `cannot be listened on (${error.code})`, "Choose another --host or --port."),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  log.info("listening", { port: typeof address === "object" && address !== null ? address.port : port });

  const end = async (): Promise<void> => {
    log.info("stopping");
    server.close();
    server.closeIdleConnections();
    await sender.close();
    log.info("stopped");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end());
}

/** A disk that takes nothing is as good as a full queue: Alertmanager keeps the message and comes again. */
const kept = (queue: Queue, message: Message): Promise<boolean> => queue.add(message).catch(() => false);

/** The body's text; undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= bodyLimit) chunks.push(chunk);
  }
  return length > bodyLimit ? undefined : Buffer.concat(chunks).toString();
}

function readMessage(text: string | undefined): Message | undefined {
  try {
    const message = JSON.parse(text ?? "") as Message;
    return Array.isArray(message.attachments) && message.attachments.length > 0 ? message : undefined;
  } catch {
    return undefined;
  }
}

function readArguments() {
  const { queue, url, urlFile, host, port } = parse();
  if (queue === undefined) throw stackError("relay --queue", "is missing", usage);
  if ((url === undefined) === (urlFile === undefined))
    throw stackError("relay", "needs --url or --url-file, and not both", usage);
  const number = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  if (!(number <= 65_535)) throw stackError("relay --port", "is not a port", "Give a number from 0 to 65535.");
  return {
    folder: queue,
    host,
    port: number,
    url: async () => url ?? (await readFile(urlFile ?? "", "utf8")).trim(),
  };
}

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        queue: { type: "string" },
        url: { type: "string" },
        "url-file": { type: "string" },
        host: { type: "string", default: "127.0.0.1" },
        port: { type: "string", default: "0" },
      },
    });
    return { ...values, urlFile: values["url-file"] };
  } catch (error) {
    throw stackError("relay", messageOf(error), usage);
  }
}
