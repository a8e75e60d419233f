// Who reaches whom in a cluster: every pair of pods and every port, against the list of what may be.
import { describe, expect, it } from "vitest";
import { allowed, type Other } from "./kubernetes-allowed.ts";
import { type Peer, podsOf, reaches } from "./kubernetes-reach.ts";
import {
  elsewhere,
  elsewhereSecrets,
  environments,
  least,
  type Made,
  make,
  most,
  mostSecrets,
} from "./kubernetes-stacks.ts";

const namespace = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  namespace: name,
  namespaceLabels: { "kubernetes.io/metadata.name": name, ...labels },
});
const outside: readonly Other[] = [
  { name: "a client", ...namespace("clinic", { "vitals/client": "true" }), labels: { app: "clinic" }, role: "client" },
  {
    name: "a stranger",
    ...namespace("other"),
    labels: { "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/part-of": "vitals" },
  },
  { name: "an intruder", ...namespace("vitals"), labels: { app: "intruder" } },
  { name: "the ingress", ...namespace("ingress-nginx"), labels: { app: "ingress" }, role: "ingress" },
  { name: "the names", ...namespace("kube-system"), labels: { "k8s-app": "kube-dns" }, role: "names" },
  { name: "the system", ...namespace("kube-system"), labels: { "k8s-app": "other" } },
  { name: "data", ...namespace("data"), labels: { app: "postgres" } },
  { name: "clinic pods", ...namespace("clinic"), labels: { app: "api" } },
  { name: "metrics", ...namespace("metrics"), labels: { app: "thanos" } },
  { name: "the cache", ...namespace("cache"), labels: { app: "redis" } },
  { name: "the search", ...namespace("search"), labels: { app: "opensearch" } },
  { name: "identity", ...namespace("identity"), labels: { app: "dex" } },
  { name: "the proxy", ...namespace("edge"), labels: { app: "squid" } },
  { name: "the internet", address: "203.0.113.7" },
  { name: "the lab", address: "10.1.2.3" },
];

/** The ports that are tried: everybody's own, and those of what stands around. */
const numbersOf = ({ specs }: Made["stack"]): readonly number[] => [
  ...new Set([
    ...specs.flatMap(({ ports }) => Object.values(ports).map(({ number }) => number)),
    ...[53, 80, 443, 2575, 3128, 5432, 5556, 6380, 6443, 9200, 8080, 19291],
  ]),
];

/** `from -> to port/protocol` for every pair that passes, among the pods and those around them. */
function reachable({ manifests, plan, stack }: Made, others: readonly Peer[]): readonly string[] {
  const pods = podsOf(manifests, plan.namespace);
  const passes = reaches(manifests);
  const ports = numbersOf(stack).flatMap((port) =>
    ["TCP", "UDP"].map((protocol) => [`${port}/${protocol}`, { port, protocol }] as const),
  );
  const pairs = [...pods, ...others].flatMap((from) =>
    [...pods, ...others].filter((to) => pods.includes(from) || pods.includes(to)).map((to) => [from, to] as const),
  );
  return pairs
    .flatMap(([from, to]) =>
      ports.filter(([, port]) => passes(from, to, port)).map(([name]) => `${from.name} -> ${to.name} ${name}`),
    )
    .toSorted();
}

const listed = (text: string): readonly string[] =>
  text
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .toSorted();

describe("the pods of a large environment", () => {
  const made = make({ ...least, size: "large" });

  it("reach each other where one uses the other, and nothing more", () => {
    expect(reachable(made, [])).toEqual(
      listed(`
        alertmanager -> alertmanager 9094/TCP
        alertmanager -> alertmanager 9094/UDP
        db-stats -> redis 6379/TCP
        grafana -> alertmanager 9093/TCP
        grafana -> jaeger 16686/TCP
        grafana -> prometheus 9090/TCP
        integration-health -> alertmanager 9093/TCP
        integration-health -> jaeger 4318/TCP
        integration-health -> prometheus 9090/TCP
        prometheus -> alertmanager 9093/TCP
        prometheus -> db-stats 9202/TCP
        prometheus -> grafana 3000/TCP
        prometheus -> integration-health 9201/TCP
        prometheus -> jaeger 8888/TCP
        prometheus -> jaeger 8889/TCP
        prometheus -> prometheus 9090/TCP
      `),
    );
  });

  it("reach the cluster's names and API where they ask for them, and are reached by clients alone", () => {
    const inside = new Set(reachable(made, []));
    expect(reachable(made, outside).filter((line) => !inside.has(line))).toEqual(
      listed(`
        a client -> jaeger 4317/TCP
        a client -> jaeger 4318/TCP
        a client -> redis 6379/TCP
        alertmanager -> the names 53/TCP
        alertmanager -> the names 53/UDP
        db-stats -> the names 53/TCP
        db-stats -> the names 53/UDP
        grafana -> the names 53/TCP
        grafana -> the names 53/UDP
        integration-health -> the names 53/TCP
        integration-health -> the names 53/UDP
        prometheus -> the names 53/TCP
        prometheus -> the names 53/UDP
        ${outside
          .filter(({ name }) => name !== "an intruder")
          .flatMap(({ name }) => [443, 6443].map((port) => `prometheus -> ${name} ${port}/TCP`))
          .join("\n")}
      `),
    );
  });
});

describe("the pods of an environment with everything", () => {
  const made = make(most, mostSecrets);
  const found = reachable(made, outside);
  const about = (...names: readonly string[]) =>
    found.filter((line) => names.some((name) => line.startsWith(`${name} -> `) || line.includes(` -> ${name} `)));

  it("let people in through the ingress, to pages alone", () => {
    expect(about("the ingress").filter((line) => line.startsWith("the ingress"))).toEqual(
      listed(`
        the ingress -> alertmanager 9093/TCP
        the ingress -> grafana 3000/TCP
        the ingress -> integration-health 9201/TCP
        the ingress -> jaeger 16686/TCP
        the ingress -> prometheus 9090/TCP
      `),
    );
  });

  it("reach vendors, databases and other stores by address or namespace where one is known", () => {
    expect(about("the lab").filter((line) => !/ (443|6443)\/TCP$/.test(line))).toEqual([
      "integration-health -> the lab 2575/TCP",
    ]);
    expect(about("data").filter((line) => !/ (443|6443)\/TCP$/.test(line))).toEqual(["db-stats -> data 5432/TCP"]);
    expect(about("clinic pods").filter((line) => !/ (443|6443)\/TCP$/.test(line))).toEqual([
      "prometheus -> clinic pods 8080/TCP",
    ]);
    expect(about("metrics").filter((line) => !/ (443|6443)\/TCP$/.test(line))).toEqual([
      "prometheus -> metrics 19291/TCP",
    ]);
    expect(about("identity").filter((line) => !/ (443|6443)\/TCP$/.test(line))).toEqual([
      "grafana -> identity 5556/TCP",
    ]);
    expect(about("the internet").filter((line) => line.endsWith(" 443/TCP"))).toEqual([
      "alertmanager -> the internet 443/TCP",
      "integration-health -> the internet 443/TCP",
      "prometheus -> the internet 443/TCP",
      "slack-relay -> the internet 443/TCP",
    ]);
  });

  it("reach what somebody else runs, each from its readers alone", () => {
    const pods = reachable(make(elsewhere, elsewhereSecrets), outside);
    const to = (name: string) => pods.filter((line) => new RegExp(` -> ${name} (?!443|6443)`).test(line));
    expect(to("the cache")).toEqual(["db-stats -> the cache 6380/TCP", "gateway -> the cache 6380/TCP"]);
    expect(to("the search")).toEqual(["jaeger -> the search 9200/TCP"]);
    expect(to("clinic pods")).toEqual(["gateway -> clinic pods 8080/TCP", "prometheus -> clinic pods 8080/TCP"]);
    // Where it reports its errors.
    expect(pods).toContain("gateway -> the internet 443/TCP");
    expect(to("identity")).toEqual(
      ["gateway", "grafana", "integration-health"].map((name) => `${name} -> identity 5556/TCP`),
    );
    expect(pods.filter((line) => / redis /.test(line))).toEqual([]);
    // Integrations are asked through the proxy, and past it nobody.
    expect(to("the proxy")).toEqual(["integration-health -> the proxy 3128/TCP"]);
    expect(pods.filter((line) => /^integration-health -> the (?:internet|lab) /.test(line))).toEqual([]);
  });

  it("are not reached by strangers, intruders or the internet", () => {
    for (const name of ["a stranger", "an intruder", "the internet", "the lab", "the system", "the names", "data"])
      expect(found.filter((line) => line.startsWith(`${name} -> `))).toEqual([]);
  });
});

describe("the platform's own pods", () => {
  const selector = { namespace: "lab", labels: { app: "gateway" }, port: 8080 };
  const made = make({
    ...least,
    services: [{ name: "gateway", owner: "lab", metrics: { selector } }],
    discovery: { namespaces: ["clinic"] },
  });
  const asks = { "vitals/scrape": "true" };
  const pods: readonly Peer[] = [
    { name: "lab/gateway", ...namespace("lab"), labels: { app: "gateway" } },
    { name: "lab/other", ...namespace("lab"), labels: { app: "other" } },
    { name: "lab/asks", ...namespace("lab"), labels: asks },
    { name: "clinic/asks", ...namespace("clinic"), labels: asks },
    { name: "clinic/silent", ...namespace("clinic"), labels: { app: "gateway" } },
    { name: "elsewhere/asks", ...namespace("elsewhere"), labels: asks },
  ];

  it("are reached by Prometheus alone: selected ones at their port, those that ask at any, no others", () => {
    const found = reachable(made, pods).filter(
      (line) => line.includes("/") && pods.some(({ name }) => line.includes(name)),
    );
    // The API server may be anywhere on these.
    const own = found.filter((line) => !/ (443|6443)\/TCP$/.test(line));
    expect(own.filter((line) => !line.includes("clinic/asks"))).toEqual(["prometheus -> lab/gateway 8080/TCP"]);
    const asked = own.filter((line) => line.includes("clinic/asks"));
    expect(asked.every((line) => line.startsWith("prometheus -> clinic/asks "))).toBe(true);
    expect(asked).toContain("prometheus -> clinic/asks 5432/TCP");
  });
});

describe("an address in the cluster", () => {
  it.each(["api.lab.svc:8080", "api-0.api.lab.svc:8080", "api-0.api.lab.svc.cluster.local:8080"])(
    "leads to its namespace alone: %s",
    (address) => {
      const { manifests } = make({ ...least, services: [{ name: "api", owner: "lab", metrics: { address } }] });
      const policy = manifests.find(
        ({ kind, metadata }) => kind === "NetworkPolicy" && metadata.name === "prometheus",
      ) as unknown as { spec: { egress: readonly { to: unknown; ports: readonly { port: number }[] }[] } };
      const ways = policy.spec.egress.filter(({ ports }) => ports.some(({ port }) => port === 8080));
      expect(ways.map(({ to }) => to)).toContainEqual([
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "lab" } } },
      ]);
      expect(JSON.stringify(ways)).not.toContain("ipBlock");
    },
  );
});

describe("backups", () => {
  it("reach the Prometheus that they tell of themselves, and nothing else", () => {
    const found = reachable(make({ ...least, backup: {} }), outside);
    expect(found.filter((line) => line.includes("-backup"))).toEqual(
      listed(`
        alertmanager-backup -> prometheus 9090/TCP
        alertmanager-backup -> the names 53/TCP
        alertmanager-backup -> the names 53/UDP
        grafana-backup -> prometheus 9090/TCP
        grafana-backup -> the names 53/TCP
        grafana-backup -> the names 53/UDP
        prometheus-backup -> prometheus 9090/TCP
        prometheus-backup -> the names 53/TCP
        prometheus-backup -> the names 53/UDP
      `),
    );
  });
});

describe("every pair of pods and every port, in every environment", () => {
  const pods: readonly Other[] = [
    ...outside,
    { name: "lab/gateway", ...namespace("lab"), labels: { app: "gateway" } },
    { name: "lab/asks", ...namespace("lab"), labels: { "vitals/scrape": "true" } },
    { name: "clinic/asks", ...namespace("clinic"), labels: { "vitals/scrape": "true" } },
    { name: "elsewhere/asks", ...namespace("elsewhere"), labels: { "vitals/scrape": "true" } },
  ];

  it.each(environments)("is open where something uses it, and closed elsewhere: %s", (_, environment) => {
    const made = environment();
    const expected = allowed(made, pods, numbersOf(made.stack));
    expect(expected.length).toBeGreaterThan(50);
    expect(reachable(made, pods)).toEqual(expected);
  });
});

describe("the model", () => {
  const pod = (name: string) => ({ name, ...namespace("vitals"), labels: { app: name } });
  const policy = (spec: object) =>
    ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "p", namespace: "vitals", labels: {} },
      spec,
    }) as never;
  const web = { protocol: "TCP", port: 80 };

  it("lets everything pass where there is no policy, and nothing where everything is denied", () => {
    expect(reaches([])(pod("a"), pod("b"), web)).toBe(true);
    expect(reaches([policy({ podSelector: {}, policyTypes: ["Ingress"] })])(pod("a"), pod("b"), web)).toBe(false);
    expect(reaches([policy({ podSelector: {}, policyTypes: ["Egress"] })])(pod("a"), pod("b"), web)).toBe(false);
  });

  it("wants both ends to agree", () => {
    const deny = policy({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    const out = policy({
      podSelector: { matchLabels: { app: "a" } },
      policyTypes: ["Egress"],
      egress: [{ to: [{ podSelector: { matchLabels: { app: "b" } } }], ports: [web] }],
    });
    const into = policy({
      podSelector: { matchLabels: { app: "b" } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "a" } } }], ports: [web] }],
    });
    expect(reaches([deny, out])(pod("a"), pod("b"), web)).toBe(false);
    expect(reaches([deny, into])(pod("a"), pod("b"), web)).toBe(false);
    expect(reaches([deny, out, into])(pod("a"), pod("b"), web)).toBe(true);
    expect(reaches([deny, out, into])(pod("b"), pod("a"), web)).toBe(false);
    expect(reaches([deny, out, into])(pod("a"), pod("b"), { protocol: "UDP", port: 80 })).toBe(false);
  });
});
