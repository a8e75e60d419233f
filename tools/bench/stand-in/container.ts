// Containers of the Docker stand-in: made as the plugin makes them, and read back as it reads them.
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerArgs } from "@pulumi/docker";
import { engineAnswer } from "./engine.ts";
import { asLabels, type Given, type Kind, type Properties } from "./kind.ts";

type Container = Given<ContainerArgs>;

/** What the engine says of one. */
interface Inspected {
  readonly Image: string;
  readonly State: {
    readonly Running: boolean;
    readonly Restarting: boolean;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: Readonly<
    Record<"Hostname" | "User" | "Tty" | "OpenStdin" | "StopSignal" | "StopTimeout", unknown>
  > & {
    readonly Healthcheck?: Readonly<
      Record<"Test" | "Retries", unknown> & Record<"Interval" | "Timeout" | "StartPeriod", number>
    >;
  };
  readonly HostConfig: Readonly<Record<string, unknown>> &
    Readonly<Record<"Memory" | "MemoryReservation" | "MemorySwap" | "ShmSize", number>> & {
      readonly LogConfig: Readonly<Record<"Type" | "Config", unknown>>;
      readonly RestartPolicy: Readonly<Record<"Name" | "MaximumRetryCount", unknown>>;
      readonly Mounts?: readonly Readonly<Record<string, unknown>>[];
      readonly ExtraHosts?: readonly string[];
    };
}

const mebi = 1 << 20;
const nanoseconds = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 } as const;

export const container: Kind = {
  create: async (inputs: Container) => {
    const { Id } = await engineAnswer("POST", `/containers/create?name=${inputs.name}`, bodyOf(inputs));
    const id = String(Id);
    await engineAnswer("POST", `/containers/${id}/start`);
    if (inputs.attach) await engineAnswer("POST", `/containers/${id}/wait`);
    if (inputs.wait) await healthy(id, inputs);
    return { id, read: await readBack(id) };
  },
  remove: async (id, { destroyGraceSeconds }: Container) => {
    await engineAnswer("POST", `/containers/${id}/stop?t=${destroyGraceSeconds}`);
    await engineAnswer("DELETE", `/containers/${id}?force=1&v=1`);
  },
  inPlace: [
    ...["restart", "maxRetryCount", "memory", "memoryReservation", "memorySwap", "cpuShares", "wait", "waitTimeout"],
    ...["attach", "mustRun", "start", "logs", "rm", "removeVolumes", "destroyGraceSeconds"],
  ],
  update: async (id, { memory, memoryReservation, memorySwap, cpuShares }: Container) => {
    await engineAnswer("POST", `/containers/${id}/update`, {
      ...{ Memory: memory * mebi, MemoryReservation: memoryReservation * mebi, MemorySwap: memorySwap * mebi },
      CpuShares: cpuShares,
    });
    return readBack(id);
  },
};

function bodyOf(inputs: Container): unknown {
  const {
    healthcheck,
    ports = [],
    mounts,
    networksAdvanced: networks,
    networkMode,
    memory,
    memoryReservation,
  } = inputs;
  const key = ({ internal, protocol }: (typeof ports)[number]) => `${internal}/${protocol}`;
  return {
    ...{ Image: inputs.image, Hostname: inputs.hostname, Cmd: inputs.command, Entrypoint: inputs.entrypoints },
    ...{ Env: inputs.envs, User: inputs.user, Labels: asLabels(inputs.labels), Tty: inputs.tty },
    ...{ StopSignal: inputs.stopSignal, StopTimeout: inputs.stopTimeout, OpenStdin: inputs.stdinOpen },
    ExposedPorts: Object.fromEntries(ports.map((each) => [key(each), {}])),
    ...(healthcheck === undefined
      ? {}
      : {
          Healthcheck: {
            Test: healthcheck.tests,
            Interval: duration(healthcheck.interval ?? "0s"),
            Timeout: duration(healthcheck.timeout ?? "0s"),
            StartPeriod: duration(healthcheck.startPeriod ?? "0s"),
            Retries: healthcheck.retries,
          },
        }),
    HostConfig: {
      NetworkMode: networks[0]?.name ?? networkMode,
      PortBindings: Object.fromEntries(
        ports.map((each) => [key(each), [{ HostIp: each.ip, HostPort: String(each.external) }]]),
      ),
      Mounts: mounts.map(({ type, source, target, readOnly }) => ({
        ...{ Type: type, Source: source, Target: target, ReadOnly: readOnly },
      })),
      ...{ Tmpfs: inputs.tmpfs, ExtraHosts: inputs.hosts.map(({ host, ip }) => `${host}:${ip}`) },
      ...{ GroupAdd: inputs.groupAdds, CapAdd: inputs.capabilities.adds, CapDrop: inputs.capabilities.drops },
      ...{ SecurityOpt: inputs.securityOpts, ReadonlyRootfs: inputs.readOnly, Privileged: inputs.privileged },
      ...{ Memory: memory * mebi, MemoryReservation: memoryReservation * mebi, MemorySwap: inputs.memorySwap * mebi },
      ...{ CpuShares: inputs.cpuShares, ShmSize: inputs.shmSize * mebi, IpcMode: inputs.ipcMode, Init: inputs.init },
      LogConfig: { Type: inputs.logDriver, Config: inputs.logOpts },
      RestartPolicy: { Name: inputs.restart, MaximumRetryCount: inputs.maxRetryCount },
    },
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(
        networks.map(({ name, aliases, ipv4Address }) => [
          name,
          { Aliases: aliases, ...(ipv4Address === undefined ? {} : { IPAMConfig: { IPv4Address: ipv4Address } }) },
        ]),
      ),
    },
  };
}

const duration = (text: string): number =>
  [...text.matchAll(/(\d+)(ms|[smh])/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * nanoseconds[unit as keyof typeof nanoseconds],
    0,
  );

const inspect = async (id: string) => (await engineAnswer("GET", `/containers/${id}/json`)) as unknown as Inspected;

async function healthy(id: string, { name, waitTimeout }: Container): Promise<void> {
  const end = Date.now() + waitTimeout * 1_000;
  for (;;) {
    const { State: state } = await inspect(id);
    if (state.Health?.Status === "healthy") return;
    if (!state.Running || state.Restarting || Date.now() > end)
      throw new Error(`${name} is not healthy: ${JSON.stringify(state)}`);
    await sleep(200);
  }
}

/** What the plugin compares the next inputs with. */
async function readBack(id: string): Promise<Properties> {
  const { Image: image, Config: own, HostConfig: host } = await inspect(id);
  const { Healthcheck: check } = own;
  return {
    ...{ image, hostname: own.Hostname, user: own.User, tty: own.Tty, stdinOpen: own.OpenStdin },
    ...{ stopSignal: own.StopSignal, stopTimeout: own.StopTimeout },
    ...{ readOnly: host.ReadonlyRootfs, privileged: host.Privileged, init: host.Init, ipcMode: host.IpcMode },
    ...{
      memory: host.Memory / mebi,
      memoryReservation: host.MemoryReservation / mebi,
      memorySwap: host.MemorySwap / mebi,
    },
    ...{ cpuShares: host.CpuShares, shmSize: host.ShmSize / mebi, groupAdds: host.GroupAdd ?? [] },
    ...{ securityOpts: host.SecurityOpt, tmpfs: host.Tmpfs, publishAllPorts: host.PublishAllPorts },
    capabilities: { adds: host.CapAdd ?? [], drops: host.CapDrop ?? [] },
    ...{ logDriver: host.LogConfig.Type, logOpts: host.LogConfig.Config },
    ...{ restart: host.RestartPolicy.Name, maxRetryCount: host.RestartPolicy.MaximumRetryCount },
    mounts: (host.Mounts ?? []).map((each) => ({
      ...{ type: each.Type, source: each.Source, target: each.Target, readOnly: each.ReadOnly ?? false },
    })),
    hosts: (host.ExtraHosts ?? []).map((each) => {
      const [name, ip] = each.split(":");
      return { host: name, ip };
    }),
    ...(check === undefined
      ? {}
      : {
          healthcheck: {
            ...{ tests: check.Test, retries: check.Retries, startInterval: "0s" },
            interval: written(check.Interval),
            timeout: written(check.Timeout),
            startPeriod: written(check.StartPeriod),
          },
        }),
  };
}

/** As Go writes a duration. */
function written(nanos = 0): string {
  const seconds = nanos / 1e9;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
