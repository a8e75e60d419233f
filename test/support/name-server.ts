// A DNS server for a test: knows A records alone, and answers NXDOMAIN for every other name (RFC 1035, section 4).
import { createSocket } from "node:dgram";

export interface NameServer {
  readonly port: number;
  /** Answers nothing any more, as behind a dead route. */
  mute(silent: boolean): void;
  close(): Promise<void>;
}

export async function startNameServer(known: Readonly<Record<string, readonly number[]>>): Promise<NameServer> {
  const socket = createSocket("udp4");
  let silent = false;
  socket.on("message", (query, { port, address }) => {
    if (silent) return;
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(12, at + 5);
    const found = known[labels.join(".").toLowerCase()];
    const head = Buffer.from([
      query[0] ?? 0,
      query[1] ?? 0,
      0x81,
      found ? 0x80 : 0x83,
      0,
      1,
      0,
      found ? 1 : 0,
      0,
      0,
      0,
      0,
    ]);
    const answer = found ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...found]) : Buffer.alloc(0);
    socket.send(Buffer.concat([head, question, answer]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    mute: (now) => {
      silent = now;
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
