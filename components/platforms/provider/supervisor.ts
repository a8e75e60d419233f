// The process platform's supervisor: alive, and of the code that the program has.
import { isDeepStrictEqual } from "node:util";
import {
  checkPorts,
  ensureSupervisor,
  findSupervisor,
  type PortClaim,
  type SupervisorSettings,
  shutDown,
} from "../process/client.ts";
import type { Json, Kind } from "./kind.ts";

interface SupervisorInputs extends SupervisorSettings {
  readonly ports: readonly PortClaim[];
}

export const supervisor: Kind = {
  diff: (olds: SupervisorInputs, news: SupervisorInputs) => ({
    changes: !isDeepStrictEqual(olds, news) || findSupervisor(news.root)?.code !== news.code,
    replaces: olds.root === news.root ? [] : ["root"],
  }),
  create: (news: SupervisorInputs) => supervise(news),
  update: (news: SupervisorInputs) => supervise(news),
  remove: async ({ root }: SupervisorInputs) => {
    const running = findSupervisor(root);
    if (running !== undefined) await shutDown(running);
  },
};

async function supervise(news: SupervisorInputs): Promise<Json> {
  // Before anything starts: a stack that cannot come up whole does not come up in part.
  checkPorts(news.root, news.ports);
  await ensureSupervisor(news);
  return { ...news };
}
