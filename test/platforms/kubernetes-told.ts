// What the pods of a stack are told: files, arguments, environment and checks, with every address as what is behind it.
import { parse } from "yaml";
import { renderText } from "../../components/platforms/content.ts";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import type { ServiceName, Tree } from "../../components/spec.ts";
import { type Answer, neutral } from "./addresses.ts";
import { type Discovery, discovered, type Relabeling } from "./kubernetes-addresses.ts";
import { templatesOf } from "./kubernetes-stacks.ts";

export interface Told {
  readonly files: Readonly<Record<string, string>>;
  /** Of an entry of our own, its name is the first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The words of its readiness check; a port of the pod as a number. */
  readonly check: readonly string[];
}

/** `answers`: who answers at which address. Where Prometheus asks the cluster for targets, they stand by name. */
export function toldTo(
  manifests: readonly Manifest[],
  namespace: string,
  answers: readonly Answer[],
): Readonly<Record<ServiceName, Told>> {
  const words = neutral(answers);
  const data = (kind: string, name: string): Readonly<Record<string, string>> => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
    return (found?.data ?? found?.stringData ?? {}) as Record<string, string>;
  };
  const found = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null || !("kubernetes_sd_configs" in item)) return item;
    const { kubernetes_sd_configs, relabel_configs, ...rest } = item as {
      readonly kubernetes_sd_configs: readonly Discovery[];
      readonly relabel_configs: readonly Relabeling[];
    };
    return { ...rest, static_configs: discovered(manifests, namespace, kubernetes_sd_configs, relabel_configs) };
  };
  return Object.fromEntries(
    templatesOf(manifests).map(([service, { spec: pod }]): [string, Told] => {
      const [container] = pod.containers;
      const variables = (container.env ?? []) as readonly Variable[];
      const fields = new Map(variables.map(({ name, valueFrom }) => [name, valueFrom?.fieldRef.fieldPath]));
      const known = new Map([
        ["metadata.name", `${service}-0`],
        ["status.podIP", "0.0.0.0"],
      ]);
      const inWords = (text: string) =>
        words(
          service,
          text.replaceAll(/\$\((\w+)\)/g, (own, name) => known.get(fields.get(name) ?? "") ?? own),
        );
      const mountOf = (name: string): string =>
        container.volumeMounts.find((mount: { name: string }) => mount.name === name)?.mountPath;
      const files = (pod.volumes as readonly Volume[]).flatMap(({ name, projected }) =>
        (projected?.sources ?? []).flatMap(({ configMap, secret }) => {
          const source = configMap ?? secret;
          const texts = data(configMap === undefined ? "Secret" : "ConfigMap", source?.name ?? "");
          return (source?.items ?? []).map(({ key, path }) => {
            const text = texts[key] ?? "(missing)";
            const asks = text.includes("kubernetes_sd_configs:");
            return [
              `${mountOf(name)}/${path}`,
              inWords(asks ? renderText(parse(text, (_, item) => found(item)) as Tree, "yaml") : text),
            ];
          });
        }),
      );
      const { httpGet, tcpSocket, exec } = container.readinessProbe ?? {};
      const numberOf = (name: string) =>
        container.ports.find((each: { readonly name: string }) => each.name === name)?.containerPort;
      return [
        service,
        {
          files: Object.fromEntries(files),
          args: ((container.args ?? []) as readonly string[]).map(inWords),
          env: Object.fromEntries(
            variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, inWords(value)]])),
          ),
          check:
            exec?.command ??
            (httpGet && [`http://127.0.0.1:${numberOf(httpGet.port)}${httpGet.path}`]) ??
            (tcpSocket && [`${numberOf(tcpSocket.port)}`]) ??
            [],
        },
      ];
    }),
  );
}

interface Source {
  readonly name: string;
  readonly items: readonly { readonly key: string; readonly path: string }[];
}

interface Volume {
  readonly name: string;
  readonly projected?: { readonly sources: readonly { readonly configMap?: Source; readonly secret?: Source }[] };
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}
