// A plan as a Compose file, for people without Pulumi: the same containers, and one job more that fills secrets into files.
import { join } from "node:path/posix";
import { stringify } from "yaml";
import type { SecretName, ServiceName, Tree } from "../../spec.ts";
import { finish } from "../content.ts";
import { type ContainerPlan, healthTimes, logOptions, scratchOptions } from "./container.ts";
import { type DockerPlan, prepareJob, type ServicePlan } from "./plan.ts";
import { type Sealed, sealedFile } from "./prepare.ts";

/** Where the folder of the Compose file is for the job that fills it. */
const stackFolder = "/stack";
const network = "stack";

/** What `npm run render` prints, and what it writes with `--out`: paths in that folder -> texts. */
export function composeFiles(plan: DockerPlan, given: readonly SecretName[]): Readonly<Record<string, string>> {
  const plain = plan.services.flatMap(({ service, files }) =>
    files.flatMap(({ path, content }): readonly (readonly [string, string])[] =>
      "text" in content ? [[join("files", service, path), finish(content, () => "")]] : [],
    ),
  );
  return {
    "compose.yaml": composeText(plan),
    // Without it the project would be called as the folder is, and two folders of one name be the same one. Older Composes refuse it in the file.
    ".env": `COMPOSE_PROJECT_NAME=${plan.project}\n`,
    [sealedFile]: `${JSON.stringify(sealedOf(plan, given), null, 2)}\n`,
    ...Object.fromEntries(plain),
  };
}

export const composeText = (plan: DockerPlan): string =>
  `# Reads the services' files beside it, which are written by: npm run render -- --out DIR\n${stringify(compose(plan), { lineWidth: 0, aliasDuplicateObjects: false })}`;

function compose({ network: { name, subnet }, volumes, services }: DockerPlan): Tree {
  const prepare = services.find(({ service }) => service === prepareJob);
  const others = services.filter((each) => each !== prepare);
  return {
    services: Object.fromEntries([
      ...(prepare?.containers ?? []).map((each) => [prepareJob, filling(each)]),
      ...others.flatMap((each) => each.containers.map((one) => [keyOf(one), serviceOf(one, each, services)])),
    ]),
    networks: {
      [network]: {
        name,
        driver: "bridge",
        attachable: true,
        ...(subnet === undefined ? {} : { ipam: { config: [{ subnet }] } }),
      },
    },
    volumes: Object.fromEntries(volumes.map((each) => [each.name, { name: each.name, labels: each.labels }])),
  };
}

/** What a container is called in the file: its service, or its instance where there are several. */
const keyOf = ({ service, network: own }: ContainerPlan): string => own?.hostname ?? service;

/** The job that gives the volumes away also writes the files with secrets, so it may write into the folder as well. */
function filling(container: ContainerPlan): Tree {
  const { command, capabilities } = container;
  const [entry = "", ...volumes] = command;
  return {
    ...common({
      ...container,
      command: [entry, "--fill", stackFolder, ...volumes],
      capabilities: [...capabilities, "DAC_OVERRIDE", "FOWNER"],
    }),
    network_mode: "none",
    volumes: [`.:${stackFolder}`, ...volumesOf(container)],
  };
}

function serviceOf(container: ContainerPlan, { service, after }: ServicePlan, all: readonly ServicePlan[]): Tree {
  const { network: own, folders, ports, health } = container;
  return {
    ...common(container),
    ...(own === undefined
      ? { network_mode: "none" }
      : {
          hostname: own.hostname,
          networks: {
            [network]: {
              aliases: own.aliases,
              ...(own.address === undefined ? {} : { ipv4_address: own.address }),
            },
          },
          extra_hosts: ["host.docker.internal:host-gateway"],
        }),
    volumes: [...folders.map((folder) => `./${join("files", service, folder)}:${folder}:ro`), ...volumesOf(container)],
    ...(ports.length === 0
      ? {}
      : { ports: ports.map(({ ip, external, internal, protocol }) => `${ip}:${external}:${internal}/${protocol}`) }),
    ...(health === undefined ? {} : { healthcheck: { test: health.map(literal), ...healthTimes } }),
    depends_on: Object.fromEntries([...new Set([prepareJob, ...after])].flatMap((name) => conditions(name, all))),
  };
}

const conditions = (name: ServiceName, all: readonly ServicePlan[]): readonly (readonly [string, Tree])[] =>
  (all.find(({ service }) => service === name)?.containers ?? []).map((each) => [
    name === prepareJob ? prepareJob : keyOf(each),
    { condition: each.job ? "service_completed_successfully" : "service_healthy" },
  ]);

const volumesOf = ({ volumes }: ContainerPlan): readonly string[] => volumes.map(({ name, path }) => `${name}:${path}`);

function common(container: ContainerPlan): { readonly [key: string]: Tree } {
  const { image, entrypoint, command, env, user, groups, capabilities, scratch, memory, cpuShares, stop, labels, job } =
    container;
  return {
    image,
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint.map(literal) }),
    ...(command.length === 0 ? {} : { command: command.map(literal) }),
    ...(Object.keys(env).length === 0 ? {} : { environment: literals(env) }),
    user: `${user.uid}:${user.gid}`,
    ...(groups.length === 0 ? {} : { group_add: groups.map(String) }),
    restart: job ? "on-failure:5" : "unless-stopped",
    read_only: true,
    cap_drop: ["ALL"],
    ...(capabilities.length === 0 ? {} : { cap_add: capabilities }),
    security_opt: ["no-new-privileges:true"],
    tmpfs: scratch.map((path) => `${path}:${scratchOptions}`),
    mem_limit: `${memory.most}m`,
    mem_reservation: `${memory.needs}m`,
    memswap_limit: `${memory.most}m`,
    cpu_shares: cpuShares,
    stop_signal: stop.signal,
    stop_grace_period: `${stop.graceSeconds}s`,
    logging: { driver: "json-file", options: logOptions },
    labels: literals(labels),
  };
}

/** Compose replaces `$NAME`: here every dollar is meant. */
const literal = (text: string): string => text.replaceAll("$", "$$$$");
const literals = (texts: Readonly<Record<string, string>>): Tree =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, literal(text)]));

/** Everything that only whoever has the secrets can write. `given`: secrets that a person has, which nothing may generate. */
function sealedOf({ services }: DockerPlan, given: readonly SecretName[]): Sealed {
  const names = services.flatMap(({ containers }) => containers.flatMap(({ secrets }) => secrets));
  return {
    given: [...new Set(names)].filter((name) => given.includes(name)).toSorted(),
    files: services.flatMap(({ service, files, containers }) =>
      files.flatMap(({ path, content }) =>
        "sealed" in content
          ? [{ path: join("files", service, path), user: containers[0]?.user ?? { uid: 0, gid: 0 }, content }]
          : [],
      ),
    ),
  };
}
