// The pure half of the Docker platform: what holds for every container of every stack.
import { describe, expect, it } from "vitest";
import { type ContainerPlan, labelOf } from "../../components/platforms/docker/container.ts";
import { type DockerPlan, planDocker, prepareJob } from "../../components/platforms/docker/plan.ts";
import type { ServiceSpec } from "../../components/spec.ts";
import { describe as describeStack } from "../../components/stack.ts";
import { containersOf, context, dockerConfig, everything, makePlan } from "./docker-stacks.ts";
import { mostSecrets, type Settings } from "./kubernetes-stacks.ts";

const stacks: readonly (readonly [string, Settings, readonly string[]])[] = [
  ["small", {}, []],
  ["large", { size: "large" }, []],
  ["with everything", everything, mostSecrets],
  ["with the demo", { demo: true }, []],
  ["without Grafana", { grafana: "off" }, []],
];
const find = (plan: DockerPlan, instance: string): ContainerPlan => {
  const found = containersOf(plan).find((each) => each.instance === instance);
  if (found === undefined) throw new Error(`${instance} is not there`);
  return found;
};

describe.each(stacks)("a stack in containers, %s,", (_name, settings, secrets) => {
  const plan = makePlan(settings, secrets);
  const containers = containersOf(plan);

  it("is the same plan each time", () => {
    expect(JSON.stringify(makePlan(settings, secrets))).toBe(JSON.stringify(plan));
  });

  it("publishes ports on loopback alone, and those that only the stack itself uses not at all", () => {
    const published = containers.flatMap(({ ports }) => ports);
    expect(published.length).toBeGreaterThan(5);
    for (const { ip } of published) expect(ip).toBe("127.0.0.1");
    expect(find(plan, "jaeger-0").ports.map(({ internal }) => internal)).toEqual([4317, 4318, 16686]);
    const taken = published.map(({ external, protocol }) => `${external}/${protocol}`);
    expect(new Set(taken).size).toBe(taken.length);
  });

  it("holds no secret: neither a value nor a reference to one outside its files", () => {
    for (const { command, env, labels, health, ports } of containers)
      expect(JSON.stringify({ command, env, labels, health, ports })).not.toMatch(/"\$":/);
    const sealed = plan.services.flatMap(({ files }) => files.filter(({ content }) => "sealed" in content));
    expect(sealed.length).toBeGreaterThan(1);
    for (const { path, content } of sealed) expect([path, "text" in content]).toEqual([path, false]);
  });

  it("runs nothing as root and with no right, but for the job that gives the volumes away", () => {
    for (const { service, user, capabilities, network } of containers)
      if (service === prepareJob)
        expect([user, capabilities, network]).toEqual([{ uid: 0, gid: 0 }, ["CHOWN"], undefined]);
      else expect([service, user.uid > 0 && user.gid > 0, capabilities]).toEqual([service, true, []]);
  });

  it("knows when each container is ready, or that it has to end", () => {
    for (const { service, job, health } of containers) expect([service, job]).toEqual([service, health === undefined]);
  });

  it("gives every volume to the user of its service before that starts", () => {
    const [job] = plan.services.find(({ service }) => service === prepareJob)?.containers ?? [];
    for (const { service, containers: own, after } of plan.services)
      for (const { volumes, user } of own.filter(({ job: isJob }) => !isJob))
        for (const { name } of volumes) {
          expect([service, after]).toEqual([service, expect.arrayContaining([prepareJob])]);
          expect(job?.command).toContain(`/volumes/${name}:${user.uid}:${user.gid}`);
        }
    expect(plan.volumes.map(({ name }) => name)).toEqual(job?.volumes.map(({ name }) => name));
  });

  it("mounts folders, never single files, and all of a service's files lie in them", () => {
    for (const { files, containers: own } of plan.services)
      for (const { folders } of own) {
        for (const { path } of files) {
          expect(folders).not.toContain(path);
          expect([path, folders.some((folder) => path.startsWith(`${folder}/`))]).toEqual([path, true]);
        }
      }
  });

  it("runs images by an exact tag", () => {
    for (const { image } of containers) expect(image).toMatch(/^[a-z0-9./-]+:[\w.-]*\d[\w.-]*$/);
  });
});

describe("images", () => {
  it("are pinned by digest where one is known, whatever runs them", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const { images } = makePlan({ demo: true });
    expect(images.length).toBeGreaterThan(5);
    const plan = makePlan({ demo: true }, [], { digests: Object.fromEntries(images.map((image) => [image, digest])) });
    for (const { image } of containersOf(plan)) expect(images.map((tag) => `${tag}@${digest}`)).toContain(image);
  });
});

describe("what makes a new container", () => {
  const files = (plan: DockerPlan) =>
    Object.fromEntries(containersOf(plan).map(({ instance, labels }) => [instance, labels[labelOf("files")]]));
  const changed = (settings: Settings) => {
    const [before, after] = [files(makePlan({})), files(makePlan(settings))];
    return Object.keys(before).filter((instance) => before[instance] !== after[instance]);
  };

  it("is a file that its program reads at its start, not one that it can read again", () => {
    expect(changed({ jaegerStorage: "memory" })).toEqual(["jaeger-0"]);
    expect(changed({ redisMaxMemory: "64MiB" })).toEqual(["redis-0"]);
    expect(changed({ scrapeInterval: "30s", slackChannel: "#other" })).toEqual([]);
  });
});

describe("replicas", () => {
  const plan = makePlan({ size: "large", portOffset: 100 });

  it("have a name each, answer to the service's name too, and publish their ports a thousand apart", () => {
    const members = ["prometheus-0", "prometheus-1"].map((instance) => find(plan, instance));
    expect(members.map(({ network }) => network?.aliases)).toEqual([
      ["prometheus", "prometheus-0"],
      ["prometheus", "prometheus-1"],
    ]);
    expect(members.map(({ ports }) => ports[0]?.external)).toEqual([9190, 10190]);
  });

  it("that tell their address to each other have a fixed one, in the network's own range", () => {
    const { subnet = "" } = plan.network;
    const gossiping = containersOf(plan).filter(({ network }) => network?.address !== undefined);
    expect(gossiping.map(({ instance }) => instance)).toEqual(["alertmanager-0", "alertmanager-1", "alertmanager-2"]);
    for (const { network, command } of gossiping) {
      expect(network?.address?.startsWith(subnet.replace("0/24", ""))).toBe(true);
      expect(command).toContain(`--cluster.advertise-address=${network?.address}:9094`);
    }
    expect(makePlan({}).network).toEqual({ name: "vitals-test" });
  });
});

describe("files of somebody who is not root", () => {
  it("are read by containers that join the group", () => {
    const plan = makePlan({}, [], { group: 1234 });
    for (const { services } of [plan])
      for (const { files, containers } of services)
        for (const { groups } of containers) expect(groups).toEqual(files.length === 0 ? [] : [1234]);
    for (const { groups } of containersOf(makePlan({}))) expect(groups).toEqual([]);
  });
});

describe("what cannot run in containers", () => {
  const bare: ServiceSpec = {
    ...{ name: "own", kind: "service", about: "", owner: "test", version: "1" },
    artifact: { image: "a/b:1" },
    user: { uid: 1, gid: 1 },
    ports: {},
  };
  const problemsOf = (spec: Partial<ServiceSpec>, settings: Settings = {}) => {
    const config = dockerConfig(settings);
    const { specs, aliases } = describeStack(config, { services: [], has: () => true });
    try {
      planDocker(config, { specs: [...specs, { ...bare, ...spec }], aliases }, context);
      return [];
    } catch (error) {
      return (error as Error).message.split("\n").filter((line) => line.includes("own"));
    }
  };

  it.each<[string, Partial<ServiceSpec>]>([
    ["has no image", { artifact: {} }],
    ["does not say as whom its image runs", { artifact: { image: "a/b:1" }, user: undefined as never }],
    ["is rewritten by its program", { files: { "/a/b": { content: { text: "" }, apply: "watched", seed: true } } }],
    ["wants port 9090", { ports: { web: { number: 9090, scope: "host" } } }],
    ["is above 65535", { ports: { web: { number: 65_536, scope: "host" } } }],
  ])("is told: %s", (what, spec) => {
    expect(problemsOf(spec).join()).toContain(what);
  });

  it("is no port that stays on the stack's network, where each service has an address of its own", () => {
    expect(problemsOf({ ports: { web: { number: 9090 } } })).toEqual([]);
  });
});
