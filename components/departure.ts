// When a client leaves, nobody needs to go on for it.
import type { FastifyReply } from "fastify";

/** Aborted when the client leaves before it has its answer. Fastify's own signal tells of the end of a request's body as well. */
export function departure({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const left = (): void => {
    if (!raw.writableFinished) controller.abort();
  };
  if (raw.closed) left();
  else raw.once("close", left);
  return controller.signal;
}
