// The publisher's archives, from a local server that serves them well and badly.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { versions } from "../../components/versions.ts";
import { type AcquireOptions, type Acquisition, acquire } from "../../tools/acquire.ts";
import { platformKey } from "../../tools/programs.ts";
import { resolveTool } from "../../tools/resolve.ts";
import { freePort } from "../support/ports.ts";
import { program } from "./programs-by-name.ts";
import { type Archive, archive, recorder, serve, sha256, temporaryFolder } from "./support.ts";

const { version } = versions.alertmanager;
const [os, arch] = (platformKey() ?? "linux-x64").split("-");
const goarch = arch === "x64" ? "amd64" : arch;
const good = archive(`alertmanager-${version}.${os}-${goarch}.tar.gz`, { alertmanager: version, amtool: version });

/** Gets alertmanager from a server only. */
function get(base: string, options: AcquireOptions = {}): Promise<Acquisition> {
  return acquire({
    only: [program("alertmanager")],
    skip: ["path", "go"],
    report: recorder(),
    limits: { connectMs: 5_000, stallMs: 5_000 },
    env: { ...process.env, VITALS_RELEASE_BASE_ALERTMANAGER: base },
    ...options,
  });
}

const sums = (one: Archive, sum = one.sum) => `${sha256("another")}  another.tar.gz\n${sum}  ${one.name}\n`;

/** Asserts the failure, and that nothing is left of it. */
async function refused(attempt: Promise<unknown>, dir: string): Promise<string> {
  const error = await attempt.then(
    () => {
      throw new Error("it was taken");
    },
    (thrown: Error) => thrown,
  );
  expect(existsSync(join(dir, "alertmanager")) ? readdirSync(join(dir, "alertmanager")) : []).toEqual([]);
  return error.message;
}

describe("a release archive", () => {
  it("is unpacked, checked and readable for everyone when all is well, whatever the umask", async () => {
    const dir = temporaryFolder();
    const { base } = await serve((request, response) =>
      response.end(request.url === "/sha256sums.txt" ? sums(good) : good.content),
    );
    const before = process.umask(0o077);
    try {
      const { acquired } = await get(base, { dir: join(dir, "deep", "cache") });
      expect(acquired).toMatchObject([{ program: "alertmanager", version, source: "release", fresh: true }]);
    } finally {
      process.umask(before);
    }
    const tool = resolveTool("amtool", join(dir, "deep", "cache"));
    expect(tool).toMatchObject({ version, source: "release" });
    expect(execFileSync(tool.path, ["--version"], { encoding: "utf8" })).toContain(version);
    for (const path of [
      "deep",
      "deep/cache",
      "deep/cache/alertmanager",
      `deep/cache/alertmanager/${version}/bin/amtool`,
    ])
      expect(statSync(join(dir, path)).mode & 0o777).toBe(0o755);
    expect(statSync(join(dir, `deep/cache/alertmanager/${version}/share/LICENSE`)).mode & 0o777).toBe(0o644);
    expect(readdirSync(join(dir, "deep/cache/alertmanager"))).toEqual([version]);
  });

  it("is refused when its checksum is wrong", async () => {
    const dir = temporaryFolder();
    const { base } = await serve((request, response) =>
      response.end(request.url === "/sha256sums.txt" ? sums(good, sha256("not this")) : good.content),
    );
    const message = await refused(get(base, { dir }), dir);
    expect(message).toContain("tool alertmanager: cannot be had");
    expect(message).toContain(`wrong checksum of ${good.name}: ${good.sum}, the publisher says ${sha256("not this")}`);
    expect(message).toContain("-> put alertmanager and amtool");
  });

  it("is refused when it breaks off", async () => {
    const dir = temporaryFolder();
    const half = good.content.subarray(0, good.content.length / 2);
    const { base } = await serve((request, response) => {
      if (request.url === "/sha256sums.txt") return response.end(sums(good));
      response.setHeader("content-length", good.content.length);
      return response.write(half, () => setTimeout(() => response.destroy(), 50));
    });
    const message = await refused(get(base, { dir }), dir);
    expect(message).toContain(`truncated: ${half.length} of ${good.content.length} bytes of ${base}/${good.name}`);
  });

  it("is refused when the server ends it early as if it were whole", async () => {
    const dir = temporaryFolder();
    const { base } = await serve((request, response) =>
      response.end(request.url === "/sha256sums.txt" ? sums(good) : good.content.subarray(0, 1_000)),
    );
    expect(await refused(get(base, { dir }), dir)).toContain(`wrong checksum of ${good.name}`);
  });

  it("that is not there is one line with its address", async () => {
    const dir = temporaryFolder();
    const { base } = await serve((request, response) => {
      response.statusCode = request.url === "/sha256sums.txt" ? 200 : 404;
      response.end(request.url === "/sha256sums.txt" ? sums(good) : "not here");
    });
    expect(await refused(get(base, { dir }), dir)).toContain(`HTTP 404 for ${base}/${good.name}`);
  });

  it("without a checksum for it is refused", async () => {
    const dir = temporaryFolder();
    const { base } = await serve((request, response) =>
      response.end(request.url === "/sha256sums.txt" ? `${good.sum}  another.tar.gz\n` : good.content),
    );
    expect(await refused(get(base, { dir }), dir)).toContain("names neither the archive nor");
  });

  it("that holds another version than its name says is refused", async () => {
    const dir = temporaryFolder();
    const old = archive(good.name, { alertmanager: "0.20.0", amtool: "0.20.0" });
    const { base } = await serve((request, response) =>
      response.end(request.url === "/sha256sums.txt" ? sums(old) : old.content),
    );
    expect(await refused(get(base, { dir }), dir)).toContain("alertmanager says that it is 0.20.0");
  });

  it("is checked file by file where the publisher lists the sums of the files", async () => {
    const name = `jaeger-${versions.jaeger.version}-${os}-${goarch}.tar.gz`;
    const jaeger = archive(name, { jaeger: versions.jaeger.version });
    for (const wrong of [false, true]) {
      const dir = temporaryFolder();
      const list = wrong ? jaeger.fileSums.replace(/^[0-9a-f]{64}/, sha256("no")) : jaeger.fileSums;
      const { base } = await serve((request, response) =>
        response.end(request.url?.endsWith(".sha256sum.txt") ? list : jaeger.content),
      );
      const env = { ...process.env, VITALS_RELEASE_BASE_JAEGER: base };
      const attempt = get(base, { only: [program("jaeger")], dir, env });
      if (wrong) await expect(attempt).rejects.toThrow(`wrong checksum of ${name.replace(".tar.gz", "")}/jaeger`);
      else expect((await attempt).acquired).toMatchObject([{ source: "release", version: versions.jaeger.version }]);
    }
  });
});

describe("a network that does not answer", () => {
  it("is given up soon when a host accepts and says nothing", async () => {
    const dir = temporaryFolder();
    const { base } = await serve(() => {});
    const limits = { connectMs: 5_000, stallMs: 300 };
    expect(await refused(get(base, { dir, limits }), dir)).toContain(
      `blocked (no answer from ${new URL(base).host} for 0.3 s)`,
    );
  });

  it("is given up soon when a download stalls in the middle", async () => {
    const dir = temporaryFolder();
    const { base } = await serve((request, response) => {
      if (request.url === "/sha256sums.txt") return response.end(sums(good));
      response.setHeader("content-length", good.content.length);
      return response.write(good.content.subarray(0, 1_000));
    });
    const limits = { connectMs: 5_000, stallMs: 300 };
    expect(await refused(get(base, { dir, limits }), dir)).toContain("blocked (no answer from");
  });

  it("is asked once per host, however many programs want something from it", async () => {
    const dir = temporaryFolder();
    const { base, requests } = await serve((_, response) => {
      response.statusCode = 404;
      response.end();
    });
    const names = ["alertmanager", "prometheus", "jaeger", "pulumi"] as const;
    const env = {
      ...process.env,
      ...Object.fromEntries(names.map((name) => [`VITALS_RELEASE_BASE_${name.toUpperCase()}`, base])),
    };
    await expect(get(base, { dir, env, only: names.map(program) })).rejects.toThrow("HTTP 404");
    expect(requests.filter((line) => line.startsWith("HEAD"))).toEqual(["HEAD /"]);
  });

  it("is one line per program that names the reason and the host, and an optional program is no error", async () => {
    const dir = temporaryFolder();
    const port = await freePort();
    const report = recorder();
    const { missing } = await acquire({
      only: [program("grafana")],
      dir,
      report,
      skip: ["path"],
      env: { ...process.env, VITALS_RELEASE_BASE_GRAFANA: `http://127.0.0.1:${port}` },
    });
    expect(missing).toMatchObject([{ program: "grafana", optional: true }]);
    expect(report.lines[0]?.replace(/ +/, " ")).toBe(
      `grafana release archive: blocked (ECONNREFUSED 127.0.0.1:${port})`,
    );
    expect(report.lines[1]).toContain("is optional and cannot be had here");
  });
});
