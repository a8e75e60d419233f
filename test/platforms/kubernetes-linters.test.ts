// What others look for in manifests: kube-score and kube-linter run clean, but for the exceptions that are argued here.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { toYaml } from "../../components/platforms/kubernetes/text.ts";
import { findTool } from "../../tools/resolve.ts";
import { environments, type Made } from "./kubernetes-stacks.ts";

interface Exception {
  /** The objects that it holds for; all when it names none. */
  readonly only?: readonly string[];
  readonly because: string;
}

const differ = "What a service needs and where it ends differ on purpose: idle capacity of the node may be used.";
const scoreExceptions: Readonly<Record<string, Exception>> = {
  "container-resource-requests-equal-limits": { because: differ },
  "container-cpu-requests-equal-limits": { because: differ },
  "container-memory-requests-equal-limits": { because: differ },
  "container-ephemeral-storage-request-equals-limit": { because: differ },
  "container-image-pull-policy": {
    because:
      "Tags are exact or digests: pulling again brings nothing, and a registry that is away must not keep a pod from starting.",
  },
  "deployment-replicas": {
    only: [
      "db-stats",
      "viewer",
      "demo-vendor",
      "demo-traffic",
      "clinical-service",
      "business-service",
      "medication-service",
    ],
    because: "A second exporter would probe everything twice; the others are stateless pages that are back in seconds.",
  },
  "pod-probes-identical": {
    only: ["alertmanager", "grafana", "jaeger"],
    because:
      "They have one health page, or one answer to their tool; it fails for 15 s before traffic stops and 30 s before the restart.",
  },
  "pod-probes": {
    only: ["demo-postgres", "demo-seed"],
    because: "A database is not restarted because it does not answer for a while; a job ends by itself.",
  },
  "container-security-context-user-group-id": {
    only: ["grafana", "grafana-backup", "redis", "demo-postgres"],
    because: "The users of the publishers' images, whose files belong to them.",
  },
};
const linterExceptions: Readonly<Record<string, Exception>> = {
  "job-ttl-seconds-after-finished": {
    only: ["demo-seed"],
    because: "A Job that vanishes is one that the next update would run again.",
  },
};

interface Finding {
  readonly check: string;
  readonly object: string;
}

const all = environments.map(([name, environment]) => [name, environment] as const);
const objectOf = (name: string) => name.replace(/-[0-9a-f]{10}$/, "");

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
    readonly object_meta: { readonly name: string };
    readonly checks:
      | readonly { readonly check: { readonly id: string }; readonly skipped: boolean; readonly grade: number }[]
      | null;
  }[];
  // It passes over kinds that it knows nothing of, such as ConfigMaps.
  const workloads = made.manifests.filter(({ kind }) => kind === "StatefulSet" || kind === "Deployment");
  expect(objects.length).toBeGreaterThan(3 * workloads.length);
  return objects.flatMap(({ object_meta, checks }) =>
    (checks ?? [])
      .filter(({ skipped, grade }) => !skipped && grade < 10)
      .map(({ check }) => ({ check: check.id, object: objectOf(object_meta.name) })),
  );
}

function linted(made: Made): readonly Finding[] {
  const { Checks, Reports } = run("kube-linter", ["lint", "--format", "json", "-"], made) as {
    readonly Checks: readonly unknown[];
    readonly Reports:
      | readonly { readonly Check: string; readonly Object: { readonly K8sObject: { readonly Name: string } } }[]
      | null;
  };
  expect(Checks.length).toBeGreaterThan(20);
  return (Reports ?? []).map((report) => ({ check: report.Check, object: objectOf(report.Object.K8sObject.Name) }));
}

const unexcused = (findings: readonly Finding[], exceptions: Readonly<Record<string, Exception>>): readonly string[] =>
  findings
    .filter(({ check, object }) => {
      const exception = exceptions[check];
      return exception === undefined || (exception.only !== undefined && !exception.only.includes(object));
    })
    .map(({ check, object }) => `${object}: ${check}`);

describe.each([
  ["kube-score", scored, scoreExceptions],
  ["kube-linter", linted, linterExceptions],
] as const)("%s", (tool, findingsOf, exceptions) => {
  const there = findTool(tool) !== undefined;
  const why = there ? "" : ` (skipped: ${tool} is not there, npm run tools -- get --tests)`;

  it.skipIf(!there).each(all)(`finds nothing but what is argued: %s${why}`, (_, environment) => {
    expect(unexcused(findingsOf(environment()), exceptions)).toEqual([]);
  });

  it.skipIf(!there)(`still finds everything that is argued${why}`, () => {
    const found = new Set(all.flatMap(([, environment]) => findingsOf(environment()).map(({ check }) => check)));
    expect(Object.keys(exceptions).filter((check) => !found.has(check))).toEqual([]);
  });

  it.skipIf(!there)(`notices what is taken away${why}`, () => {
    const [, environment] = all[0] ?? [];
    if (environment === undefined) throw new Error("there is no environment");
    const made = environment();
    const weaker = JSON.parse(
      JSON.stringify(made.manifests).replaceAll('"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false'),
    ) as Made["manifests"];
    expect(unexcused(findingsOf({ ...made, manifests: weaker }), exceptions).length).toBeGreaterThan(3);
  });
});
