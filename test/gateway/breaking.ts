// An upstream of bytes that breaks in every way that a server can.
import { createServer, type Socket } from "node:net";

const answer = (bytes: string) => (socket: Socket) => void socket.end(bytes);
/** As a server that knows HTTP: the connection is good for more. */
const properly = (bytes: string) => (socket: Socket) => void socket.write(bytes);
const ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/** What an upstream may do with a request, and what the caller is told. */
export const faults: readonly (readonly [name: string, status: number, act: (socket: Socket) => void])[] = [
  ["hangs", 504, () => {}],
  ["hangs in its header", 504, (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-")],
  [
    "drips",
    504,
    (socket) => {
      socket.write(`${ok}content-length: 100000\r\n\r\n`);
      const timer = setInterval(() => socket.write(" "), 50);
      socket.once("close", () => clearInterval(timer));
    },
  ],
  ["resets", 502, (socket) => void socket.resetAndDestroy()],
  [
    "resets in its body",
    502,
    (socket) => void socket.write(`${ok}content-length: 100\r\n\r\n{"id"`, () => socket.resetAndDestroy()),
  ],
  ["says less than it promised", 502, answer(`${ok}content-length: 100\r\n\r\n{"id":1}`)],
  ["says more than it promised", 502, answer(`${ok}content-length: 4\r\n\r\n{"id":1}`)],
  ["promises two lengths", 502, answer(`${ok}content-length: 8\r\ncontent-length: 9\r\n\r\n{"id":1}`)],
  ["breaks its chunks", 502, answer(`${ok}transfer-encoding: chunked\r\n\r\nzz\r\n{"id":1}`)],
  ["ends in its chunks", 502, answer(`${ok}transfer-encoding: chunked\r\n\r\n8\r\n{"id":1}`)],
  ["speaks no HTTP", 502, answer("+PONG\r\n")],
  ["says nothing", 502, answer("")],
  ["has a header bomb", 502, answer(`${ok}x-large: ${"x".repeat(40_000)}\r\n\r\n{"id":1}`)],
  ["answers with a page", 502, properly(`${ok}content-length: 6\r\n\r\n<html>`)],
  ["answers with a list", 502, properly(`${ok}content-length: 2\r\n\r\n[]`)],
  ["is deep", 502, properly(`${ok}content-length: 300000\r\n\r\n${"[".repeat(300_000)}`)],
  ["has nothing to say", 502, properly("HTTP/1.1 204 No Content\r\n\r\n")],
  [
    "leads elsewhere",
    502,
    properly("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
  ],
  [
    "has too much to do",
    503,
    properly("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"),
  ],
  ["fails", 500, properly("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nbody")],
  ["is well", 200, properly(`${ok}content-length: 8\r\n\r\n{"id":1}`)],
];

/** An upstream that is well, says something more, and from then on answers one question with the answer to another. */
export const talkative = 1_000;
const confused = new WeakSet<Socket>();
const talks = (socket: Socket): void => {
  confused.add(socket);
  socket.write(`${ok}content-length: 8\r\n\r\n{"id":1}`);
  setTimeout(() => socket.write(`${ok}content-length: 10\r\n\r\n{"id":666}`), 5);
};

/** A server of bytes: `/locations/N` is answered as fault N says. */
export async function startBreaking() {
  let asked = 0;
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    socket.on("data", (part) => {
      for (const [, number] of part.toString("latin1").matchAll(/^GET \/locations\/(\d+) /gm)) {
        asked++;
        if (confused.has(socket)) answer(`${ok}content-length: 10\r\n\r\n{"id":666}`)(socket);
        else if (Number(number) === talkative) talks(socket);
        else faults[Number(number) - 1]?.[2](socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    asked: () => asked,
    close: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
