// Sends HTTP requests over kept connections, each when the one before it is answered, and times them. So little of its own that what is
// measured is the server: requests are bytes beforehand, and of an answer only its end, its status and one header are looked for.
import { connect } from "node:net";

export interface Planned {
  readonly bytes: Buffer;
  readonly write: boolean;
}

export interface Answered {
  readonly write: boolean;
  readonly status: number;
  readonly ms: number;
}

export interface Drive {
  readonly answered: readonly Answered[];
  readonly seconds: number;
}

/** A request as it goes over the wire. */
export function planned(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Planned {
  const text = body === undefined ? "" : JSON.stringify(body);
  const all = {
    host: "127.0.0.1",
    accept: "application/json",
    ...headers,
    ...(body && { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return { bytes: Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${text}`), write: method !== "GET" };
}

/** Sends all of them over so many connections. Rejects when a connection breaks or an answer has no length. */
export async function drive(url: string, requests: Iterable<Planned>, connections: number): Promise<Drive> {
  const left = requests[Symbol.iterator]();
  const answered: Answered[] = [];
  const from = performance.now();
  await Promise.all(Array.from({ length: connections }, () => one(Number(new URL(url).port), left, answered)));
  return { answered, seconds: (performance.now() - from) / 1_000 };
}

/** One connection, until there is nothing left to ask. */
const one = (port: number, left: Iterator<Planned>, answered: Answered[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let asked: Planned | undefined;
    let from = 0;
    let received: Buffer = Buffer.alloc(0);
    const next = (): void => {
      const { done, value } = left.next();
      if (done === true) {
        socket.end();
        resolve();
        return;
      }
      asked = value;
      from = performance.now();
      socket.write(value.bytes);
    };
    socket.on("data", (part) => {
      received = received.length === 0 ? part : Buffer.concat([received, part]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = received.toString("latin1", 0, end);
      const length = /\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (length === undefined) return void socket.destroy(new Error(`an answer has no length:\n${head}`));
      if (received.length < end + 4 + Number(length)) return;
      answered.push({
        write: asked?.write === true,
        status: Number(head.slice(9, 12)),
        ms: performance.now() - from,
      });
      received = Buffer.alloc(0);
      next();
    });
    socket.once("connect", next);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("a connection ended")));
  });
