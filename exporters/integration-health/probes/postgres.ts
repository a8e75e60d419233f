// The probe kind `postgres`: the server asks a stranger to log in, which it does only when it accepts connections. No login is tried.
import { splitAddress, type TargetOf } from "../config.ts";
import { ask, openSocket, secure } from "../connect.ts";
import { type Probe, ProbeError } from "../probe.ts";

// Codes of https://www.postgresql.org/docs/current/protocol-message-formats.html
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const protocolVersion = 0x00030000;
/** SQLSTATE of a server that starts, stops or recovers. */
const cannotConnectNow = "57P03";

export const postgres: Probe<TargetOf<"postgres">> = async ({ address, tls, allow }, trial) => {
  const { host, port } = splitAddress(address);
  const plain = await openSocket({ host, port, allow }, trial);
  try {
    if (tls && (await ask(plain, sslRequest, (answer) => answer.length >= 1, trial.clock))[0] !== letter("S"))
      throw new ProbeError("tls");
    const socket = tls ? await secure(plain, host, trial) : plain;
    const answer = await ask(socket, startup, isWhole, trial.clock);
    // R asks for a login, E is an error: also of a server that is up and does not like the stranger.
    if (!isOne(answer)) throw new ProbeError("assertion");
    if (answer[0] === letter("E") && sqlState(answer) === cannotConnectNow) throw new ProbeError("assertion");
  } finally {
    plain.destroy();
  }
};

const letter = (text: string): number => text.charCodeAt(0);

const startup = ((): Buffer => {
  const fields = Buffer.from("user\0vitals\0database\0postgres\0application_name\0vitals-integration-health\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(fields.length + 8, 0);
  head.writeInt32BE(protocolVersion, 4);
  return Buffer.concat([head, fields]);
})();

const isOne = (answer: Buffer): boolean => answer[0] === letter("R") || answer[0] === letter("E");

/** One message has come: a letter, and a length that counts itself. What is none is not waited for. */
const isWhole = (answer: Buffer): boolean =>
  answer.length >= 5 && (!isOne(answer) || answer.length >= 1 + answer.readInt32BE(1));

const sqlState = (message: Buffer): string | undefined =>
  message
    .subarray(5)
    .toString("latin1")
    .split("\0")
    .find((field) => field.startsWith("C"))
    ?.slice(1);
