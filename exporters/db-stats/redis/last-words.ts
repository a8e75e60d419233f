// What a Redis says that hangs up at once, as one with too many clients does: who has written to it by then no longer gets to read it.
import { connect } from "node:net";

const patienceMs = 250;

/** Connects without a word and listens; undefined when nothing comes. Only of servers without TLS. */
export const lastWords = (host: string, port: number, signal: AbortSignal): Promise<Error | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (said?: Error): void => {
      socket.destroy();
      resolve(said);
    };
    socket.once("data", (text) => end(new Error(/^-(.*)/.exec(text.toString("latin1"))?.[1])));
    socket.once("error", () => end());
    socket.once("close", () => end());
    AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]).addEventListener("abort", () => end(), { once: true });
  });
