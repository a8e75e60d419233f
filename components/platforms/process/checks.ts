// One check of an instance: HTTP answers 2xx, TCP accepts, PostgreSQL takes connections, or a command ends with 0. Never throws,
// never waits beyond its limit.
import { execFile } from "node:child_process";
import { connect, type Socket } from "node:net";
import { get } from "../../http.ts";
import type { ResolvedCheck } from "./plan.ts";

/** undefined when the check passes, else one line that says why not. */
export function check(
  each: ResolvedCheck,
  timeoutMs: number,
  resolveBinary: (tool: string) => string,
): Promise<string | undefined> {
  if ("http" in each) return checkHttp(each.http, timeoutMs);
  if ("tcp" in each) return connected(each.tcp, timeoutMs, (_socket, done) => done());
  return "postgres" in each
    ? connected(each.postgres, timeoutMs, askPostgres)
    : checkExec(each.exec, timeoutMs, resolveBinary);
}

const checkHttp = (url: string, timeoutMs: number): Promise<string | undefined> =>
  new Promise((done) => {
    const request = get(url, { timeout: timeoutMs, agent: false, headers: { connection: "close" } }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      done(status >= 200 && status < 300 ? undefined : `answers ${status}`);
    });
    const limit = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    request.on("error", (error) => done(error.message));
    request.on("close", () => clearTimeout(limit));
  });

type Done = (reason?: string) => void;

/** A connection that is handed on as soon as it stands, and closed when `done` is called. */
const connected = (
  address: string,
  timeoutMs: number,
  use: (socket: Socket, done: Done) => void,
): Promise<string | undefined> =>
  new Promise((settle) => {
    const colon = address.lastIndexOf(":");
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
    const limit = setTimeout(
      () => done(socket.connecting ? `no connection within ${timeoutMs} ms` : `no answer within ${timeoutMs} ms`),
      timeoutMs,
    );
    const done: Done = (reason) => {
      clearTimeout(limit);
      socket.destroy();
      settle(reason);
    };
    socket.on("connect", () => use(socket, done));
    socket.on("error", (error) => done(error.message));
    socket.on("end", () => done("ends the connection without an answer"));
  });

/** StartupMessage: its length, protocol 3.0, the parameters as pairs of C strings, and a last zero. */
const startupMessage = ((): Buffer => {
  const parameters = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, parameters]);
})();

/** SQLSTATE cannot_connect_now: it starts, recovers or shuts down. */
const cannotConnectNow = "57P03";

/**
 * The first step of PostgreSQL's protocol, which needs no password: a server that takes connections asks for authentication.
 * Any other refusal than cannot_connect_now comes from one that takes them too, as pg_isready has it.
 * https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP, protocol-message-formats.html,
 * protocol-error-fields.html and errcodes-appendix.html there.
 */
function askPostgres(socket: Socket, done: Done): void {
  let answer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk]);
    const kind = String.fromCharCode(answer[0] ?? 0);
    if (kind === "R") return done();
    if (kind !== "E") return done("does not answer as PostgreSQL does");
    // A byte for the kind, then the length, which counts itself.
    if (answer.length < 5 || answer.length < 1 + answer.readInt32BE(1)) return;
    const fields = new Map(
      answer
        .toString("utf8", 5)
        .split("\0")
        .map((field) => [field[0], field.slice(1)]),
    );
    done(fields.get("C") === cannotConnectNow ? (fields.get("M") ?? cannotConnectNow) : undefined);
  });
  socket.write(startupMessage);
}

const checkExec = (
  [tool = "", ...args]: readonly string[],
  timeoutMs: number,
  resolveBinary: (tool: string) => string,
): Promise<string | undefined> =>
  new Promise((done) => {
    execFile(resolveBinary(tool), args, { timeout: timeoutMs, killSignal: "SIGKILL" }, (error, stdout, stderr) =>
      done(error === null ? undefined : (stderr || stdout || error.message).trim().split("\n").at(-1)),
    );
  });
