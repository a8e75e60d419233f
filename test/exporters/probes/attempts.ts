// One attempt of a probe, and servers for it, which end with the test.
import { createServer as createHttp, type RequestListener } from "node:http";
import type { Server, Socket } from "node:net";
import { afterEach } from "vitest";
import { healthConfig, type IntegrationTarget } from "../../../exporters/integration-health/config.ts";
import { credentialOf } from "../../../exporters/integration-health/credential.ts";
import { type Attempt, attempt, type HttpProxy, type Probe } from "../../../exporters/integration-health/probe.ts";
import { probes } from "../../../exporters/integration-health/probes/index.ts";

export const never = new AbortController().signal;
const servers = new Set<{ server: Server; sockets: Set<Socket> }>();

afterEach(async () => {
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

export function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  servers.add({ server, sockets });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

/** One attempt with a target as the configuration file would have it. */
export const tried = (
  entry: Readonly<Record<string, unknown>>,
  timeoutMs = 2_000,
  proxy?: HttpProxy,
): Promise<Attempt> => {
  const raw = { name: "x", allow: ["loopback"], ...entry };
  const target = healthConfig.parse({ integrations: [raw] }).integrations[0] as IntegrationTarget;
  return attempt({
    probe: probes[target.probe] as Probe<IntegrationTarget>,
    target,
    timeoutMs,
    stop: never,
    way: { ca: target.ca, proxy },
    credential: credentialOf(target.credentialFile),
    expectFailure: target.expectFailure,
  });
};
export const probe = (
  url: string,
  timeoutMs?: number,
  part: Readonly<Record<string, unknown>> = {},
): Promise<Attempt> => tried({ probe: "http", url, ...part }, timeoutMs);
export const http = async (answer: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createHttp(answer))}/`;
export const sum = ({ phases }: Attempt): number => Object.values(phases).reduce((total, part) => total + part, 0);
