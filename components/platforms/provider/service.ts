// A service of the process platform, which its supervisor runs.
import { isDeepStrictEqual } from "node:util";
import { endInstance } from "../process/client.ts";
import { layout } from "../process/layout.ts";
import type { InstancePlan } from "../process/plan.ts";
import { ailment } from "../process/records.ts";
import { isUnknown, wrapAll } from "./envelopes.ts";
import type { Json, Kind } from "./kind.ts";

interface ServiceInputs {
  readonly root: string;
  /** The instances as JSON: one property is compared and stored, not thousands. */
  readonly plan: string;
  readonly secrets: Readonly<Record<string, string>>;
}

export const service: Kind = {
  diff: (olds: ServiceInputs, news: ServiceInputs) => ({
    changes:
      isUnknown(news) ||
      !isDeepStrictEqual(olds, news) ||
      planned(news).some(({ instance }) => ailment(layout(news.root), instance) !== undefined),
  }),
  create: (news: ServiceInputs) => run(news),
  update: (news: ServiceInputs) => run(news),
  remove: async (olds: ServiceInputs) => {
    for (const { instance } of planned(olds)) await endInstance(olds.root, instance);
  },
};

async function run(news: ServiceInputs): Promise<Json> {
  // Loaded only when there is something to do: most runs of Pulumi only compare.
  const { deliver } = await import("../process/deliver.ts");
  await deliver(news.root, planned(news), news.secrets);
  return { ...news, secrets: wrapAll(news.secrets) };
}

const planned = ({ plan }: ServiceInputs): readonly InstancePlan[] => JSON.parse(plan) as readonly InstancePlan[];
