// Which content an image's tag stands for: the OCI distribution API, as far as a digest needs it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Problem, StackError } from "../components/errors.ts";
import { explain } from "./net.ts";

export interface ImageReference {
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
}

export interface Resolved {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Of an index; undefined where the tag is an image for one platform alone. */
  readonly platforms?: number;
}

/** An index of all platforms first: a manifest for one alone would not run on the others. */
const accepted = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const patienceMs = 30_000;
/** The specification's own bound for a manifest. */
const largest = 4 * 2 ** 20;
const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** As Docker reads it: without a host it is Docker Hub's, there without a team it is `library`'s, without a tag it is `latest`. */
export function parseReference(reference: string): ImageReference {
  const [, head = "", tag = "latest"] = /^(.+?)(?::([\w][\w.-]{0,127}))?(?:@.*)?$/.exec(reference) ?? [];
  const [first = "", ...rest] = head.split("/");
  if (rest.length > 0 && (/[.:]/.test(first) || first === "localhost"))
    return { host: first, repository: rest.join("/"), tag };
  return { host: "registry-1.docker.io", repository: rest.length === 0 ? `library/${first}` : head, tag };
}

/**
 * The digest of what a tag stands for now, compared with the body's own hash. Throws a StackError: not reachable, no such tag,
 * no access, too many requests, or a body that is not what the registry says.
 */
export async function resolveDigest(reference: string, signal?: AbortSignal): Promise<Resolved> {
  const { host, repository, tag } = parseReference(reference);
  const url = `${loopback.test(host) ? "http" : "https"}://${host}/v2/${repository}/manifests/${tag}`;
  const refused = (what: string, remedy: string) => new StackError([{ where: reference, what, remedy }]);
  const ask = async (address: string | URL, headers: Record<string, string>) => {
    const limit = AbortSignal.timeout(patienceMs);
    try {
      const response = await fetch(address, { headers, signal: signal ? AbortSignal.any([signal, limit]) : limit });
      return { response, body: await bodyOf(response) };
    } catch (error) {
      signal?.throwIfAborted();
      throw refused(
        explain(error, String(address), patienceMs).message,
        `Run this where ${new URL(address).host} can be reached.`,
      );
    }
  };
  const login = loginOf(host);
  let { response, body } = await ask(url, { accept: accepted });
  if (response.status === 401) {
    const challenge = response.headers.get("www-authenticate") ?? "";
    const token = await authorization(challenge, host, login, ask);
    if (token !== undefined) ({ response, body } = await ask(url, { accept: accepted, authorization: token }));
  }
  if (response.status === 401 || response.status === 403)
    throw refused(
      `${host} gives no access (HTTP ${response.status})`,
      `Check the name; if it is private: docker login ${host}, with the login in Docker's own file rather than in a helper.`,
    );
  if (response.status === 404)
    throw refused(`${host} has no such tag`, "Correct the reference, or choose another tag.");
  if (response.status === 429) {
    const after = response.headers.get("retry-after");
    throw refused(
      `${host} takes no more requests for now${after === null ? "" : ` (try again after ${after} s)`}`,
      `Try again later, or docker login ${host}: those who are known may ask more often.`,
    );
  }
  if (!response.ok) throw refused(`${host} answers HTTP ${response.status}`, "Try again later.");
  if (body === undefined) throw refused("its manifest is larger than 4 MiB", "Choose another image.");
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  const said = response.headers.get("docker-content-digest");
  if (said !== null && said !== digest)
    throw refused(
      `${host} says ${said}, but what it sent is ${digest}`,
      "Something between here and the registry changes what it sends: ask it without a proxy.",
    );
  const platforms = platformsIn(body);
  if (platforms === undefined) throw refused(`${host} sent no manifest of an image`, "Check that this is a registry.");
  return { digest, ...platforms };
}

/** Digests of all, or a StackError with every problem: half of them would pin half of a stack. */
export async function resolveAll(
  references: readonly string[],
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const width = Math.max(...references.map(({ length }) => length));
  const settled = await Promise.allSettled(
    references.map(async (reference) => {
      const { digest, platforms } = await resolveDigest(reference, signal);
      const reach = platforms === undefined ? "one platform alone" : `${platforms} platforms`;
      say(`${reference.padEnd(width)}  ${digest}  ${reach}`);
      return [reference, digest] as const;
    }),
  );
  const problems = settled.flatMap((one): readonly Problem[] => {
    if (one.status === "fulfilled") return [];
    if (one.reason instanceof StackError) return one.reason.problems;
    throw one.reason;
  });
  if (problems.length > 0) throw new StackError(problems);
  return Object.fromEntries(settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
}

type Ask = (
  address: URL,
  headers: Record<string, string>,
) => Promise<{ readonly response: Response; readonly body?: Buffer | undefined }>;

/** What a challenge asks for: a token from the server that it names, or the login itself. */
async function authorization(
  challenge: string,
  host: string,
  login: string | undefined,
  ask: Ask,
): Promise<string | undefined> {
  const [, scheme = ""] = /^(\w+)/.exec(challenge) ?? [];
  const basic = login === undefined ? undefined : `Basic ${login}`;
  if (scheme.toLowerCase() !== "bearer") return basic;
  const fields = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  const realm = URL.parse(fields.realm ?? "");
  // A login is for nobody on the way to read.
  if (realm === null || (realm.protocol !== "https:" && !(loopback.test(host) && loopback.test(realm.host))))
    return undefined;
  for (const name of ["service", "scope"]) if (fields[name] !== undefined) realm.searchParams.set(name, fields[name]);
  const { response, body } = await ask(realm, basic === undefined ? {} : { authorization: basic });
  if (!response.ok || body === undefined) return undefined;
  try {
    const { token, access_token } = JSON.parse(body.toString("utf8")) as { token?: string; access_token?: string };
    const given = token ?? access_token;
    return given === undefined ? undefined : `Bearer ${given}`;
  } catch {
    return undefined;
  }
}

/** The login that `docker login` has put into its file, as a Basic credential. */
function loginOf(host: string): string | undefined {
  const file = join(process.env.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
  if (!existsSync(file)) return undefined;
  try {
    const { auths = {} } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly auths?: Readonly<Record<string, { readonly auth?: string }>>;
    };
    const names =
      host === "registry-1.docker.io" ? ["https://index.docker.io/v1/", "docker.io"] : [host, `https://${host}`];
    return names.map((name) => auths[name]?.auth).find((auth) => auth !== undefined && auth !== "");
  } catch {
    return undefined;
  }
}

/** The whole body, or undefined when it is larger than a manifest may be. */
async function bodyOf(response: Response): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.byteLength;
    if (size > largest) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function platformsIn(body: Buffer): Pick<Resolved, "platforms"> | undefined {
  try {
    const { manifests, config } = JSON.parse(body.toString("utf8")) as {
      readonly manifests?: readonly { readonly platform?: { readonly os?: string } }[];
      readonly config?: unknown;
    };
    // Attestations are listed beside the images, for a platform that is none.
    if (Array.isArray(manifests))
      return { platforms: manifests.filter(({ platform }) => platform?.os !== "unknown").length };
    return config === undefined ? undefined : {};
  } catch {
    return undefined;
  }
}
