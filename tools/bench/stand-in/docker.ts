// In place of Pulumi's Docker plugin: the kinds of resources that a stack of ours has, on a real engine. As the plugin does, it
// reads back what the engine has made of its inputs, so that an input which never settles shows itself.
import { createRequire } from "node:module";
import type { NetworkArgs, RemoteImageArgs, VolumeArgs } from "@pulumi/docker";
import { main } from "@pulumi/pulumi/provider/index.js";
import { unwrap } from "../../../components/platforms/provider/envelopes.ts";
import { container } from "./container.ts";
import { engineAnswer } from "./engine.ts";
import { asLabels, type Given, type Kind, labelled, type Properties } from "./kind.ts";
import { note } from "./log.ts";

const { version } = createRequire(import.meta.url)("@pulumi/docker/package.json") as { readonly version: string };
const network: Kind = {
  create: async (inputs: Given<NetworkArgs>) => {
    const { name, driver, attachable, internal, ipv6, ipamConfigs = [], labels } = inputs;
    const { Id: id } = await engineAnswer("POST", "/networks/create", {
      ...{ Name: name, Driver: driver, Attachable: attachable, Internal: internal, EnableIPv6: ipv6 },
      IPAM: {
        Driver: "default",
        Config: ipamConfigs.map(({ subnet, gateway }) => ({ Subnet: subnet, Gateway: gateway })),
      },
      Labels: asLabels(labels),
    });
    const made = await engineAnswer("GET", `/networks/${id}`);
    return {
      id: String(id),
      read: {
        ...{ name: made.Name, driver: made.Driver, attachable: made.Attachable, internal: made.Internal },
        ...{ ipv6: made.EnableIPv6, ingress: made.Ingress, labels: labelled(made.Labels) },
      },
    };
  },
  remove: async (id) => void (await engineAnswer("DELETE", `/networks/${id}`)),
};

const volume: Kind = {
  create: async ({ name, driver, labels }: Given<VolumeArgs>) => {
    const made = await engineAnswer("POST", "/volumes/create", {
      Name: name,
      Driver: driver,
      Labels: asLabels(labels),
    });
    return { id: String(made.Name), read: { driver: made.Driver, labels: labelled(made.Labels) } };
  },
  remove: async (id) => void (await engineAnswer("DELETE", `/volumes/${id}`)),
};

const remoteImage: Kind = {
  create: async ({ name }: Given<RemoteImageArgs>) => {
    const { Id: imageId } = await engineAnswer("GET", `/images/${name}/json`);
    return { id: `${imageId}${name}`, read: { imageId } };
  },
};

const kinds: Readonly<Record<string, Kind>> = {
  "docker:index/network:Network": network,
  "docker:index/volume:Volume": volume,
  "docker:index/remoteImage:RemoteImage": remoteImage,
  "docker:index/container:Container": container,
};
function kindOf(urn: string): Kind {
  const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
  const kind = kinds[type];
  if (kind === undefined) throw new Error(`the stand-in knows no ${type}`);
  return kind;
}
const plain = (value: unknown): never => unwrap(value) as never;

/** Lists are sets to the provider, but for the words of a command. */
function canonical(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item));
    return ["command", "entrypoints", "tests"].includes(name)
      ? items
      : items.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, item]) => [key, canonical(item, key)]),
  );
}
const same = (name: string, one: unknown, other: unknown): boolean =>
  JSON.stringify(canonical(one, name)) === JSON.stringify(canonical(other, name));

await main(
  {
    version,
    check: async (_urn, _olds, news) => ({ inputs: news }),
    diff: async (_id, urn, olds: Properties, news: Properties) => {
      const { inPlace = [] } = kindOf(urn);
      const changed = Object.keys(news).filter((name) => !same(name, plain(olds[name]), plain(news[name])));
      return {
        changes: changed.length > 0,
        replaces: changed.filter((name) => !inPlace.includes(name)),
        deleteBeforeReplace: false,
      };
    },
    create: async (urn, inputs: Properties) => {
      const { id, read } = await kindOf(urn).create(plain(inputs));
      note("create", urn);
      return { id, outs: { ...inputs, ...read } };
    },
    update: async (id, urn, _olds, news: Properties) => {
      const read = await kindOf(urn).update?.(id, plain(news));
      note("update", urn);
      return { outs: { ...news, ...read } };
    },
    delete: async (id, urn, olds) => {
      await kindOf(urn).remove?.(id, plain(olds));
      note("delete", urn);
    },
  },
  process.argv.slice(2),
);
