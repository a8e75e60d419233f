// So many connections that each ask again as soon as they are answered, written by hand: the load must cost less than what it loads.
import { connect } from "node:net";

export interface Load {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Answers other than 200. */
  readonly failed: number;
}

export function load(
  {
    url,
    path,
    headers,
  }: { readonly url: string; readonly path: string; readonly headers: Readonly<Record<string, string>> },
  { connections, milliseconds }: { readonly connections: number; readonly milliseconds: number },
): Promise<Load> {
  const lines = Object.entries({ host: "bench", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const times: number[] = [];
  let failed = 0;
  const from = performance.now();
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      let [began, wanted, got] = [0, -1, 0];
      let head = "";
      const ask = (): void => {
        if (performance.now() - from > milliseconds) {
          socket.destroy();
          resolve();
          return;
        }
        [began, wanted, got, head] = [performance.now(), -1, 0, ""];
        socket.write(request);
      };
      socket.setNoDelay(true).on("connect", ask).on("error", reject);
      socket.on("data", (part) => {
        if (wanted < 0) {
          head += part.toString("latin1");
          const end = head.indexOf("\r\n\r\n");
          if (end < 0) return;
          wanted = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
          got = head.length;
        } else got += part.length;
        if (Number.isNaN(wanted)) reject(new Error(`an answer without a length: ${head}`));
        if (got < wanted) return;
        if (!head.startsWith("HTTP/1.1 200")) failed++;
        times.push(performance.now() - began);
        ask();
      });
    });
  // It looks for answers all the time: to wake a process that sleeps on another core costs who answers it more than the answer does,
  // and the longer an answer takes, the more often the load sleeps.
  let over = false;
  const look = (): void => {
    if (!over) setImmediate(look);
  };
  look();
  return Promise.all(Array.from({ length: connections }, one)).then(() => {
    over = true;
    const sorted = Float64Array.from(times).sort();
    const perSecond = (1_000 * times.length) / (performance.now() - from);
    return { perSecond, p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN, failed };
  });
}
