// A plan's objects in the words of Pulumi's Docker provider: every default said, for what an engine fills in by itself differs next time.
import { join } from "node:path";
import type { ContainerArgs, NetworkArgs, VolumeArgs } from "@pulumi/docker";
import type { Input } from "@pulumi/pulumi";
import { type ContainerPlan, healthTimes, labelOf, logOptions, scratchOptions } from "./container.ts";
import type { DockerPlan, VolumePlan } from "./plan.ts";

/** Seconds that a container has to become healthy: as long as its health check is patient. */
const patienceSeconds = 15 * 60;
/** MiB; what Docker gives where nobody says. */
const sharedMemory = 64;

export interface Surrounding {
  /** What only the engine knows: the image by its content, the network by its own name. */
  readonly image: Input<string>;
  readonly network: Input<string>;
  /** The folder of the service's files on this machine. */
  readonly files: string;
  /** Changes with every secret that the container reads; undefined where it reads none. */
  readonly secrets: Input<string> | undefined;
}

export function containerArguments(container: ContainerPlan, around: Surrounding): ContainerArgs {
  const { command, entrypoint, network, health, job, memory, stop, user } = container;
  return {
    name: container.name,
    image: around.image,
    ...(entrypoint === undefined ? {} : { entrypoints: [...entrypoint] }),
    ...(command.length === 0 ? {} : { command: [...command] }),
    envs: Object.entries(container.env).map(([name, value]) => `${name}=${value}`),
    user: `${user.uid}:${user.gid}`,
    groupAdds: container.groups.map(String),
    // With the prefix that the kernel's own names have: some engines put it there, and then find it changed.
    capabilities: { adds: container.capabilities.map((name) => `CAP_${name}`), drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    ...{ privileged: false, readOnly: true, init: false, tty: false, stdinOpen: false, ipcMode: "private" },
    ...(network === undefined
      ? { networkMode: "none", networksAdvanced: [], hosts: [] }
      : {
          hostname: network.hostname,
          // As it is made; then the provider takes it from there to the networks that are named.
          networkMode: "bridge",
          networksAdvanced: [
            {
              name: around.network,
              aliases: [...network.aliases],
              ...(network.address === undefined ? {} : { ipv4Address: network.address }),
            },
          ],
          hosts: [{ host: "host.docker.internal", ip: "host-gateway" }],
        }),
    ports: container.ports.map(({ ip, external, internal, protocol }) => ({ ip, external, internal, protocol })),
    publishAllPorts: false,
    // Never `volumes`: a folder that is not there would be made, empty and root's.
    mounts: [
      ...container.folders.map((folder) => ({
        ...{ type: "bind", source: join(around.files, folder), target: folder, readOnly: true },
      })),
      ...container.volumes.map(({ name, path }) => ({ type: "volume", source: name, target: path, readOnly: false })),
    ],
    tmpfs: Object.fromEntries(container.scratch.map((path) => [path, scratchOptions])),
    ...(health === undefined
      ? {}
      : {
          healthcheck: {
            tests: [...health],
            interval: healthTimes.interval,
            timeout: healthTimes.timeout,
            retries: healthTimes.retries,
            startPeriod: healthTimes.start_period,
            startInterval: "0s",
          },
        }),
    ...{ wait: health !== undefined, waitTimeout: patienceSeconds, containerReadRefreshTimeoutMilliseconds: 15_000 },
    // A job is waited for to its end, and may stay ended.
    ...{ start: true, attach: job, logs: false, mustRun: !job, rm: false, removeVolumes: true },
    ...(job ? { restart: "on-failure", maxRetryCount: 5 } : { restart: "unless-stopped", maxRetryCount: 0 }),
    ...{ memory: memory.most, memoryReservation: memory.needs, memorySwap: memory.most, shmSize: sharedMemory },
    cpuShares: container.cpuShares,
    ...{ stopSignal: stop.signal, stopTimeout: stop.graceSeconds, destroyGraceSeconds: stop.graceSeconds },
    logDriver: "json-file",
    logOpts: { ...logOptions },
    labels: [
      ...labelled(container.labels),
      ...(around.secrets === undefined ? [] : [{ label: labelOf("secrets"), value: around.secrets }]),
    ],
  };
}

export const networkArguments = ({ project, network: { name, subnet } }: DockerPlan): NetworkArgs => ({
  name,
  driver: "bridge",
  ...{ attachable: true, internal: false, ingress: false, ipv6: false, ipamDriver: "default" },
  ...(subnet === undefined ? {} : { ipamConfigs: [{ subnet, gateway: subnet.replace(/0\/24$/, "1") }] }),
  labels: labelled({ [labelOf("stack")]: project }),
});

export const volumeArguments = ({ name, labels }: VolumePlan): VolumeArgs => ({
  name,
  driver: "local",
  labels: labelled(labels),
});

const labelled = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels).map(([label, value]) => ({ label, value }));
