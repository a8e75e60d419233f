// An internet with faults for benchmarks: an HTTP proxy behind which vendors and anchors answer as a simulated world says, in its own time.
import { createServer as createHttp } from "node:http";
import { createServer as createHttps, type Server } from "node:https";
import type { Socket } from "node:net";
import type { World } from "../../test/exporters/simulation/world.ts";
import { selfSigned } from "../certificate.ts";

/** Every vendor is a name below it. */
export const domain = "vendors.invalid";
export const anchorName = "anchor.invalid";
export const healthy = { status: "ok" } as const;

export interface Internet {
  readonly port: number;
  /** The authority of all vendors, in PEM form. */
  readonly ca: string;
  close(): void;
}

/** `now` gives the world's time in milliseconds; `scale` is how much faster it passes than ours. */
export async function startInternet(world: World, now: () => number, scale: number): Promise<Internet> {
  const day = 86_400_000;
  const made = (until: number) =>
    selfSigned(`*.${domain}`, new Date(Date.now() - 2 * day), new Date(Date.now() + until * day));
  const certificate = made(1);
  const answering = (status: number, body: string): Server =>
    createHttps(certificate, (_, response) => {
      const quick = (40 + Math.random() * 400) / scale;
      setTimeout(() => response.writeHead(status, { connection: "close" }).end(body), quick);
    });
  const fine = JSON.stringify(healthy);
  const servers = {
    well: answering(200, fine),
    http_5xx: answering(503, fine),
    rate_limited: answering(429, fine),
    assertion: answering(200, JSON.stringify({ status: "broken" })),
    tls: createHttps(made(-1)),
  };
  const sockets = new Set<Socket>();
  const proxy = createHttp();
  proxy.on("connect", ({ url = "" }, socket: Socket, head: Buffer) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => undefined));
    const open = (): void => void socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const name = url.split(".", 1)[0];
    if (name === "anchor") {
      if (isOnline(world, now())) return open();
      return void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    }
    const vendor = world.vendors.find((each) => each.name === name);
    if (vendor === undefined) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const { cause = "well" } = world.meet(vendor, now(), 0);
    if (cause === "timeout") return;
    // A dropped answer of a name server is a dropped connection here: names are the proxy's.
    if (!(cause in servers)) return void socket.resetAndDestroy();
    open();
    if (head.byteLength > 0) socket.unshift(head);
    servers[cause as keyof typeof servers].emit("connection", socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as { readonly port: number }).port,
    ca: certificate.cert,
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

export const isOnline = (world: World, at: number): boolean =>
  !world.offline.some(({ from, until }) => at >= from && at < until);
