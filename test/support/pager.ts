// The second receiver of pages, as a test has it: it takes whatever comes and remembers it.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Pager {
  readonly port: number;
  /** Everything that it was sent so far. */
  readonly heard: () => string;
  /** The same, an alert each, in order: `firing RedisDown redis`. */
  readonly told: () => readonly string[];
  readonly stop: () => void;
}

/** What Alertmanager's webhook says, as far as it is looked at. */
interface Body {
  readonly alerts: readonly { readonly status: string; readonly labels: { readonly [name: string]: string } }[];
}

export async function startPager(): Promise<Pager> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      bodies.push(body);
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => bodies.join("\n"),
    told: () =>
      bodies.flatMap((body) =>
        (JSON.parse(body) as Body).alerts.map(
          ({ status, labels }) => `${status} ${labels.alertname} ${labels.service}`,
        ),
      ),
    stop: () => server.close(),
  };
}
