// The probe kind `redis`: PING is answered with PONG, after a login where there is a credential.
import type { Socket } from "node:net";
import { splitAddress, type TargetOf } from "../config.ts";
import { ask, openSocket, secure } from "../connect.ts";
import { type PhaseClock, type Probe, ProbeError } from "../probe.ts";

export const redis: Probe<TargetOf<"redis">> = async ({ address, tls, user, allow }, trial) => {
  const { host, port } = splitAddress(address);
  const password = await trial.credential();
  const plain = await openSocket({ host, port, allow }, trial);
  try {
    const socket = tls ? await secure(plain, host, trial) : plain;
    if (password !== undefined) expectReply(await call(socket, trial.clock, "AUTH", user, password), "+OK");
    expectReply(await call(socket, trial.clock, "PING"), "+PONG");
  } finally {
    plain.destroy();
  }
};

/** A command and its reply's first line, by https://redis.io/docs/latest/develop/reference/protocol-spec/ */
async function call(socket: Socket, clock: PhaseClock, ...words: readonly string[]): Promise<string> {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  const answer = await ask(socket, `*${words.length}\r\n${parts.join("")}`, (seen) => seen.includes("\r\n"), clock);
  return answer.toString("latin1").split("\r\n", 1)[0] ?? "";
}

function expectReply(reply: string, wanted: string): void {
  if (reply === wanted) return;
  throw new ProbeError(/^-(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH)/.test(reply) ? "auth" : "assertion");
}
