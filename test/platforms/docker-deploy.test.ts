// The thin half of the Docker platform under Pulumi's mocks: the whole graph, the provider's own words, where secrets go.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { beforeAll, describe, expect, it } from "vitest";
import { labelOf } from "../../components/platforms/docker/container.ts";
import { prepareJob } from "../../components/platforms/docker/plan.ts";
import { volumesOf } from "../../components/platforms/docker/volumes.ts";
import { containersOf, dockerConfig, everything, makePlan } from "./docker-stacks.ts";
import { mostSecrets } from "./kubernetes-stacks.ts";
import { type Registered, registering, unwrapped } from "./mocked.ts";

const secretsSet: Record<string, string> = Object.fromEntries(mostSecrets.map((name) => [name, `value-of-${name}`]));

const run = (settings = everything, generated = "generated"): Promise<readonly Registered[]> =>
  registering(secretsSet, generated, async (set) => {
    const { deploy } = await import("../../components/platforms/docker/deploy.ts");
    deploy(dockerConfig(settings, mostSecrets), makePlan(settings, mostSecrets), set);
  });

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly labels: readonly { readonly label: string; readonly value: string }[];
}
const ofKind = (registered: readonly Registered[], kind: string) =>
  registered.filter(({ type }) => type.split(":").at(-1) === kind);
const containersIn = (registered: readonly Registered[]) =>
  ofKind(registered, "Container").map(({ name, inputs }) => ({ token: name, ...(inputs as unknown as Container) }));

describe("a stack on Docker under Pulumi", () => {
  let registered: readonly Registered[];
  beforeAll(async () => {
    registered = await run();
  });

  it("registers every object of the plan, each once", () => {
    const plan = makePlan(everything, mostSecrets);
    const names = (kind: string) => ofKind(registered, kind).map(({ inputs }) => inputs.name);
    expect(names("Container").toSorted()).toEqual(
      containersOf(plan)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(names("Volume").toSorted()).toEqual(plan.volumes.map(({ name }) => name).toSorted());
    expect(names("RemoteImage").toSorted()).toEqual(plan.images);
    expect(names("Network")).toEqual([plan.network.name]);
    expect(ofKind(registered, "Files").map(({ name }) => name)).toEqual(
      expect.arrayContaining(plan.services.flatMap(({ service, files }) => (files.length > 0 ? [service] : []))),
    );
  });

  it("leaves the volumes and the image where they are when the stack goes, and judges what a change does to the volumes", () => {
    const plan = makePlan(everything, mostSecrets);
    const kept = registered.filter(({ retained }) => retained);
    expect(kept).toEqual([...ofKind(registered, "Image"), ...ofKind(registered, "Volume")]);
    expect(ofKind(registered, "Volumes").map(({ inputs }) => inputs.volumes)).toEqual([volumesOf(plan)]);
  });

  it("speaks of nothing that the provider's own types do not know, and leaves no default to the engine", () => {
    const folder = createRequire(import.meta.url)
      .resolve("@pulumi/docker/package.json")
      .replace("package.json", "");
    const propertiesOf = (file: string, name: string): readonly string[] => {
      const [, body = ""] =
        new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, "s").exec(readFileSync(`${folder}${file}`, "utf8")) ??
        [];
      return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, property = ""]) => property);
    };
    const nested: Readonly<Record<string, string>> = {
      capabilities: "ContainerCapabilities",
      healthcheck: "ContainerHealthcheck",
      hosts: "ContainerHost",
      labels: "ContainerLabel",
      mounts: "ContainerMount",
      networksAdvanced: "ContainerNetworksAdvanced",
      ports: "ContainerPort",
    };
    const known = { own: propertiesOf("container.d.ts", "ContainerArgs") };
    expect(known.own.length).toBeGreaterThan(60);
    for (const { token, ...inputs } of containersIn(registered))
      for (const [name, value] of Object.entries(inputs)) {
        expect([token, known.own]).toEqual([token, expect.arrayContaining([name])]);
        const type = nested[name];
        const objects = ([value].flat() as readonly unknown[]).filter(
          (each) => typeof each === "object",
        ) as readonly object[];
        if (type === undefined || objects.length === 0) continue;
        const properties = propertiesOf("types/input.d.ts", type);
        expect(properties.length).toBeGreaterThan(1);
        for (const object of objects) expect(properties).toEqual(expect.arrayContaining(Object.keys(object)));
      }
    // What the documentation of a property calls its default, and what the engine computes.
    const said = [
      ...[
        "attach",
        "logs",
        "memoryReservation",
        "mustRun",
        "networkMode",
        "readOnly",
        "removeVolumes",
        "restart",
        "rm",
      ],
      ...["start", "stdinOpen", "stopSignal", "tty", "wait", "waitTimeout", "memorySwap", "shmSize", "ipcMode", "init"],
      ...["logDriver", "maxRetryCount", "privileged", "publishAllPorts", "stopTimeout", "securityOpts", "envs"],
    ];
    for (const inputs of containersIn(registered)) expect(Object.keys(inputs)).toEqual(expect.arrayContaining(said));
  });

  it("runs images by their content, and hands no empty word over, which the provider refuses", () => {
    for (const { image, command = [] } of containersIn(registered)) {
      expect(image).toMatch(/^sha256:/);
      for (const word of command) expect(word).not.toBe("");
    }
  });

  it("waits until each is healthy, and for each job until it has ended well", () => {
    const jobs = containersOf(makePlan(everything, mostSecrets)).filter(({ job }) => job);
    expect(jobs.map(({ service }) => service)).toContain(prepareJob);
    for (const { token, ...inputs } of containersIn(registered)) {
      const job = jobs.some(({ instance }) => instance === token);
      expect([token, inputs]).toEqual([token, expect.objectContaining({ wait: !job, attach: job, mustRun: !job })]);
    }
    expect(ofKind(registered, "Job").map(({ name, inputs }) => [name, inputs.container])).toEqual(
      jobs.map(({ instance }) => [instance, `${instance}-id`]),
    );
  });

  it.each([
    ["builds our own image on the engine itself", {}, [[false, true]]],
    ["has it pushed where there is a registry", { registry: "registry.example.com/team" }, [[true, false]]],
    ["builds nothing where an image is named", { images: { vitals: "mirror/vitals:7" } }, []],
    ["builds nothing where somebody else builds it", { buildImage: false }, []],
  ])("%s", async (_, settings, expected) => {
    const images = ofKind(await run({ ...everything, ...settings }), "Image");
    expect(images.map(({ inputs }) => [inputs.push, inputs.load])).toEqual(expected);
  });

  it("hands secrets to the files that hold them, and tells them to nothing else", () => {
    const values = [...Object.values(secretsSet), "generated-"];
    const files = ofKind(registered, "Files");
    const holding = files.filter(({ inputs }) => Object.keys(unwrapped(inputs.secrets) as object).length > 0);
    expect(holding.map(({ name }) => name).toSorted()).toEqual(
      makePlan(everything, mostSecrets)
        .services.filter(({ containers }) => containers.some(({ secrets }) => secrets.length > 0))
        .map(({ service }) => service)
        .toSorted(),
    );
    for (const { type, inputs } of registered.filter(({ type }) => !type.endsWith(":Files")))
      for (const value of values)
        expect([type, JSON.stringify(inputs)]).toEqual([type, expect.not.stringContaining(value)]);
    for (const { inputs } of files) for (const value of values) expect(inputs.files).not.toContain(value);
  });

  it("makes the readers of a secret anew when it changes, and nobody else", async () => {
    const labels = (all: readonly Registered[]) =>
      Object.fromEntries(
        containersIn(all).flatMap((each) =>
          each.labels.flatMap(({ label, value }) => (label === labelOf("secrets") ? [[each.token, value]] : [])),
        ),
      );
    const before = labels(registered);
    expect(Object.keys(before)).toEqual(expect.arrayContaining(["alertmanager-0", "prometheus-0", "redis-0"]));
    expect(labels(await run())).toEqual(before);
    secretsSet.mimirPassword = "another";
    const after = labels(await run());
    expect(Object.keys(before).filter((name) => before[name] !== after[name])).toEqual(
      Object.keys(before).filter((name) => name.startsWith("prometheus-")),
    );
  });
});
