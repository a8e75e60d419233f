// When a client leaves, nobody needs to go on for it.
import type { FastifyReply } from "fastify";

/** Aborted when the client leaves before it has its answer. */
export function departure({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
