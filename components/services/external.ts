// The person's own services, from `vitals:services` and `vitals:discovery`: they run elsewhere and know nothing of us; we watch them.
import type { ExternalServiceConfig, StackConfig } from "../config.ts";
import type { ServiceSpec } from "../spec.ts";

export const external = ({ name, owner, metrics }: ExternalServiceConfig): ServiceSpec => {
  const common = { name, kind: "external", owner, version: "", artifact: {} } as const;
  const { address = "", path, selector } = metrics;
  if (selector !== undefined) {
    const { namespace, labels, port } = selector;
    return {
      ...common,
      about: `watched in namespace ${namespace}`,
      pods: { namespaces: [namespace], labels, port },
      ports: { metrics: { number: port } },
      metrics: [{ port: "metrics", path: selector.path }],
    };
  }
  return {
    ...common,
    about: `watched at ${address}`,
    external: { address },
    ports: { metrics: { number: Number(address.slice(address.lastIndexOf(":") + 1)) } },
    metrics: [{ port: "metrics", path: path ?? "/metrics" }],
  };
};

/** One job for all pods that ask to be scraped; none where no namespace is named. */
export const discovered = ({ discovery }: StackConfig): readonly ServiceSpec[] => {
  const { namespaces, label, annotations, sampleLimit } = discovery;
  if (namespaces.length === 0) return [];
  return [
    {
      name: "pods",
      kind: "external",
      about: `pods that ask to be scraped in ${namespaces.join(", ")}`,
      owner: "platform",
      version: "",
      artifact: {},
      pods: { namespaces, labels: { [label]: "true" }, port: { annotations } },
      // What each pod says itself is what counts.
      ports: { metrics: { number: 80 } },
      metrics: [{ port: "metrics", sampleLimit }],
    },
  ];
};
