// One POST: what its answers mean, and that it is over when it says so.
import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { post } from "../../telemetry/post.ts";

/** Answers each connection by `answer`, without HTTP's help. */
async function startAnswering(answer: (socket: Socket) => void): Promise<URL> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as { readonly port: number }).port}/v1/traces`);
}

const saying = (status: string) => (socket: Socket) =>
  socket.once("data", () => socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`));

it.each([
  ["200 OK", "sent"],
  ["400 Bad Request", "refused"],
  ["413 Content Too Large", "refused"],
  ["429 Too Many Requests", "away"],
  ["503 Service Unavailable", "away"],
])("takes %s for %s", async (status, outcome) => {
  expect(await post(await startAnswering(saying(status)), {}, ["a", Buffer.from("b")])).toBe(outcome);
});

it("takes for away who resets, and who ends in the midst of his answer", async () => {
  const resets = await startAnswering((socket) => socket.once("data", () => socket.resetAndDestroy()));
  expect(await post(resets, {}, ["a"])).toBe("away");
  const stops = await startAnswering((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")),
  );
  expect(await post(stops, {}, ["a"])).toBe("away");
});

it("sends its pieces as one body of their length", async () => {
  let head = "";
  const url = await startAnswering((socket) =>
    socket.on("data", (part) => {
      head += part.toString();
      if (head.endsWith("abc\u00e9")) socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }),
  );
  expect(await post(url, {}, ["a", Buffer.from("bc"), "\u00e9"])).toBe("sent");
  expect(head).toMatch(/^POST \/v1\/traces HTTP\/1\.1\r\n/);
  expect(head).toMatch(/\r\ncontent-length: 5\r\n/i);
});

it("is over only when nobody reads the pieces any more, however early the answer", async () => {
  // More than the sockets between the two hold.
  const piece = Buffer.alloc(16 * 2 ** 20, "a");
  let got = 0;
  let foreign = 0;
  const url = await startAnswering((socket) => {
    socket.once("data", async () => {
      socket.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
      socket.pause();
      await sleep(200);
      socket.on("data", (part) => {
        got += part.length;
        foreign += part.toString("latin1").split("b").length - 1;
      });
      socket.resume();
    });
  });
  expect(await post(url, {}, [piece])).toBe("refused");
  piece.fill("b");
  await sleep(300);
  expect(got).toBeGreaterThan(0);
  expect(foreign).toBe(0);
});
