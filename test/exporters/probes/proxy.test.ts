import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect as connectTo, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { askAnchor } from "../../../exporters/integration-health/anchors.ts";
import type { HttpProxy } from "../../../exporters/integration-health/probe.ts";
import { selfSigned } from "../../../tools/certificate.ts";
import { freePort } from "../../support/ports.ts";
import { http, listen, probe, tried } from "./attempts.ts";

describe("through a proxy", () => {
  const asked: string[] = [];
  const wanted = `Basic ${Buffer.from("vitals:pw").toString("base64")}`;
  /** Opens a tunnel to a port of this machine, whatever the name; or answers as it is told. */
  const proxyThat = async (status = 200): Promise<HttpProxy> => {
    asked.length = 0;
    const server = createHttp((_, response) => response.writeHead(400).end());
    server.on("connect", ({ url = "", headers }, socket: Socket) => {
      asked.push(url);
      const code = headers["proxy-authorization"] === wanted ? status : 407;
      if (code !== 200) return void socket.end(`HTTP/1.1 ${code} No\r\n\r\n`);
      const upstream = connectTo(Number(url.split(":").at(-1)), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.pipe(upstream).pipe(socket);
      });
      for (const end of [socket, upstream])
        end.on("error", () => [socket, upstream].forEach((each) => void each.destroy()));
    });
    return { address: `127.0.0.1:${await listen(server)}`, credential: async () => "vitals:pw" };
  };
  const outside = { allow: [] };

  it("is asked what lies on the internet, by a name that only the proxy knows", async () => {
    const proxy = await proxyThat();
    const port = await listen(createHttp((_, response) => response.end("fine")));
    const own = selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));
    const secure = await listen(createHttps(own, (_, response) => response.end("fine")));
    const plain = await tried({ ...outside, probe: "http", url: `http://vendor.invalid:${port}/` }, 2_000, proxy);
    expect(plain.cause).toBeUndefined();
    expect(Object.keys(plain.phases)).toEqual(["resolve", "connect", "request", "first_byte", "transfer"]);
    const { cause, certificate } = await tried(
      { ...outside, probe: "http", url: `https://localhost:${secure}/`, ca: own.cert },
      2_000,
      proxy,
    );
    expect([cause, certificate?.valid]).toEqual([undefined, true]);
    expect(
      (await tried({ ...outside, probe: "tcp", address: `vendor.invalid:${port}` }, 2_000, proxy)).cause,
    ).toBeUndefined();
    expect(asked).toEqual([`vendor.invalid:${port}`, `localhost:${secure}`, `vendor.invalid:${port}`]);
  });

  it("is not asked what lies on a network of ours, nor an address that is not for the internet", async () => {
    const proxy = await proxyThat();
    const url = await http((_, response) => response.end("fine"));
    expect((await tried({ probe: "http", url }, 2_000, proxy)).cause).toBeUndefined();
    expect((await tried({ ...outside, probe: "http", url: "http://169.254.169.254/" }, 2_000, proxy)).cause).toBe(
      "refused",
    );
    expect(asked).toEqual([]);
  });

  it.each([
    [403, "refused"],
    [502, "connect"],
    [504, "timeout"],
  ])("has status %i of the proxy as %s", async (status, cause) => {
    const proxy = await proxyThat(status);
    const target = { ...outside, probe: "tcp", address: "vendor.invalid:443" };
    expect((await tried(target, 2_000, proxy)).cause).toBe(cause);
    const stranger = { ...proxy, credential: async () => undefined };
    expect((await tried(target, 2_000, stranger)).cause).toBe("refused");
    const away = { ...proxy, address: `127.0.0.1:${await freePort()}` };
    expect((await tried(target, 2_000, away)).cause).toBe("connect");
  });

  it("asks no anchor past it, and is offline when it is away", async () => {
    const proxy = await proxyThat();
    const anchor = `vendor.invalid:${await listen(createServer())}`;
    expect(await askAnchor(anchor, proxy)).toEqual({ resolved: undefined, connected: true });
    const away = { ...proxy, address: `127.0.0.1:${await freePort()}` };
    expect(await askAnchor(anchor, away)).toMatchObject({ connected: false });
  });

  it("is honoured only where it is configured: the environment says nothing", async () => {
    const { address } = await proxyThat();
    const before = { ...process.env };
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
      process.env[name] = `http://${address}`;
    process.env.NODE_USE_ENV_PROXY = "1";
    try {
      expect((await probe(await http((_, response) => response.end("fine")))).cause).toBeUndefined();
    } finally {
      process.env = before;
    }
    expect(asked).toEqual([]);
  });
});
