import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reachable } from "../../../exporters/integration-health/address.ts";
import { freePort } from "../../support/ports.ts";
import { http, listen, probe, tried } from "./attempts.ts";

describe("conditions", () => {
  const answer: RequestListener = (_, response) =>
    void response
      .writeHead(200, { "content-type": "application/json", "x-region": "eu-1" })
      .end('{ "status": "ok", "checks": [{ "name": "db", "ms": 3 }] }');

  it.each([
    [{ body: [{ path: "$.status", equals: "ok" }] }, undefined],
    [{ body: [{ path: "$.checks[0].ms", equals: 3 }] }, undefined],
    [{ body: [{ path: "$.checks[1].ms", equals: 3 }] }, "assertion"],
    [{ body: [{ path: "$.constructor", matches: "." }] }, "assertion"],
    [{ body: [{ matches: '"name": "db"' }, { not: "error" }] }, undefined],
    [{ body: [{ not: "ok" }] }, "assertion"],
    [{ headers: { "X-Region": "^eu-" } }, undefined],
    [{ headers: { "x-region": "^us-" } }, "assertion"],
    [{ headers: { "x-absent": "." } }, "assertion"],
    [{ latency: "5s" }, undefined],
    [{ latency: "1ms" }, "assertion"],
  ])("%j give %s", async (expect_, cause) => {
    const slowly: RequestListener = (request, response) => void setTimeout(() => answer(request, response), 20);
    expect((await probe(await http(slowly), 2_000, { expect: expect_ })).cause).toBe(cause);
  });

  it("hold nothing up, whatever a pattern and a body make of each other", async () => {
    const url = await http((_, response) => response.end("a".repeat(2 ** 20)));
    const began = performance.now();
    for (const condition of [{ matches: ".*ok" }, { matches: "(a+)+$b" }, { not: "(a+)+$b" }])
      expect((await probe(url, 5_000, { expect: { body: [condition] } })).cause).toBe("assertion");
    expect(performance.now() - began).toBeLessThan(3 * 1_000);
    expect((await probe(url, 5_000, { expect: { body: [{ matches: "^a+$" }, { not: "b" }] } })).cause).toBeUndefined();
  });

  it("succeed for what must fail, when it fails for the reason that is wanted", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const open = `127.0.0.1:${await listen(createServer())}`;
    const negative = async (entry: object, ...expectFailure: readonly string[]) => {
      const { cause, wanted } = await tried({ probe: "tcp", ...entry, expectFailure });
      return cause ?? `wanted: ${wanted}`;
    };
    expect(await negative({ address }, "connect")).toBe("wanted: connect");
    // Another failure keeps its name: it may be our own network's, or nobody may ask at all.
    expect(await negative({ address }, "timeout")).toBe("connect");
    expect(await negative({ address, allow: [] }, "timeout")).toBe("refused");
    // What answers is reached, whatever it answers.
    expect(await negative({ address: open }, "connect")).toBe("assertion");
    for (const status of [200, 401, 429, 500]) {
      const url = await http((_, response) => response.writeHead(status).end());
      expect(await negative({ probe: "http", url }, "connect")).toBe("assertion");
    }
  });
});

describe("security", () => {
  it.each([
    ["127.0.0.1", false],
    ["10.1.2.3", false],
    ["172.31.255.255", false],
    ["192.168.0.1", false],
    ["100.64.0.1", false],
    ["169.254.169.254", false],
    ["0.0.0.0", false],
    ["224.0.0.1", false],
    ["255.255.255.255", false],
    ["::1", false],
    ["::", false],
    ["fe80::1%eth0", false],
    ["fd00:ec2::254", false],
    ["::ffff:127.0.0.1", false],
    ["::ffff:a9fe:a9fe", false],
    ["::127.0.0.1", false],
    ["64:ff9b::7f00:1", false],
    ["2002:7f00:1::", false],
    ["ff02::1", false],
    ["168.63.129.16", false],
    ["100.100.100.200", false],
    ["192.0.0.192", false],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", false],
    ["3fff::1", false],
    ["5f00::1", false],
    ["not an address", false],
    ["93.184.216.34", true],
    ["172.32.0.1", true],
    ["2606:2800:220:1:248:1893:25c8:1946", true],
    ["64:ff9b::5db8:d822", true],
  ])("may a probe go to %s by itself: %s", (address, may) => {
    expect(reachable([])(address)).toBe(may);
  });

  it("allows what an integration names, and nothing beside it", () => {
    expect(reachable(["loopback"])("127.0.0.2")).toBe(true);
    expect(reachable(["loopback"])("10.0.0.1")).toBe(false);
    expect(reachable(["private"])("10.0.0.1")).toBe(true);
    expect(reachable(["private", "loopback"])("169.254.169.254")).toBe(false);
    expect(reachable(["10.1.2.0/24"])("10.1.2.9")).toBe(true);
    expect(reachable(["10.1.2.0/24"])("10.1.3.9")).toBe(false);
  });

  it("opens no connection to an address that is not allowed, by number or by name, at first or after a redirect", async () => {
    let asked = 0;
    const url = await http((_, response) => {
      asked++;
      response.end("secret");
    });
    for (const target of [url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "[::ffff:127.0.0.1]")])
      expect((await probe(target, 2_000, { allow: [] })).cause).toBe("refused");
    const elsewhere = await http((_, response) => response.writeHead(302, { location: url }).end());
    const allow = ["127.0.0.2/32"];
    const there = elsewhere.replace("127.0.0.1", "127.0.0.2");
    expect((await probe(there, 2_000, { allow, redirects: 1 })).cause).toBe("connect");
    expect((await probe("http://169.254.169.254/latest/meta-data/", 2_000)).cause).toBe("refused");
    expect(asked).toBe(0);
  });

  it("refuses a redirect into a network that is not allowed", async () => {
    const url = await http((_, response) => response.writeHead(302, { location: "http://10.0.0.1/" }).end());
    expect((await probe(url, 2_000, { redirects: 3 })).cause).toBe("refused");
    const file = await http((_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end());
    expect((await probe(file, 2_000, { redirects: 3 })).cause).toBe("assertion");
  });

  it("sends credentials to their origin alone, and follows no more redirects than it may", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-credential-"));
    const credentialFile = join(folder, "key");
    await writeFile(credentialFile, "CANARY\n");
    const seen: (readonly [string, string | undefined])[] = [];
    const note: RequestListener = ({ headers: { host = "", authorization } }, response) => {
      seen.push([host, authorization]);
      response.end("fine");
    };
    const other = await http(note);
    const first = await http((request, response) => {
      if (request.url === "/") return void response.writeHead(307, { location: "/again" }).end();
      seen.push(["first", request.headers.authorization]);
      response.writeHead(302, { location: other.replace("//", "//user:password@") }).end();
    });
    expect((await probe(first, 2_000, { redirects: 2, credentialFile })).cause).toBeUndefined();
    expect(seen).toEqual([
      ["first", "Bearer CANARY"],
      [new URL(other).host, undefined],
    ]);
    const loop = await http((_, response) => response.writeHead(302, { location: "/" }).end());
    expect((await probe(loop, 2_000, { redirects: 3 })).cause).toBe("assertion");
    await rm(folder, { recursive: true });
  });

  it("sends a credential as a parameter of the query where the other side wants it so, and never on to another origin", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitals-credential-"));
    const credentialFile = join(folder, "key");
    await writeFile(credentialFile, "CAN&RY\n");
    const seen: (string | undefined)[] = [];
    const other = await http(({ url }, response) => {
      seen.push(url);
      response.end("fine");
    });
    const first = await http(({ url }, response) => {
      seen.push(url);
      response.writeHead(302, { location: other }).end();
    });
    const login = { as: "query", parameter: "key" };
    expect((await probe(`${first}v1?a=1`, 2_000, { redirects: 1, credentialFile, login })).cause).toBeUndefined();
    expect(seen).toEqual(["/v1?a=1&key=CAN%26RY", "/"]);
    await rm(folder, { recursive: true });
  });

  it("calls a secret file that cannot be read auth, and asks nobody", async () => {
    let asked = 0;
    const url = await http((_, response) => {
      asked++;
      response.end();
    });
    expect((await probe(url, 2_000, { credentialFile: "/nonexistent/key" })).cause).toBe("auth");
    expect(asked).toBe(0);
  });
});
