// Addresses on one Docker network: a service is its name, a replica its instance, and people come in through a port of the machine.
import { type PortRef, type ServiceName, type ServiceSpec, splitPort } from "../../spec.ts";
import { secretsFolder } from "../mounts.ts";
import {
  type AddressBook,
  type Endpoint,
  formatEndpoint,
  parseAddress,
  type Replica,
  replicasOf,
} from "../platform.ts";
import { portOnMachine } from "../ports.ts";

export interface DockerContext {
  readonly aliases: ReadonlyMap<ServiceName, ServiceName>;
  readonly portOffset: number;
  /** Instance -> its fixed address, for those that have to tell it to their peers. */
  readonly addresses: ReadonlyMap<string, string>;
}

export const loopback = "127.0.0.1";

/** What a container is called on the network: the service itself, or one replica among several. */
export const hostNameOf = (spec: ServiceSpec, { instance }: Replica): string =>
  (spec.replicas ?? 1) === 1 ? spec.name : instance;

export function dockerBook(specs: readonly ServiceSpec[], context: DockerContext): AddressBook {
  const specOf = (name: ServiceName) => specs.find((spec) => spec.name === (context.aliases.get(name) ?? name));
  const find = (to: PortRef) => {
    const { service, port } = splitPort(to);
    const spec = specOf(service);
    return { spec, number: spec?.ports[port]?.number };
  };
  const endpoints: AddressBook["endpoints"] = (to, side) => {
    const { spec, number } = find(to);
    if (spec === undefined || number === undefined) return [];
    if (spec.external !== undefined) return [parseAddress(spec.external.address)];
    return replicasOf(spec).map(
      (replica): Endpoint =>
        side === "inside"
          ? { host: hostNameOf(spec, replica), port: number }
          : { host: loopback, port: portOnMachine(number, replica.ordinal, context.portOffset) },
    );
  };
  return {
    endpoints,
    // Every replica answers to the service's name; from outside the first stands for all.
    service: (to, side) => {
      const { spec, number } = find(to);
      return spec === undefined || number === undefined || spec.external !== undefined || side === "outside"
        ? undefined
        : { host: spec.name, port: number };
    },
    discover: (to) => ({
      static_configs: endpoints(to, "inside").map((each, ordinal) => ({
        targets: [formatEndpoint(each)],
        labels: { instance: `${find(to).spec?.name}-${ordinal}` },
      })),
    }),
    listen: (replica, port) => ({ host: "0.0.0.0", port: specOf(replica.service)?.ports[port]?.number ?? 0 }),
    file: (_replica, path) => path,
    dir: (replica, volume) => specOf(replica.service)?.volumes?.[volume]?.path ?? "",
    secretFile: (_replica, name) => `${secretsFolder}/${name}`,
    self: (replica, as) => (as === "name" ? replica.instance : (context.addresses.get(replica.instance) ?? "")),
  };
}
