// In place of Pulumi's Kubernetes plugin: keeps objects in the state as they are given, so that a stack runs without a cluster.
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import type { CheckResult, CreateResult, DiffResult, UpdateResult } from "@pulumi/pulumi/provider/index.js";
import { main } from "@pulumi/pulumi/provider/index.js";
import { unwrap, wrap } from "../../../components/platforms/provider/envelopes.ts";
import { note } from "./log.ts";

type Properties = Readonly<Record<string, unknown>>;

const { version } = createRequire(import.meta.url)("@pulumi/kubernetes/package.json") as { readonly version: string };
/** Resources that cannot be created, by their names; as where a cluster does not answer, or refuses one. */
const refused = process.env.VITALS_STAND_IN_REFUSE;
const nameIn = (urn: string): string => urn.split("::").at(-1) ?? "";
const nameOf = (object: Properties): string | undefined =>
  (object.metadata as { readonly name?: string } | undefined)?.name;
/** One of our own provider's, for which this one may stand in too. */
const isSecret = (urn: string): boolean => urn.includes("vitals:index:Secret");

const provider = {
  version,
  check: async (_urn: string, _olds: Properties, news: Properties): Promise<CheckResult> => ({ inputs: news }),
  // An object with another name is another object, as in a cluster.
  diff: async (_id: string, urn: string, olds: Properties, news: Properties): Promise<DiffResult> => ({
    changes: !isSecret(urn) && !isDeepStrictEqual(unwrap(olds), unwrap(news)),
    replaces: nameOf(olds) === nameOf(news) ? [] : ["metadata"],
    deleteBeforeReplace: false,
  }),
  create: async (urn: string, inputs: Properties): Promise<CreateResult> => {
    if (refused !== undefined && new RegExp(refused).test(urn)) throw new Error("the stand-in refuses this one");
    note("create", urn);
    return {
      id: nameOf(inputs) ?? nameIn(urn),
      outs: isSecret(urn) ? { ...inputs, value: wrap(`generated-${nameIn(urn)}`) } : inputs,
    };
  },
  update: async (_id: string, urn: string, _olds: Properties, news: Properties): Promise<UpdateResult> => {
    note("update", urn);
    return { outs: news };
  },
  delete: async (_id: string, urn: string): Promise<void> => note("delete", urn),
};

await main(provider, process.argv.slice(2));
