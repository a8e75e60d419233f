// What a platform makes of a stack, in words that are the same on every platform: the table that the conformance test goes through.
import type { StackConfig } from "../../components/config.ts";
import { finish } from "../../components/platforms/content.ts";
import { dockerBook } from "../../components/platforms/docker/book.ts";
import { planDocker, prepareJob } from "../../components/platforms/docker/plan.ts";
import { kubernetesBook } from "../../components/platforms/kubernetes/book.ts";
import { planKubernetes } from "../../components/platforms/kubernetes/plan.ts";
import { placeholder, publicManifest } from "../../components/platforms/kubernetes/text.ts";
import { secretsFolder } from "../../components/platforms/mounts.ts";
import { type AddressBook, formatEndpoint, replicasOf } from "../../components/platforms/platform.ts";
import { planProcesses, processBook } from "../../components/platforms/process/plan.ts";
import type { PortRef, ServiceName, ServiceSpec } from "../../components/spec.ts";
import type { Stack } from "../../components/stack.ts";
import { templatesOf } from "./kubernetes-stacks.ts";

export interface Service {
  /** Path in a container -> text, its addresses and paths in neutral words, its secrets as placeholders. */
  readonly files: Readonly<Record<string, string>>;
  /** The programs' arguments, in neutral words. */
  readonly args: readonly string[];
  readonly secrets: readonly string[];
  readonly after: readonly ServiceName[];
}

export type Services = Readonly<Record<ServiceName, Service>>;

/** A platform's plan of a stack, read back. A new platform is one line. */
export const platforms: Readonly<Record<string, (config: StackConfig, stack: Stack) => Services>> = {
  process: asProcesses,
  docker: asContainers,
  kubernetes: asObjects,
};

function asProcesses(_config: StackConfig, { specs, aliases }: Stack): Services {
  const context = { root: "/state", portOffset: 0, aliases, codeHash: () => "" };
  const book = processBook(specs, context);
  const words = neutral(specs, book);
  return Object.fromEntries(
    planProcesses(specs, book, context).services.map(({ service, instances, after }): [string, Service] => {
      const [first] = instances;
      const inContainer = (text: string) =>
        words(
          text
            .replaceAll(/\/state\/files\/[\w-]+-0\/run\/secrets\/(\w+)/g, "<secret $1>")
            .replaceAll(/\/state\/files\/[\w-]+-0(?=\/)/g, "")
            .replaceAll(/\/state\/data\/([\w-]+)-0\/([\w-]+)/g, (_, name, volume) => pathOf(specs, name, volume)),
        );
      const files = (first?.files ?? []).map(({ path, content }) => [
        inContainer(path),
        inContainer(finish(content, placeholder)),
      ]);
      return [
        service,
        {
          files: Object.fromEntries(files),
          args: (first?.args ?? []).map(inContainer),
          secrets: first?.secrets ?? [],
          after,
        },
      ];
    }),
  );
}

function asContainers(config: StackConfig, stack: Stack): Services {
  const { specs, aliases } = stack;
  const plan = planDocker(config, stack, { digests: {}, ownCode: () => "" });
  const words = neutral(specs, dockerBook(specs, { aliases, portOffset: 0, addresses: new Map() }));
  const inWords = (text: string) =>
    words(
      text.replaceAll(/\/run\/vitals\/secrets\/(\w+)/g, "<secret $1>").replaceAll(/\b10\.213\.\d+\.\d+\b/g, "0.0.0.0"),
    );
  return Object.fromEntries(
    plan.services
      .filter(({ service }) => service !== prepareJob)
      .map(({ service, containers, files, after }): [string, Service] => {
        const [first] = containers;
        const command = first?.command ?? [];
        const node = specs.find(({ name }) => name === service)?.artifact.node;
        // Only what lies in a mounted folder is there for the program.
        const mounted = files.filter(({ path }) => first?.folders.some((folder) => path.startsWith(`${folder}/`)));
        return [
          service,
          {
            files: Object.fromEntries(
              mounted
                .filter(({ path }) => !path.startsWith(`${secretsFolder}/`))
                .map(({ path, content }) => [path, inWords(finish(content, placeholder))]),
            ),
            args: (node === undefined ? command : command.slice(1)).map(inWords),
            secrets: first?.secrets ?? [],
            after: after.filter((name) => name !== prepareJob),
          },
        ];
      }),
  );
}

function asObjects(config: StackConfig, stack: Stack): Services {
  const { specs, aliases } = stack;
  const plan = planKubernetes(config, stack, { digests: {}, ownCode: () => "" });
  const manifests = plan.objects.map(publicManifest);
  const words = neutral(specs, kubernetesBook(specs, { aliases, ingress: undefined, doors: new Set() }));
  const data = (kind: string, name: string): Readonly<Record<string, string>> => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
    return (found?.data ?? found?.stringData ?? {}) as Record<string, string>;
  };
  const inWords = (text: string) => words(text.replaceAll(/\/run\/vitals\/secrets\/(\w+)/g, "<secret $1>"));
  return Object.fromEntries(
    templatesOf(manifests).map(([service, { spec: pod }]): [string, Service] => {
      const [container] = pod.containers;
      const mountOf = (name: string): string =>
        container.volumeMounts.find((mount: { name: string }) => mount.name === name)?.mountPath;
      const files = pod.volumes.flatMap(
        ({ name, projected }: { name: string; projected?: { sources: readonly Source[] } }) =>
          (projected?.sources ?? []).flatMap(({ configMap, secret }) => {
            const source = configMap ?? secret;
            const texts = data(configMap === undefined ? "Secret" : "ConfigMap", source?.name ?? "");
            return (source?.items ?? []).map(({ key, path }) => [
              `${mountOf(name)}/${path}`,
              inWords(texts[key] ?? "(missing)"),
            ]);
          }),
      );
      const node = specs.find(({ name }) => name === service)?.artifact.node;
      const args = (container.args ?? []) as readonly string[];
      return [
        service,
        {
          files: Object.fromEntries(files),
          args: (node === undefined ? args : args.slice(1)).map(inWords),
          secrets:
            plan.objects.find(
              ({ token, manifest }) => token === service && "template" in ((manifest.spec ?? {}) as object),
            )?.restartsFor ?? [],
          after: plan.after[service] ?? [],
        },
      ];
    }),
  );
}

interface Source {
  readonly configMap?: {
    readonly name: string;
    readonly items: readonly { readonly key: string; readonly path: string }[];
  };
  readonly secret?: {
    readonly name: string;
    readonly items: readonly { readonly key: string; readonly path: string }[];
  };
}

const pathOf = (specs: readonly ServiceSpec[], name: string, volume: string): string =>
  specs.find((spec) => spec.name === name)?.volumes?.[volume]?.path ?? "";

/** Every address of a platform as the service and port behind it: `<prometheus/web 0>`. */
function neutral(specs: readonly ServiceSpec[], book: AddressBook): (text: string) => string {
  const known = specs.flatMap((spec) =>
    Object.keys(spec.ports).flatMap((port): readonly (readonly [string, string])[] => {
      const to: PortRef = `${spec.name}/${port}`;
      const word = (ordinal: number) => `<${to.replace(/-udp$/, "")} ${ordinal}>`;
      const shared = (["inside", "outside"] as const).flatMap((side) => book.service?.(to, side) ?? []);
      return [
        ...(["outside", "inside"] as const).flatMap((side) =>
          book.endpoints(to, side).map((each, ordinal) => [formatEndpoint(each), word(ordinal)] as const),
        ),
        ...shared.map((each) => [formatEndpoint(each), word(0)] as const),
        ...replicasOf(spec).map(
          (replica) => [formatEndpoint(book.listen(replica, port)), word(replica.ordinal)] as const,
        ),
      ];
    }),
  );
  const words = new Map(known.toReversed());
  return (text) =>
    text
      .replaceAll("$(POD_IP)", "0.0.0.0")
      .replaceAll(/[\w.-]+:\d+/g, (address) => words.get(address) ?? address)
      // An address without a port is where a program listens, or its own.
      .replaceAll(/\b(?:127\.0\.0\.1|0\.0\.0\.0)\b/g, "<here>");
}
