// Who answers at an address, read from what a platform sets up (ports, network aliases) and never from its address book.
import type { DockerPlan } from "../../components/platforms/docker/plan.ts";
import type { ProcessPlan } from "../../components/platforms/process/plan.ts";
import type { ServiceName, ServiceSpec } from "../../components/spec.ts";

/** An address and the port of a replica that is behind it. */
export interface Answer {
  readonly address: string;
  readonly service: ServiceName;
  readonly port: string;
  readonly ordinal: number;
  /** Where the service itself listens, which says the same for all that listen there. */
  readonly own?: true;
}

/** A replica's port in words that are the same on every platform; one that is spoken over TCP and UDP is one. */
export const wordOf = ({ service, port, ordinal }: Omit<Answer, "address">): string =>
  `<${service}/${port.replace(/-udp$/, "")} ${ordinal}>`;

/** Every address in a text of a service as what is behind it, `<prometheus/web 0>`; one behind which nobody is stays as it is. */
export function neutral(answers: readonly Answer[]): (service: ServiceName, text: string) => string {
  // Of two ports with one number, TCP's and UDP's, the first has the name.
  const words = (all: readonly Answer[]) => new Map(all.toReversed().map((each) => [each.address, wordOf(each)]));
  const shared = words(answers.filter(({ own }) => own !== true));
  const owned = Map.groupBy(
    answers.filter(({ own }) => own === true),
    ({ service }) => service,
  );
  return (service, text) => {
    const own = words(owned.get(service) ?? []);
    const find = (address: string) => own.get(address) ?? shared.get(address);
    return (
      text
        // A way in for people has a scheme and no port.
        .replaceAll(/https:\/\/[\w.-]+(?![\w.:-])/g, (url) => (find(url) === undefined ? url : `http://${find(url)}`))
        .replaceAll(/[\w.-]+:\d+/g, (address) => find(address) ?? address)
        // An address without a port is where a program listens, or its own.
        .replaceAll(/\b(?:127\.0\.0\.1|0\.0\.0\.0)\b/g, "<here>")
    );
  };
}

/** The ports of loopback that each instance takes. */
export const onLoopback = ({ services }: ProcessPlan): readonly Answer[] =>
  services.flatMap(({ service, instances }) =>
    instances.flatMap(({ ports }, ordinal) =>
      ports.map(
        ({ name: port, number }): Answer => ({ ...{ service, port, ordinal }, address: `127.0.0.1:${number}` }),
      ),
    ),
  );

/** What a network's aliases and a machine's published ports lead to: the ports that a program listens on, as its data sheet says. */
export function onNetwork({ services }: DockerPlan, specs: readonly ServiceSpec[]): readonly Answer[] {
  return services.flatMap(({ service, containers }) => {
    const ports = Object.entries(specs.find(({ name }) => name === service)?.ports ?? {});
    return containers.flatMap(({ network, ports: published }, ordinal) => {
      const at = (host: string, number: number, own: Pick<Answer, "own"> = {}): readonly Answer[] =>
        ports
          .filter(([, spec]) => spec.number === number)
          .map(([port]) => ({ ...{ service, port, ordinal }, address: `${host}:${number}`, ...own }));
      return [
        ...ports.flatMap(([, { number }]) => [
          ...(network?.aliases ?? []).flatMap((alias) => at(alias, number)),
          ...["0.0.0.0", "127.0.0.1", network?.address ?? []].flat().flatMap((host) => at(host, number, { own: true })),
        ]),
        ...published.flatMap(({ external, internal }) =>
          at("127.0.0.1", internal).map((each) => ({ ...each, address: `127.0.0.1:${external}` })),
        ),
      ];
    });
  });
}
