// The platforms that need somebody else's plugin: what a trial stack on each looks like, and what a change of it has to touch.
import type { StackConfig } from "../../components/config.ts";

export interface Target {
  readonly platform: StackConfig["platform"];
  /** Keeps a trial apart from everything else there; `name` is new each time. Wins over what a person gives. */
  readonly own: (name: string) => Readonly<Record<string, unknown>>;
  /** The small environment, unless a person gives something else. */
  readonly usual: Readonly<Record<string, unknown>>;
  /** A change of settings, and exactly the resources that it has to touch. */
  readonly change: Readonly<Record<string, unknown>>;
  readonly touches: readonly string[];
  /** The types that a destroy leaves in place because data lies in them. A trial's goes. */
  readonly kept: readonly string[];
  /** What a person does when nothing answers. */
  readonly context: string;
}

const change = { "vitals:scrapeInterval": "30s", "vitals:redisMaxMemory": "128MiB" };

export const targets: readonly Target[] = [
  {
    platform: "kubernetes",
    own: (name) => ({ "vitals:namespace": `vitals-${name}` }),
    usual: { "vitals:size": "small" },
    change,
    touches: [
      "ConfigMap grafana-live",
      "ConfigMap prometheus-config",
      "ConfigMap redis-config",
      "StatefulSet prometheus",
      "StatefulSet redis",
    ],
    kept: ["kubernetes:core/v1:Namespace", "kubernetes:core/v1:PersistentVolumeClaim"],
    context: `The cluster is that of the current context of your kubeconfig (KUBECONFIG, else ~/.kube/config).
  -> See whether it answers: kubectl config current-context && kubectl get namespaces
  -> Another one: kubernetes:context NAME below config: in a file, and --settings FILE.
  -> Its nodes pull our own image: vitals:registry, or vitals:images.vitals, below config: in the same file.
     On a closed network vitals:images names every image in a registry that they reach.`,
  },
  {
    platform: "docker",
    // Beside a stack that runs here already. The name of the stack is that of its project.
    own: () => ({ "vitals:portOffset": 10_000 + Math.floor(Math.random() * 4_000) }),
    usual: {},
    change,
    touches: ["Container redis-0", "Files grafana", "Files prometheus", "Files redis"],
    kept: ["docker:index/volume:Volume"],
    context: `The engine is that of Docker's own client (DOCKER_HOST, else its current context).
  -> See whether it answers: docker context show && docker info
  -> Another one: docker:host or docker:context below config: in a file, and --settings FILE.
  -> On a closed network: load the images of npm run render -- --stack docker by docker load, and set vitals:buildImage false
     after npm run image.`,
  },
];
