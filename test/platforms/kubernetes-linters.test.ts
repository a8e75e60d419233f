// What others look for in manifests: kube-score and kube-linter run clean, but for the exceptions that are argued here.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { toYaml } from "../../components/platforms/kubernetes/text.ts";
import { findTool } from "../../tools/resolve.ts";
import { environments, type Made } from "./kubernetes-stacks.ts";

interface Exception {
  readonly check: string;
  /** `Kind/name` of each object that it holds for; a pattern holds for whatever runs. */
  readonly on: readonly string[] | "every workload";
  readonly because: string;
}

const differ = "What a service needs and where it ends differ on purpose: idle capacity of the node may be used.";
const publishers = "The user of the publisher's image, whose files belong to it.";
const scoreExceptions: readonly Exception[] = [
  ...["resource-requests-equal-limits", "cpu-requests-equal-limits", "memory-requests-equal-limits"]
    .concat("ephemeral-storage-request-equals-limit")
    .map((name): Exception => ({ check: `container-${name}`, on: "every workload", because: differ })),
  {
    check: "container-image-pull-policy",
    on: "every workload",
    because:
      "Tags are exact or digests: pulling again brings nothing, and a registry that is away must not keep a pod from starting.",
  },
  {
    check: "deployment-replicas",
    on: ["Deployment/db-stats"],
    because: "A second exporter would read everything twice.",
  },
  {
    check: "deployment-replicas",
    on: [
      ...["viewer", "gateway", "demo-login", "demo-vendor", "demo-traffic"].map((name) => `Deployment/${name}`),
      ...["clinical", "business", "medication"].map((name) => `Deployment/${name}-service`),
    ],
    because: "They keep nothing and are back in seconds.",
  },
  {
    check: "pod-probes-identical",
    on: ["StatefulSet/alertmanager", "StatefulSet/grafana", "StatefulSet/jaeger", "Deployment/jaeger"],
    because:
      "They have one health page, or one answer to their tool; it fails for 15 s before traffic stops and 30 s before the restart.",
  },
  {
    check: "pod-probes",
    on: ["StatefulSet/demo-postgres"],
    because: "A database is not restarted because it does not answer for a while.",
  },
  {
    check: "container-security-context-user-group-id",
    on: ["StatefulSet/grafana", "CronJob/grafana-backup", "StatefulSet/redis", "StatefulSet/demo-postgres"],
    because: publishers,
  },
];
const linterExceptions: readonly Exception[] = [
  {
    check: "job-ttl-seconds-after-finished",
    on: ["Job/demo-seed"],
    because: "A Job that vanishes is one that the next update would run again.",
  },
];

interface Finding {
  readonly check: string;
  /** `Kind/name`, without the hash of its content. */
  readonly object: string;
}

const objectOf = (kind: string, name: string) => `${kind}/${name.replace(/-[0-9a-f]{10}$/, "")}`;
const workloadsOf = ({ manifests }: Made): readonly string[] =>
  manifests
    .filter(({ kind }) => ["StatefulSet", "Deployment", "Job", "CronJob"].includes(kind))
    .map(({ kind, metadata }) => objectOf(kind, metadata.name));

function run(tool: string, args: readonly string[], made: Made): unknown {
  const { stdout, stderr, error } = spawnSync(findTool(tool)?.path ?? tool, args, {
    input: toYaml(made.manifests),
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) throw error;
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`${tool} says: ${stderr || stdout}`);
  }
}

function scored(made: Made): readonly Finding[] {
  const objects = run(
    "kube-score",
    ["score", "--all-default-optional", "--kubernetes-version", "v1.31", "-o", "json", "-"],
    made,
  ) as readonly {
    readonly type_meta: { readonly kind: string };
    readonly object_meta: { readonly name: string };
    readonly checks:
      | readonly { readonly check: { readonly id: string }; readonly skipped: boolean; readonly grade: number }[]
      | null;
  }[];
  // It passes over kinds that it knows nothing of, such as ConfigMaps.
  expect(objects.length).toBeGreaterThan(2 * workloadsOf(made).length);
  return objects.flatMap(({ type_meta, object_meta, checks }) =>
    (checks ?? [])
      .filter(({ skipped, grade }) => !skipped && grade < 10)
      .map(({ check }) => ({ check: check.id, object: objectOf(type_meta.kind, object_meta.name) })),
  );
}

function linted(made: Made): readonly Finding[] {
  const { Checks, Reports } = run("kube-linter", ["lint", "--format", "json", "-"], made) as {
    readonly Checks: readonly unknown[];
    readonly Reports:
      | readonly {
          readonly Check: string;
          readonly Object: {
            readonly K8sObject: { readonly Name: string; readonly GroupVersionKind: { readonly Kind: string } };
          };
        }[]
      | null;
  };
  expect(Checks.length).toBeGreaterThan(20);
  return (Reports ?? []).map(({ Check, Object: { K8sObject } }) => ({
    check: Check,
    object: objectOf(K8sObject.GroupVersionKind.Kind, K8sObject.Name),
  }));
}

const lineOf = ({ check, object }: Finding): string => `${object}: ${check}`;

/** Every finding that the exceptions speak of, for objects that there are. */
const excused = (exceptions: readonly Exception[], workloads: readonly string[]): ReadonlySet<string> =>
  new Set(
    exceptions.flatMap(({ check, on }) =>
      (on === "every workload" ? workloads : on).map((object) => lineOf({ check, object })),
    ),
  );

describe.each([
  ["kube-score", scored, scoreExceptions],
  ["kube-linter", linted, linterExceptions],
] as const)("%s", (tool, findingsOf, exceptions) => {
  const there = findTool(tool) !== undefined;
  const why = there ? "" : ` (skipped: ${tool} is not there, npm run tools -- get --tests)`;
  const unexcused = (made: Made, findings: readonly Finding[]) => {
    const known = excused(exceptions, workloadsOf(made));
    return findings.map(lineOf).filter((line) => !known.has(line));
  };
  const judged = new Map<string, { readonly made: Made; readonly findings: readonly Finding[] }>();
  const judge = (name: string, environment: () => Made) => {
    const known = judged.get(name);
    if (known !== undefined) return known;
    const made = environment();
    const now = { made, findings: findingsOf(made) };
    judged.set(name, now);
    return now;
  };

  it.skipIf(!there).each(environments)(`finds nothing but what is argued: %s${why}`, (name, environment) => {
    const { made, findings } = judge(name, environment);
    expect(unexcused(made, findings)).toEqual([]);
  });

  it.skipIf(!there)(`still finds everything that is argued, on each object${why}`, () => {
    const all = environments.map(([name, environment]) => judge(name, environment));
    const found = new Set(all.flatMap(({ findings }) => findings.map(lineOf)));
    const argued = excused(
      exceptions,
      all.flatMap(({ made }) => workloadsOf(made)),
    );
    expect([...argued].filter((line) => !found.has(line))).toEqual([]);
  });

  it.skipIf(!there)(`notices what is taken away${why}`, () => {
    const made = environments[0]?.[1]();
    if (made === undefined) throw new Error("there is no environment");
    const weaker = JSON.parse(
      JSON.stringify(made.manifests).replaceAll('"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false'),
    ) as Made["manifests"];
    expect(unexcused(made, findingsOf({ ...made, manifests: weaker })).length).toBeGreaterThan(3);
  });
});
