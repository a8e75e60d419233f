// One check of an instance: HTTP answers 2xx, TCP accepts, or a command ends with 0. Never throws, never waits beyond its limit.
import { execFile } from "node:child_process";
import { get } from "node:http";
import { connect } from "node:net";
import type { ResolvedCheck } from "./plan.ts";

/** undefined when the check passes, else one line that says why not. */
export function check(
  each: ResolvedCheck,
  timeoutMs: number,
  resolveBinary: (tool: string) => string,
): Promise<string | undefined> {
  if ("http" in each) return checkHttp(each.http, timeoutMs);
  return "tcp" in each ? checkTcp(each.tcp, timeoutMs) : checkExec(each.exec, timeoutMs, resolveBinary);
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

const checkTcp = (address: string, timeoutMs: number): Promise<string | undefined> =>
  new Promise((done) => {
    const colon = address.lastIndexOf(":");
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
    const finish = (reason?: string) => {
      socket.destroy();
      done(reason);
    };
    socket.setTimeout(timeoutMs, () => finish(`no connection within ${timeoutMs} ms`));
    socket.on("connect", () => finish());
    socket.on("error", (error) => finish(error.message));
  });

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
