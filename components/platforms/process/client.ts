// Talks to a stack's supervisor over its socket, and brings the supervisor up or to the current code.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, type Problem, StackError, stackError } from "../../errors.ts";
import { request } from "../../http.ts";
import { linkState } from "./checkout.ts";
import { stopProcess } from "./child.ts";
import { layout } from "./layout.ts";
import type { SupervisorRecord } from "./main.ts";
import { type Hello, protocolVersion } from "./protocol.ts";
import { readJson, readRecord, readRecords, removeRecord } from "./records.ts";
import { prepareRoot } from "./state-folder.ts";
import { isAlive, isBelow, portHolder, signal } from "./table.ts";

export interface SupervisorSettings {
  readonly root: string;
  readonly stack: string;
  readonly checkout: string;
  readonly metricsPort: number;
  /** Hash of the supervisor's own sources. */
  readonly code: string;
}

/** The supervisor of a state folder, when it runs. Reads a file and the process table only. */
export function findSupervisor(root: string): SupervisorRecord | undefined {
  const record = readJson<SupervisorRecord>(layout(root).supervisorFile);
  return record !== undefined && isAlive(record.identity) ? record : undefined;
}

/** As `findSupervisor`, for what comes after it has been brought up. */
export function theSupervisor(root: string): SupervisorRecord {
  const running = findSupervisor(root);
  if (running === undefined)
    throw stackError(
      "supervisor",
      "is not running any more",
      `Run the same command again; see ${join(root, "logs/supervisor.log")}.`,
    );
  return running;
}

/** One request. Throws the supervisor's StackError, or one that says that it cannot be reached. */
export function call<T>(
  record: SupervisorRecord,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
  timeoutMs = 660_000,
): Promise<T> {
  return new Promise((done, failed) => {
    const unreachable = (error: Error) =>
      failed(
        stackError(
          record.stack,
          `its supervisor (pid ${record.identity.pid}) does not answer: ${error.message}`,
          "Run the same command again; if it stays so, run npm stop and start anew.",
          error,
        ),
      );
    const sent = request(
      { socketPath: record.socket, method, path: `/v1/${path}`, timeout: timeoutMs, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", unreachable);
        response.on("end", () => {
          const answer: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8") || "null");
          if (response.statusCode === 200) done(answer as T);
          else failed(new StackError((answer as { problems: readonly Problem[] }).problems));
        });
      },
    );
    sent.on("error", unreachable);
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export interface PortClaim {
  readonly service: string;
  readonly name: string;
  readonly number: number;
}

/** Throws one StackError with every port that somebody else has. The stack's own processes may have theirs. */
export function checkPorts(root: string, claims: readonly PortClaim[]): void {
  const own = new Set(
    [findSupervisor(root), ...readRecords(layout(root))].flatMap((record) =>
      record?.identity !== undefined && isAlive(record.identity) ? [record.identity.pid] : [],
    ),
  );
  const problems = claims.flatMap(({ service, name, number }) => {
    const holder = portHolder(number);
    return holder === undefined || (holder.pid !== undefined && isBelow(holder.pid, own))
      ? []
      : [
          {
            where: `${service}/${name}`,
            what: `port ${number} is taken by ${holder.text}`,
            remedy: "End that process, or move this stack to other ports: pulumi config set vitals:portOffset 10000.",
          },
        ];
  });
  if (problems.length > 0) throw new StackError(problems);
}

/** Makes sure that a supervisor with the current code runs. An older one hands over; its services run on. */
export async function ensureSupervisor(settings: SupervisorSettings): Promise<SupervisorRecord> {
  prepareRoot(settings.root);
  linkState(settings.stack, settings.root, settings.checkout);
  const running = findSupervisor(settings.root);
  if (running !== undefined) {
    const current =
      running.code === settings.code && running.metricsPort === settings.metricsPort && (await speaks(running));
    if (current) return running;
    await replace(running);
  }
  await start(settings);
  for (let waited = 0; waited < 15_000; waited += 50) {
    const found = findSupervisor(settings.root);
    if (found !== undefined && existsSync(found.socket) && (await speaks(found))) return found;
    await new Promise((next) => setTimeout(next, 50));
  }
  throw stackError("supervisor", "did not come up within 15 s", `Read ${join(settings.root, "logs/supervisor.log")}.`);
}

/** Ends an instance and takes it out of the stack; without a supervisor from here, or it would be left behind. */
export async function endInstance(root: string, instance: string): Promise<void> {
  const running = findSupervisor(root);
  if (running !== undefined) return call(running, "POST", "remove", { instance });
  const paths = layout(root);
  const record = readRecord(paths, instance);
  if (record?.identity !== undefined) await stopProcess(record.identity, record.order.plan.stop);
  removeRecord(paths, instance);
}

const speaks = async (record: SupervisorRecord): Promise<boolean> => {
  try {
    return (await call<Hello>(record, "GET", "hello", undefined, 5_000)).protocol === protocolVersion;
  } catch {
    return false;
  }
};

/** Ends a stack's services and its supervisor. Resolves when all are gone. */
export async function shutDown(running: SupervisorRecord): Promise<void> {
  await call(running, "POST", "shutdown");
  await untilGone(running);
}

async function replace(running: SupervisorRecord): Promise<void> {
  await call(running, "POST", "leave", undefined, 5_000).catch(() => signal(running.identity, "SIGTERM"));
  await untilGone(running);
}

async function untilGone(running: SupervisorRecord): Promise<void> {
  for (let waited = 0; isAlive(running.identity); waited += 20) {
    if (waited > 5_000) signal(running.identity, "SIGKILL");
    if (waited > 10_000)
      throw stackError(
        "supervisor",
        `process ${running.identity.pid} does not leave`,
        "End it by hand, then run the same command again.",
      );
    await new Promise((next) => setTimeout(next, 20));
  }
}

async function start({ root, stack, checkout, metricsPort, code }: SupervisorSettings): Promise<void> {
  const entry = fileURLToPath(new URL("main.ts", import.meta.url));
  // Loaded here first, so that it finds everything in the compile cache: a process that has to strip types itself keeps
  // the means to do so, some 30 MB, for as long as it runs.
  await import("./main.ts");
  flushCompileCache();
  const fd = openSync(join(root, "logs/supervisor.log"), "a", 0o600);
  const inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "NODE_COMPILE_CACHE"];
  const env = Object.fromEntries(
    inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  // A small heap: what it holds is a few records, and each megabyte counts in the stack's own cost.
  const args = [
    "--max-semi-space-size=1",
    "--max-old-space-size=64",
    entry,
    "--root",
    root,
    "--stack",
    stack,
    "--checkout",
    checkout,
    "--code",
    code,
    "--metrics-port",
    String(metricsPort),
  ];
  const child = spawn(process.execPath, args, { cwd: root, detached: true, stdio: ["ignore", fd, fd], env });
  child.on("error", (error) => console.error(messageOf(error)));
  child.unref();
  closeSync(fd);
}
