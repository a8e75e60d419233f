// A viewer in this process over a Prometheus that a test makes up; both end with the test.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { startViewer, type ViewerOptions } from "../../dashboards/viewer/server.ts";

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const endWithTest = (server: Server): void =>
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });

/** An address at which nothing listens. */
export const nowhere = new URL("http://127.0.0.1:1");

/** What Prometheus says when it has nothing. */
export const answer: RequestListener = (_, response) => {
  response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result: [] } }));
};

/** A server in Prometheus' place. */
export async function upstream(listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  endWithTest(server);
  return new URL(`http://127.0.0.1:${portOf(server)}`);
}

/** A viewer of one dashboard. */
export async function viewer(prometheus: URL, limits: Partial<ViewerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "vitals-viewer-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "a.json"), JSON.stringify({ uid: "a", title: "A", panels: [] }));
  const server = await startViewer({
    host: "127.0.0.1",
    port: 0,
    dashboards: folder,
    prometheus,
    scrapeSeconds: 15,
    ...limits,
  });
  endWithTest(server);
  return { folder, url: `http://127.0.0.1:${portOf(server)}` };
}
