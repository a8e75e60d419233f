// What a platform makes of a stack, in words that are the same on every platform: the table that the conformance test goes through.
import type { StackConfig } from "../../components/config.ts";
import { finish } from "../../components/platforms/content.ts";
import { planDocker, prepareJob } from "../../components/platforms/docker/plan.ts";
import { planKubernetes } from "../../components/platforms/kubernetes/plan.ts";
import { placeholder, publicManifest } from "../../components/platforms/kubernetes/text.ts";
import { secretsFolder } from "../../components/platforms/mounts.ts";
import { type InstancePlan, planProcesses, processBook } from "../../components/platforms/process/plan.ts";
import type { ServiceName, ServiceSpec } from "../../components/spec.ts";
import type { Stack } from "../../components/stack.ts";
import { neutral, onLoopback, onNetwork } from "./addresses.ts";
import { inCluster } from "./kubernetes-addresses.ts";
import { toldTo } from "./kubernetes-told.ts";

export interface Service {
  /** Path in a container -> text, its addresses and paths in neutral words, its secrets as placeholders. */
  readonly files: Readonly<Record<string, string>>;
  /** The programs' arguments and environment, in neutral words. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What is asked whether it is ready, in neutral words; "" for nothing. */
  readonly ready: string;
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
  const plan = planProcesses(specs, processBook(specs, context), context);
  const words = neutral(onLoopback(plan));
  return Object.fromEntries(
    plan.services.map(({ service, instances, after }): [string, Service] => {
      const [first] = instances;
      const inWords = (text: string) =>
        words(
          service,
          text
            .replaceAll(/\/state\/files\/[\w-]+-0\/run\/secrets\/(\w+)/g, "<secret $1>")
            .replaceAll(/\/state\/files\/[\w-]+-0(?=\/)/g, "")
            .replaceAll(/\/state\/data\/([\w-]+)-0\/([\w-]+)/g, (_, name, volume) => pathOf(specs, name, volume)),
        );
      const files = (first?.files ?? []).map(({ path, content }) => [
        inWords(path),
        inWords(finish(content, placeholder)),
      ]);
      return [
        service,
        {
          files: Object.fromEntries(files),
          args: [...beginOf(first?.run), ...(first?.args ?? [])].map(inWords),
          env: mapped(first?.env ?? {}, inWords),
          ready: inWords(asked(Object.values(first?.ready ?? {}).flat())),
          secrets: first?.secrets ?? [],
          after,
        },
      ];
    }),
  );
}

function asContainers(config: StackConfig, stack: Stack): Services {
  const { specs } = stack;
  const plan = planDocker(config, stack, { digests: {}, ownCode: () => "" });
  const words = neutral(onNetwork(plan, specs));
  return Object.fromEntries(
    plan.services
      .filter(({ service }) => service !== prepareJob)
      .map(({ service, containers, files, after }): [string, Service] => {
        const [first] = containers;
        const command = first?.command ?? [];
        const inWords = (text: string) => words(service, text.replaceAll(secretFile, "<secret $1>"));
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
            args: withEntry(specs, service, command).map(inWords),
            env: mapped(first?.env ?? {}, inWords),
            ready: inWords(asked(first?.health ?? [])),
            secrets: first?.secrets ?? [],
            after: after.filter((name) => name !== prepareJob),
          },
        ];
      }),
  );
}

function asObjects(config: StackConfig, stack: Stack): Services {
  const plan = planKubernetes(config, stack, { digests: {}, ownCode: () => "" });
  const manifests = plan.objects.map(publicManifest);
  const answers = inCluster(manifests);
  const words = neutral(answers);
  const inWords = (text: string) => text.replaceAll(secretFile, "<secret $1>");
  return Object.fromEntries(
    Object.entries(toldTo(manifests, config.namespace, answers)).map(([service, { files, args, env, check }]) => [
      service,
      {
        files: mapped(files, inWords),
        args: withEntry(stack.specs, service, args).map(inWords),
        env: mapped(env, inWords),
        ready: words(service, asked(check)),
        secrets:
          plan.objects.find(
            ({ token, manifest }) => token === service && "template" in ((manifest.spec ?? {}) as object),
          )?.restartsFor ?? [],
        after: plan.after[service] ?? [],
      },
    ]),
  );
}

const secretFile = /\/run\/vitals\/secrets\/(\w+)/g;

/** Node's own options, the entry, and the program's arguments. */
const withEntry = (specs: readonly ServiceSpec[], service: ServiceName, args: readonly string[]) => {
  const entry = specs.find(({ name }) => name === service)?.artifact.node;
  return args.map((each) => (each === entry ? "<entry>" : each));
};

const beginOf = (run: InstancePlan["run"] | undefined): readonly string[] =>
  run !== undefined && "node" in run ? [...(run.options ?? []), "<entry>"] : [];

const pathOf = (specs: readonly ServiceSpec[], name: string, volume: string): string =>
  specs.find((spec) => spec.name === name)?.volumes?.[volume]?.path ?? "";

const mapped = (texts: Readonly<Record<string, string>>, change: (text: string) => string) =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, change(text)]));

/** Whom a check asks, whatever program does it: the URL in its words, else the last number that may be a port. */
function asked(words: readonly string[]): string {
  const text = words.join(" ");
  const port = text.match(/(?<![\d.])\d{4,5}(?![\d.])/g)?.at(-1);
  return /https?:\/\/\S+/.exec(text)?.[0] ?? (port === undefined ? "" : `127.0.0.1:${port}`);
}
