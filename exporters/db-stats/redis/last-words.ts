// What a Redis says that hangs up at once, as one with too many clients does, or one that does not trust our certificate: who has
// written to it by then no longer gets to read it.
import { connect } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { tlsCodes } from "../../tls-codes.ts";

const patienceMs = 250;

/** Connects without a word and listens; undefined when nothing comes. */
export const lastWords = (
  host: string,
  port: number,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<Error | undefined> =>
  new Promise((resolve) => {
    const socket = tls === undefined ? connect({ host, port }) : connectTls({ ...tls, host, port });
    const end = (said?: Error): void => {
      socket.destroy();
      resolve(said);
    };
    socket.once("data", (text) => end(new Error(/^-(.*)/.exec(text.toString("latin1"))?.[1])));
    socket.on("error", (error: NodeJS.ErrnoException) => end(tlsCodes.test(error.code ?? "") ? error : undefined));
    socket.once("close", () => end());
    AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]).addEventListener("abort", () => end(), { once: true });
  });
