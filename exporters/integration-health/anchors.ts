// Asks one anchor: whether its name is found, and whether a connection to it can be opened.
import { isIP } from "node:net";
import { splitAddress } from "./config.ts";
import { openSocket } from "./connect.ts";
import type { AnchorAnswer } from "./connectivity.ts";
import { type HttpProxy, phaseClock } from "./probe.ts";

const timeoutMs = 2_000;

/** Through the proxy, where there is one: without it nothing is online. */
export async function askAnchor(anchor: string, proxy: HttpProxy | undefined): Promise<AnchorAnswer> {
  const { host, port } = splitAddress(anchor);
  const clock = phaseClock();
  const reached: string[] = [];
  const signal = AbortSignal.timeout(timeoutMs);
  const noting = { ...clock, begin: (phase: Parameters<typeof clock.begin>[0]) => void reached.push(phase) };
  const allow = proxy === undefined ? ["loopback", "private"] : [];
  const opened = openSocket({ host, port, allow }, { signal, clock: noting, found: {}, proxy });
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("late")), { once: true });
  });
  const connected = await Promise.race([opened, late]).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
  return { resolved: isIP(host) === 0 && proxy === undefined ? reached.includes("connect") : undefined, connected };
}
