// The process platform's stack as a whole, before any of its services is touched: verified, and what left it ended.
import { createHash } from "node:crypto";
import { call, theSupervisor } from "../process/client.ts";
import type { Draft } from "../process/verify.ts";
import { isUnknown, unknownValue, wrap } from "./envelopes.ts";
import type { Json, Kind } from "./kind.ts";

interface ConfigurationInputs {
  readonly root: string;
  /** Every instance that belongs to the stack; others are ended. */
  readonly instances: readonly string[];
  /** What the programs' own checks have to say yes to, as JSON. */
  readonly drafts: string;
  readonly secrets: Readonly<Record<string, string>>;
}

/** What the engine keeps of it: the texts are in the services' own properties. */
interface CheckedConfiguration {
  readonly root: string;
  readonly digest: string;
}

/** Handed over by a check for the create or update that may follow in this process. */
const checked = new Map<string, ConfigurationInputs>();

export const configuration: Kind = {
  check: (_olds: never, news: ConfigurationInputs) => {
    const { root, instances, drafts, secrets } = news;
    if (isUnknown(news)) return { inputs: { root, digest: unknownValue } };
    const parts = [root, instances, drafts, Object.entries(secrets).toSorted()];
    const digest = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
    checked.set(digest, news);
    // Sealed: whoever reads a bare hash can try passwords on it.
    return { inputs: { root, digest: wrap(digest) } };
  },
  diff: (olds: CheckedConfiguration, news: CheckedConfiguration) => ({ changes: olds.digest !== news.digest }),
  create: (news: CheckedConfiguration) => configure(news),
  update: (news: CheckedConfiguration) => configure(news),
  remove: async () => {},
};

async function configure({ root, digest }: CheckedConfiguration): Promise<Json> {
  const news = checked.get(digest);
  if (news === undefined) throw new Error("this configuration was not checked by this process");
  const { verify } = await import("../process/verify.ts");
  await verify(root, JSON.parse(news.drafts) as readonly Draft[], news.secrets);
  // Only now: what is refused must not end anything either.
  await call(theSupervisor(root), "POST", "prune", { keep: news.instances });
  return { root, digest: wrap(digest) };
}
