// Digests of images, from a local server that behaves as a registry, well and badly.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockedDigests } from "../../components/platforms/images.ts";
import { versions } from "../../components/versions.ts";
import { imagesToPin, pinImages } from "../../tools/pin-images.ts";
import { parseReference } from "../../tools/registry.ts";
import { freePort } from "../support/ports.ts";
import { serve, sha256, temporaryFolder } from "./support.ts";

const index = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [
    { digest: "sha256:1", platform: { os: "linux", architecture: "amd64" } },
    { digest: "sha256:2", platform: { os: "linux", architecture: "arm64" } },
    { digest: "sha256:3", platform: { os: "unknown", architecture: "unknown" } },
  ],
});
const digest = `sha256:${sha256(index)}`;
const sendIndex = (response: ServerResponse, said = digest) =>
  response
    .setHeader("content-type", "application/vnd.oci.image.index.v1+json")
    .setHeader("docker-content-digest", said)
    .end(index);
const hostOf = (base: string) => base.slice("http://".length);

/** A registry that wants a token for each repository, from a token server of its own; `login` is needed for private ones. */
async function registry(answer: (request: IncomingMessage, response: ServerResponse) => void, login?: string) {
  let base = "";
  const tokens: string[] = [];
  const server = await serve((request, response) => {
    const url = new URL(request.url ?? "/", base);
    if (url.pathname === "/token") {
      if (login !== undefined && request.headers.authorization !== `Basic ${login}`)
        return response.writeHead(401).end();
      tokens.push(`${url.searchParams.get("service")} ${url.searchParams.get("scope")}`);
      return response.end(JSON.stringify({ token: `for ${url.searchParams.get("scope")}` }));
    }
    const scope = `repository:${url.pathname.split("/").slice(2, -2).join("/")}:pull`;
    if (request.headers.authorization === `Bearer for ${scope}`) return answer(request, response);
    return response
      .writeHead(401, { "www-authenticate": `Bearer realm="${base}/token",service="test registry",scope="${scope}"` })
      .end();
  });
  base = server.base;
  return { ...server, host: hostOf(base), tokens };
}

const pin = async (references: readonly string[], before?: string) => {
  const folder = temporaryFolder();
  const file = join(folder, "images.lock.json");
  if (before !== undefined) writeFileSync(file, before);
  const lines: string[] = [];
  const problem = await pinImages(references, (line) => lines.push(line), undefined, file).then(
    () => undefined,
    (error: Error) => error.message,
  );
  return {
    file,
    lines,
    problem,
    left: readdirSync(folder),
    text: existsSync(file) ? readFileSync(file, "utf8") : undefined,
  };
};

describe("npm run tools -- --pin-images", () => {
  const config = process.env.DOCKER_CONFIG;
  beforeEach(() => {
    process.env.DOCKER_CONFIG = temporaryFolder();
  });
  afterEach(() => {
    if (config === undefined) delete process.env.DOCKER_CONFIG;
    else process.env.DOCKER_CONFIG = config;
  });

  it("asks as the distribution API wants it, and writes what the platforms read", async () => {
    const accepts: (string | undefined)[] = [];
    const { host, requests, tokens } = await registry((request, response) => {
      accepts.push(request.headers.accept);
      sendIndex(response);
    });
    const references = [`${host}/team/one:1.0`, `${host}/two`];
    const { problem, lines, file, left } = await pin(references);
    expect(problem).toBeUndefined();
    expect(lockedDigests(file)).toEqual(Object.fromEntries(references.map((each) => [each, digest])));
    expect(tokens.toSorted()).toEqual(["test registry repository:team/one:pull", "test registry repository:two:pull"]);
    expect(requests).toContain("GET /v2/team/one/manifests/1.0");
    expect(requests).toContain("GET /v2/two/manifests/latest");
    expect(accepts.every((each) => each?.startsWith("application/vnd.oci.image.index.v1+json, "))).toBe(true);
    expect(lines).toContain(`${references[0]}  ${digest}  2 platforms`);
    expect(lines.at(-1)).toBe(`2 digests in ${file}`);
    expect(left).toEqual(["images.lock.json"]);
  });

  it("tells every image that cannot be resolved at once, and leaves the file as it was", async () => {
    const limited = await registry((_request, response) => response.writeHead(429, { "retry-after": "120" }).end());
    const gone = await registry((_request, response) => response.writeHead(404).end("{}"));
    const lying = await registry((_request, response) => sendIndex(response, `sha256:${"0".repeat(64)}`));
    const good = await registry((_request, response) => sendIndex(response));
    const nobody = `127.0.0.1:${await freePort()}`;
    const { problem, text, left } = await pin(
      [limited, gone, lying, good, { host: nobody }].map(({ host }) => `${host}/name:1`),
      "before",
    );
    expect(problem?.split("\n").filter((line) => !line.startsWith("  ->"))).toEqual([
      `${limited.host}/name:1: ${limited.host} takes no more requests for now (try again after 120 s)`,
      `${gone.host}/name:1: ${gone.host} has no such tag`,
      `${lying.host}/name:1: ${lying.host} says sha256:${"0".repeat(64)}, but what it sent is ${digest}`,
      `${nobody}/name:1: blocked (ECONNREFUSED ${nobody})`,
    ]);
    expect(problem?.match(/^ {2}-> \S/gm)).toHaveLength(4);
    expect(text).toBe("before");
    expect(left).toEqual(["images.lock.json"]);
  });

  it.each([
    ["no manifest", "<html>", "sent no manifest of an image"],
    ["more than a manifest may be", " ".repeat(5 * 2 ** 20), "its manifest is larger than 4 MiB"],
  ])("does not take %s for an image", async (_case, body, what) => {
    const { host } = await registry((_request, response) => response.end(body));
    const { problem, left } = await pin([`${host}/name:1`]);
    expect(problem).toContain(what);
    expect(left).toEqual([]);
  });

  it("logs in where docker login has left a login, and says so where it has not", async () => {
    const login = Buffer.from("robot:marker-password").toString("base64");
    const { host } = await registry((_request, response) => sendIndex(response), login);
    const without = await pin([`${host}/private:1`]);
    expect(without.problem).toMatch(/gives no access \(HTTP 401\)\n {2}-> .*docker login/);
    writeFileSync(
      join(process.env.DOCKER_CONFIG ?? "", "config.json"),
      JSON.stringify({ auths: { [host]: { auth: login } } }),
    );
    const { problem, lines } = await pin([`${host}/private:1`]);
    expect(problem).toBeUndefined();
    expect(lines.join("\n")).not.toContain("marker");
  });

  it("gives a login to no token server that others could listen to", async () => {
    const login = Buffer.from("robot:marker-password").toString("base64");
    const { base, requests } = await serve((_request, response) =>
      response
        .writeHead(401, { "www-authenticate": 'Bearer realm="http://token.example.com/token",service="x"' })
        .end(),
    );
    writeFileSync(
      join(process.env.DOCKER_CONFIG ?? "", "config.json"),
      JSON.stringify({ auths: { [hostOf(base)]: { auth: login } } }),
    );
    const { problem } = await pin([`${hostOf(base)}/name:1`]);
    expect(problem).toContain("gives no access (HTTP 401)");
    expect(requests).toEqual(["GET /v2/name/manifests/1"]);
  });

  it("reads a reference as Docker does", () => {
    const hub = "registry-1.docker.io";
    expect(parseReference("redis:7.4.2-alpine")).toEqual({
      host: hub,
      repository: "library/redis",
      tag: "7.4.2-alpine",
    });
    expect(parseReference("prom/prometheus:v3")).toEqual({ host: hub, repository: "prom/prometheus", tag: "v3" });
    expect(parseReference("localhost:5000/a/b")).toEqual({ host: "localhost:5000", repository: "a/b", tag: "latest" });
    expect(parseReference("ghcr.io/a/b:1")).toEqual({ host: "ghcr.io", repository: "a/b", tag: "1" });
  });

  it("pins every image that the stack pulls", () => {
    expect(imagesToPin()).toEqual(expect.arrayContaining([versions.redis.image, versions.prometheus.image]));
  });
});
