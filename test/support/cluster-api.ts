// A small client of a Kubernetes API server for tests: server-side apply with every warning, reads, deletes, questions about rights.
import { Agent } from "node:https";
import { isDeepStrictEqual } from "node:util";
import { parseAllDocuments } from "yaml";
import { type Answer, ApiError, type Endpoint, exchange, type Headers, type KubeObject } from "./cluster-http.ts";

export { ApiError, type KubeObject } from "./cluster-http.ts";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [more: string]: unknown;
  };
  readonly [more: string]: unknown;
}

/** `v1/Pod`, `apps/v1/Deployment`. */
export type Kind = `${string}/${string}`;

export interface Applied {
  /** `apps/v1 Deployment vitals/grafana`, `v1 Namespace vitals`. */
  readonly id: string;
  readonly outcome: "created" | "changed" | "unchanged" | "refused";
  /** HTTP status. */
  readonly status: number;
  /** The server's words when it refused. */
  readonly message?: string;
  /** Texts of the Warning headers; Pod Security speaks here about the template of a workload. */
  readonly warnings: readonly string[];
  readonly resourceVersion?: string;
  /** Absent for kinds without a spec that changes. */
  readonly generation?: number;
  readonly object?: KubeObject;
}

export interface ApplyOptions {
  /** For objects of a namespaced kind that name none. */
  readonly namespace?: string;
  /** Takes over fields that another manager owns. */
  readonly force?: boolean;
  /** Default `vitals`. */
  readonly manager?: string;
  /** Everything but the storing: admission included. */
  readonly dryRun?: boolean;
}

/** One object of a group of rights: a resource, or a path such as `/metrics`. */
export type Question =
  | {
      readonly verb: string;
      readonly resource: string;
      readonly group?: string;
      readonly subresource?: string;
      readonly name?: string;
      readonly namespace?: string;
    }
  | { readonly verb: string; readonly path: string };

export interface ClusterApi {
  /** Namespaces first, then the others side by side; the results are in the order given. A text is read as YAML. */
  apply(manifests: readonly Manifest[] | string, options?: ApplyOptions): Promise<readonly Applied[]>;
  /** Undefined when it is not there. */
  get(kind: Kind, name: string, namespace?: string): Promise<KubeObject | undefined>;
  /** Of all namespaces when none is named. `selector`: `app=grafana`. */
  list(kind: Kind, namespace?: string, selector?: string): Promise<readonly KubeObject[]>;
  create(manifest: Manifest, namespace?: string): Promise<KubeObject>;
  /** `wait`: until it is gone, which for most kinds takes controllers. */
  delete(kind: Kind, name: string, namespace?: string, options?: { readonly wait?: boolean }): Promise<void>;
  /** The server learns of a new role some milliseconds after it has stored it: ask again before a "no" counts. */
  canI(question: Question): Promise<boolean>;
  /** The same server, asked as somebody else: `jane`, `system:serviceaccount:vitals:prometheus`. */
  asUser(name: string, groups?: readonly string[]): ClusterApi;
  /** Any request; rejects with an ApiError unless the answer is 2xx. */
  call(method: string, path: string, body?: unknown): Promise<KubeObject>;
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

type Send = (method: string, path: string, body?: unknown, type?: string) => Promise<Answer>;

/** One line for each object that the server did not take without a word. */
export const objections = (applied: readonly Applied[]): readonly string[] =>
  applied.flatMap(({ id, outcome, message, warnings }) => [
    ...(outcome === "refused" ? [`${id}: ${message}`] : []),
    ...warnings.map((warning) => `${id}: Warning: ${warning}`),
  ]);

export const readManifests = (text: string): readonly Manifest[] =>
  parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const content = document.toJS() as (Manifest & { readonly items?: readonly Manifest[] }) | null;
    return content === null ? [] : content.kind === "List" ? (content.items ?? []) : [content];
  });

export function clusterApi(endpoint: Endpoint, onNamespace?: (name: string) => Promise<void>) {
  const agent = new Agent({ keepAlive: true, maxSockets: 12, ca: endpoint.ca, servername: "localhost" });
  const resources = new Map<string, Promise<readonly ApiResource[]>>();
  const as = (headers: Headers): ClusterApi => {
    const send: Send = (method, path, body, type = "application/json") =>
      exchange(endpoint, agent, method, path, body, { ...headers, "content-type": type });
    return api(send, resources, as, onNamespace);
  };
  return { api: as({}), close: () => agent.destroy() };
}

function api(
  send: Send,
  resources: Map<string, Promise<readonly ApiResource[]>>,
  as: (headers: Headers) => ClusterApi,
  onNamespace: ((name: string) => Promise<void>) | undefined,
): ClusterApi {
  const call: ClusterApi["call"] = async (method, path, body) => {
    const answer = await send(method, path, body);
    if (answer.status >= 300) throw refusal(answer);
    return answer.body;
  };
  const find = async (kind: Kind): Promise<ApiResource & { readonly root: string }> => {
    const at = kind.lastIndexOf("/");
    const [version, name] = [kind.slice(0, at), kind.slice(at + 1)];
    const root = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
    const asked = resources.get(root) ?? call("GET", root).then((list) => list.resources as readonly ApiResource[]);
    resources.set(root, asked);
    // A refusal is not an answer to keep.
    asked.catch(() => resources.delete(root));
    const resource = (await asked).find((each) => each.kind === name && !each.name.includes("/"));
    if (resource === undefined) throw new ApiError(404, "NotFound", `the server has no kind ${kind}`);
    return { ...resource, root };
  };
  const pathOf = async (kind: Kind, namespace?: string): Promise<string> => {
    const { root, name, namespaced } = await find(kind);
    return `${root}${namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ""}/${name}`;
  };

  const applyOne = async (manifest: Manifest, options: ApplyOptions): Promise<Applied> => {
    const { apiVersion, kind, metadata } = manifest;
    const namespace = metadata.namespace ?? options.namespace;
    const named = (place: string | undefined): string =>
      `${apiVersion} ${kind} ${place === undefined ? "" : `${place}/`}${metadata.name}`;
    const refused = (status: number, message: string): Applied => ({
      id: named(namespace),
      outcome: "refused",
      status,
      message,
      warnings: [],
    });
    let resource: ApiResource;
    try {
      resource = await find(`${apiVersion}/${kind}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return refused(error.status, error.message);
    }
    if (resource.namespaced && namespace === undefined) return refused(400, "names no namespace, and none was given");
    const id = named(resource.namespaced ? namespace : undefined);
    const path = `${await pathOf(`${apiVersion}/${kind}`, namespace)}/${metadata.name}`;
    const query = new URLSearchParams({ fieldManager: options.manager ?? "vitals", fieldValidation: "Strict" });
    if (options.force === true) query.set("force", "true");
    if (options.dryRun === true) query.set("dryRun", "All");
    const before = await send("GET", path);
    // JSON is YAML.
    const { status, body, warnings } = await send(
      "PATCH",
      `${path}?${query}`,
      manifest,
      "application/apply-patch+yaml",
    );
    if (status >= 300) return { id, outcome: "refused", status, message: body.message ?? String(body), warnings };
    if (kind === "Namespace" && status === 201 && options.dryRun !== true) await onNamespace?.(metadata.name);
    const { resourceVersion, generation } = body.metadata;
    const outcome = status === 201 ? "created" : isSame(before.body, body, options.dryRun) ? "unchanged" : "changed";
    return { id, outcome, status, warnings, resourceVersion, generation, object: body };
  };

  return {
    call,
    apply: async (given, options = {}) => {
      const manifests = typeof given === "string" ? readManifests(given) : given;
      const results = new Map<Manifest, Applied>();
      for (const each of manifests.filter(isNamespace)) results.set(each, await applyOne(each, options));
      await Promise.all(
        manifests
          .filter((each) => !isNamespace(each))
          .map(async (each) => void results.set(each, await applyOne(each, options))),
      );
      return manifests.flatMap((each) => results.get(each) ?? []);
    },
    get: async (kind, name, namespace) => {
      const answer = await send("GET", `${await pathOf(kind, namespace)}/${name}`);
      if (answer.status === 404) return undefined;
      if (answer.status >= 300) throw refusal(answer);
      return answer.body;
    },
    list: async (kind, namespace, selector) => {
      const query = selector === undefined ? "" : `?labelSelector=${encodeURIComponent(selector)}`;
      const { items } = await call("GET", `${await pathOf(kind, namespace)}${query}`);
      return items;
    },
    create: async (manifest, namespace = manifest.metadata.namespace) =>
      call("POST", await pathOf(`${manifest.apiVersion}/${manifest.kind}`, namespace), manifest),
    delete: async (kind, name, namespace, { wait = false } = {}) => {
      const path = `${await pathOf(kind, namespace)}/${name}`;
      await call("DELETE", path, { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" });
      const end = performance.now() + 60_000;
      while (wait && (await send("GET", path)).status !== 404) {
        if (performance.now() > end) throw new Error(`${kind} ${name} is still there after 60 s`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    canI: async (question) => {
      const spec = "path" in question ? { nonResourceAttributes: question } : { resourceAttributes: question };
      const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec };
      const { status } = await call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review);
      return status.allowed === true;
    },
    asUser: (name, groups = []) =>
      as({ "impersonate-user": name, ...(groups.length === 0 ? {} : { "impersonate-group": groups }) }),
  };
}

const isNamespace = ({ apiVersion, kind }: Manifest): boolean => apiVersion === "v1" && kind === "Namespace";

const refusal = ({ status, body }: Answer): ApiError =>
  new ApiError(status, body.reason ?? "", body.message ?? String(body));

/** A controller may have written the status between the read and the patch: that is no change by us. */
function isSame(before: KubeObject, after: KubeObject, dryRun = false): boolean {
  if (!dryRun && before?.metadata?.resourceVersion === after.metadata.resourceVersion) return true;
  const ours = ({ status: _, metadata, ...rest }: KubeObject) => {
    const { resourceVersion: _version, managedFields: _fields, ...kept } = metadata;
    return { ...rest, metadata: kept };
  };
  return before?.metadata !== undefined && isDeepStrictEqual(ours(before), ours(after));
}
