// Who may reach whom: what data sheets declare, and what pods are told in their finished files. The policies are compared with it.
import { type ServiceSpec, splitPort } from "../../components/spec.ts";
import type { Answer } from "./addresses.ts";
import { doorsIn, inCluster } from "./kubernetes-addresses.ts";
import { type Peer, selects } from "./kubernetes-reach.ts";
import type { Made } from "./kubernetes-stacks.ts";
import { toldTo } from "./kubernetes-told.ts";

/** A pod or a host beside the stack, and what it is to it. */
export interface Other extends Peer {
  /** A service that the stack serves; who lets people in; who answers for the cluster's names. */
  readonly role?: "client" | "ingress" | "names";
}

interface Use {
  readonly from: string;
  readonly to: ServiceSpec;
  readonly port: string;
}

/** `from -> to port/protocol`, among the stack's pods and with those around them. `numbers`: which ports are tried. */
export function allowed(made: Made, others: readonly Other[], numbers: readonly number[]): readonly string[] {
  const running = made.stack.specs.filter(({ kind }) => kind !== "external");
  const uses = usesOf(made);
  const doors = doorsIn(made.manifests);
  // A pod that is none of ours but in our namespace is in nobody's list, and reaches and is reached by nobody.
  const outside = others.filter(({ namespace }) => namespace !== made.plan.namespace);
  const lines = running.flatMap((spec) => {
    const own = uses.filter(({ from }) => from === spec.name);
    const away = [
      ...(spec.egress ?? []),
      ...own.flatMap(({ to: { external } }) => (external === undefined ? [] : [addressOf(external.address)])),
    ];
    const watched = own.flatMap(({ to }) => to.pods ?? []);
    const asksCluster = textsOf(made, spec.name).includes("kubernetes_sd_configs:");
    const ways = outside.flatMap((other) => [
      ...away.filter(({ host }) => leadsTo(host, other)).map(({ port }) => `${other.name} ${port}/TCP`),
      // Where the API server is, is the cluster's secret.
      ...(asksCluster ? [443, 6443].map((port) => `${other.name} ${port}/TCP`) : []),
      ...watched
        .filter(({ namespaces }) => namespaces.includes(other.namespace ?? ""))
        .filter(({ labels }) => selects({ matchLabels: labels }, other.labels))
        .flatMap(({ port }) =>
          typeof port === "number"
            ? [`${other.name} ${port}/TCP`]
            : numbers.flatMap((each) => ["TCP", "UDP"].map((protocol) => `${other.name} ${each}/${protocol}`)),
        ),
      // Whoever goes anywhere asks for its name first.
      ...(other.role === "names" && own.length + away.length > 0
        ? [`${other.name} 53/TCP`, `${other.name} 53/UDP`]
        : []),
    ]);
    const entries = outside.flatMap((other) =>
      Object.entries(spec.ports)
        .filter(([name, { scope }]) =>
          other.role === "client"
            ? scope === "platform"
            : other.role === "ingress" && doors.has(`${spec.name}/${name}`),
        )
        .flatMap(([name]) => atPort(spec, name).map((to) => `${other.name} -> ${to}`)),
    );
    const inside = own.flatMap(({ to, port }) => (to.kind === "external" ? [] : atPort(to, port)));
    return [...[...inside, ...ways].map((to) => `${spec.name} -> ${to}`), ...entries];
  });
  return [...new Set(lines)].toSorted();
}

/** Scrapes, needs, and every address of the stack in a pod's files, arguments and environment. */
function usesOf({ manifests, plan, stack }: Made): readonly Use[] {
  const find = (name: string) => stack.specs.filter((spec) => spec.name === (stack.aliases.get(name) ?? name));
  const inside = inCluster(manifests).filter(
    ({ own, address }) => own !== true && !/^(localhost:|https:)/.test(address),
  );
  const elsewhere = stack.specs.flatMap(({ name: service, external, ports }) =>
    Object.keys(external === undefined ? {} : ports).map(
      (port): Answer => ({ ...{ service, port, ordinal: 0 }, address: external?.address ?? "" }),
    ),
  );
  const told = Object.entries(toldTo(manifests, plan.namespace, [...inside, ...elsewhere])).flatMap(
    ([from, { files, args, env }]) =>
      [...Object.values(files), ...args, ...Object.values(env)].flatMap((text) =>
        [...text.matchAll(/<([\w-]+)\/([\w-]+) \d+>/g)].flatMap(([, name = "", port = ""]) =>
          find(name).map((to): Use => ({ from, to, port })),
        ),
      ),
  );
  return [
    ...told,
    ...stack.specs.flatMap((to) => (to.metrics ?? []).map(({ port }): Use => ({ from: "prometheus", to, port }))),
    ...stack.specs.flatMap(({ name: from, needs = [] }) =>
      needs.flatMap(({ on }) => {
        const { service, port } = splitPort(on);
        return port === "" ? [] : find(service).map((to): Use => ({ from, to, port }));
      }),
    ),
  ];
}

/** A port that is spoken over TCP and UDP has two entries with one number. */
const atPort = ({ name, ports }: ServiceSpec, port: string): readonly string[] =>
  Object.values(ports)
    .filter(({ number }) => number === ports[port]?.number)
    .map(({ number, protocol = "tcp" }) => `${name} ${number}/${protocol.toUpperCase()}`);

/** Everything that is mounted into a service's pods as text. */
const textsOf = ({ manifests }: Made, service: string): string =>
  manifests
    .filter(({ kind, metadata }) => kind === "ConfigMap" && metadata.labels["app.kubernetes.io/name"] === service)
    .map(({ data }) => Object.values(data as Readonly<Record<string, string>>).join("\n"))
    .join("\n");

/** A name of the cluster leads to its namespace, an address to itself, and any other name to nobody knows where. */
const leadsTo = (host: string, { namespace, address }: Peer): boolean => {
  if (/^[\d.]+$/.test(host)) return host === address;
  const labels = host.replace(/\.cluster\.local$/, "").split(".");
  return labels.at(-1) === "svc" ? labels.at(-2) === namespace : true;
};

const addressOf = (text: string) => {
  const [host = "", port] = text.split(":");
  return { host, port: Number(port) };
};
