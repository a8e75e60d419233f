// The second receiver of pages, as a test has it: it takes whatever comes and remembers it.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Pager {
  readonly port: number;
  /** Everything that it was sent so far. */
  readonly heard: () => string;
  readonly stop: () => void;
}

export async function startPager(): Promise<Pager> {
  let heard = "";
  const server = createServer((request, response) => {
    request.on("data", (part: Buffer) => (heard += part.toString()));
    request.on("end", () => response.end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, heard: () => heard, stop: () => server.close() };
}
