// The supervisor's process: takes the stack's lock, serves its socket and its metrics, and leaves when its state folder does.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, StackError, stackError } from "../../errors.ts";
import { createServer } from "../../http.ts";
import { layout } from "./layout.ts";
import { processMetrics } from "./metrics.ts";
import { type Delivery, type Hello, protocolVersion } from "./protocol.ts";
import { readJson, writeJson } from "./records.ts";
import { socketPath } from "./socket.ts";
import { createSupervisor } from "./supervisor.ts";
import { bootId, type Identity, identify, isAlive } from "./table.ts";

/** Who supervises a stack, for everyone who reads its state folder. */
export interface SupervisorRecord {
  readonly identity: Identity;
  readonly socket: string;
  readonly code: string;
  readonly stack: string;
  readonly checkout: string;
  readonly metricsPort: number;
}

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      root: { type: "string" },
      stack: { type: "string" },
      checkout: { type: "string" },
      code: { type: "string" },
      "metrics-port": { type: "string" },
    },
  });
  const { root = "", stack = "", checkout = "", code = "", "metrics-port": port = "0" } = values;
  const identity = identify(process.pid) ?? { pid: process.pid, start: "", boot: bootId() };
  const paths = layout(root);
  const record: SupervisorRecord = {
    identity,
    socket: socketPath(root),
    code,
    stack,
    checkout,
    metricsPort: Number(port),
  };
  const other = readJson<SupervisorRecord>(paths.supervisorFile);
  if (other !== undefined && isAlive(other.identity))
    throw stackError(
      stack,
      `is already supervised by process ${other.identity.pid}`,
      "Use that one; it serves the same state folder.",
    );
  writeJson(paths.supervisorFile, record);
  const isOurs = () => readJson<SupervisorRecord>(paths.supervisorFile)?.identity.pid === process.pid;
  // Two may have found the same dead one: whoever's record lies there now has won.
  await new Promise((settle) => setTimeout(settle, 20));
  if (!isOurs()) process.exit(0);

  const supervisor = createSupervisor(root);
  let api: Server;

  let guard: NodeJS.Timeout | undefined;
  const leave = (): void => {
    // It would take our own removal of the record for the loss of the state folder, and end what the successor is to adopt.
    clearInterval(guard);
    supervisor.letGo();
    if (isOurs()) for (const path of [paths.supervisorFile, record.socket]) rmSync(path, { force: true });
    // The answer to the request that asked for it still goes out.
    setTimeout(() => process.exit(0), 50);
  };
  const leaveFor = async (): Promise<void> => {
    await supervisor.stopAll();
    leave();
  };

  const routes: Record<string, (body: unknown) => unknown> = {
    "GET /v1/hello": (): Hello => ({ protocol: protocolVersion, pid: process.pid, code }),
    "GET /v1/status": () => supervisor.status(),
    "POST /v1/apply": (body) => supervisor.apply(body as Delivery),
    "POST /v1/restart": async (body) => ({
      readyAfterMs: await supervisor.restart((body as { instance: string }).instance),
    }),
    "POST /v1/stop": (body) => supervisor.stop((body as { instance: string }).instance),
    "POST /v1/remove": (body) => supervisor.remove((body as { instance: string }).instance),
    // Instances that no longer belong to the stack: an `up` that was killed may have left some.
    "POST /v1/prune": async (body) => {
      const { keep } = body as { keep: readonly string[] };
      const strays = supervisor.status().filter(({ instance }) => !keep.includes(instance));
      await Promise.all(strays.map(({ instance }) => supervisor.remove(instance)));
    },
    "POST /v1/leave": leave,
    "POST /v1/shutdown": leaveFor,
  };

  const serve = (): Server => {
    rmSync(record.socket, { force: true });
    return createServer((request, response) => void answer(routes, request, response)).listen(record.socket);
  };
  api = serve();
  const metrics = createServer((request, response) => void answerMetrics(request, response));
  metrics.on("error", (error) => console.error(`metrics: ${error.message}`));
  const serveMetrics = () => void metrics.listen(record.metricsPort, "127.0.0.1");
  serveMetrics();

  const shown = processMetrics(root, supervisor.status);
  async function answerMetrics({ url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url !== "/metrics") return void response.writeHead(404).end();
    const { contentType, body } = await shown.render(headers.accept);
    response.writeHead(200, { "content-type": contentType }).end(body);
  }

  guard = setInterval(() => {
    // Gone or moved: what runs would write to nowhere, and nobody would find it again.
    if (!existsSync(paths.supervisorFile)) return void leaveFor();
    if (!isOurs()) return leave();
    if (!existsSync(record.socket)) {
      mkdirSync(dirname(record.socket), { recursive: true, mode: 0o700 });
      api.close();
      api = serve();
    }
    // A service that is yet to move to another port may still have had this one.
    if (!metrics.listening) serveMetrics();
  }, 3_000);
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, leave);
  process.on("uncaughtException", (error) => console.error(error));
  process.on("unhandledRejection", (error) => console.error(error));
}

async function answer(
  routes: Record<string, (body: unknown) => unknown>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body ?? null));
  const route = routes[`${request.method} ${request.url}`];
  if (route === undefined)
    return void send(404, {
      problems: [
        {
          where: "supervisor",
          what: `knows no ${request.method} ${request.url}`,
          remedy: "Run pulumi up, which brings both sides to one version.",
        },
      ],
    });
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    send(200, await route(chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"))));
  } catch (error) {
    const problems =
      error instanceof StackError
        ? error.problems
        : [
            {
              where: "supervisor",
              what: messageOf(error),
              remedy: "Read logs/supervisor.log in the stack's state folder.",
            },
          ];
    send(422, { problems });
  }
}
