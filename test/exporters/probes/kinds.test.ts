import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import type { Attempt } from "../../../exporters/integration-health/probe.ts";
import { selfSigned } from "../../../tools/certificate.ts";
import { startNameServer } from "../../support/name-server.ts";
import { freePort } from "../../support/ports.ts";
import { postgresMissing, startPostgres } from "../../support/postgres.ts";
import { redisMissing, startRedis } from "../../support/redis.ts";
import { listen, tried } from "./attempts.ts";

const missing = postgresMissing() ?? redisMissing();

describe("the dns probe", () => {
  it("asks a resolver for a record, and judges its answers", async () => {
    const known = await startNameServer({ "clinic.example": [10, 9, 8, 7] });
    const server = `127.0.0.1:${known.port}`;
    const dns = (part: object) => tried({ probe: "dns", host: "clinic.example", server, ...part });
    const result = await dns({ matches: "^10\\.9\\.8\\.7$" });
    expect(result.cause).toBeUndefined();
    expect(Object.keys(result.phases)).toEqual(["resolve"]);
    expect((await dns({ matches: "^1\\.1" })).cause).toBe("assertion");
    expect((await dns({ host: "nobody.example" })).cause).toBe("dns");
    expect((await dns({ allow: [] })).cause).toBe("refused");
    await known.close();
  });
});

describe("the postgres and redis probes", () => {
  const says = async (reply: (asked: Buffer) => Buffer | string): Promise<string> => {
    const port = await listen(createServer((socket) => socket.on("data", (asked) => socket.write(reply(asked)))));
    return `127.0.0.1:${port}`;
  };
  const error = (code: string): Buffer => {
    const fields = Buffer.from(`SFATAL\0C${code}\0Mno\0\0`);
    const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
    return Buffer.concat([head, fields]);
  };

  it.each([
    ["asks for a login", Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 10]), undefined],
    ["does not know the user", error("28000"), undefined],
    ["starts up", error("57P03"), "assertion"],
    ["speaks something else", "SSH-2.0-x\r\n", "assertion"],
  ])("postgres that %s", async (_what, reply, cause) => {
    expect((await tried({ probe: "postgres", address: await says(() => reply) })).cause).toBe(cause);
  });

  it.skipIf(missing !== undefined)(
    `find real servers${missing === undefined ? "" : ` (${missing})`}`,
    async () => {
      const [redis, postgres] = await Promise.all([startRedis({ password: "right" }), startPostgres()]);
      const folder = await mkdtemp(join(tmpdir(), "vitals-credential-"));
      const credentialFile = join(folder, "password");
      const ping = (part: object = {}) => tried({ probe: "redis", address: `127.0.0.1:${redis.port}`, ...part });
      try {
        expect((await ping()).cause).toBe("auth");
        await writeFile(credentialFile, "right");
        const result = await ping({ credentialFile });
        expect(result.cause).toBeUndefined();
        expect(Object.keys(result.phases)).toEqual(["resolve", "connect", "request", "first_byte", "transfer"]);
        await writeFile(credentialFile, "wrong");
        expect((await ping({ credentialFile })).cause).toBe("auth");
        const server = { probe: "postgres", address: `127.0.0.1:${postgres.port}` };
        expect((await tried(server)).cause).toBeUndefined();
        // It has no certificate, and says so.
        expect((await tried({ ...server, tls: true })).cause).toBe("tls");
        expect(postgres.output()).not.toContain("FATAL");
      } finally {
        await Promise.all([redis.stop(), postgres.stop(), rm(folder, { recursive: true })]);
      }
    },
    30_000,
  );

  it("are asked over TLS where that is wanted, and their certificates are judged", async () => {
    const own = selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));
    const secureContext = createSecureContext(own);
    const answers = (socket: Socket, reply: Buffer | string): void => {
      const secured = new TLSSocket(socket, { isServer: true, secureContext });
      secured.on("error", () => undefined).once("data", () => secured.write(reply));
    };
    const redis = await listen(createServer((socket) => answers(socket, "+PONG\r\n")));
    const postgres = await listen(
      createServer((socket) =>
        socket.once("data", () => {
          answers(socket, Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 10]));
          socket.write("S");
        }),
      ),
    );
    for (const [kind, port] of Object.entries({ redis, postgres })) {
      const entry = { probe: kind, address: `localhost:${port}`, tls: true };
      const { cause, certificate } = await tried({ ...entry, ca: own.cert });
      expect([kind, cause, certificate?.valid]).toEqual([kind, undefined, true]);
      expect([kind, (await tried(entry)).cause]).toEqual([kind, "tls"]);
    }
  });

  it.each([
    ["+PONG", undefined],
    ["-NOAUTH Authentication required.", "auth"],
    ["-LOADING Redis is loading the dataset in memory", "assertion"],
    ["HTTP/1.1 400 Bad Request", "assertion"],
  ])("redis that answers %s", async (reply, cause) => {
    expect((await tried({ probe: "redis", address: await says(() => `${reply}\r\n`) })).cause).toBe(cause);
  });
});

describe("the tcp probe", () => {
  const tcp = (address: string, timeoutMs?: number): Promise<Attempt> => tried({ probe: "tcp", address }, timeoutMs);

  it("succeeds when a connection opens, by address or by name", async () => {
    const port = await listen(createServer());
    for (const host of ["127.0.0.1", "localhost"]) {
      const result = await tcp(`${host}:${port}`);
      expect(result.cause).toBeUndefined();
      expect(Object.keys(result.phases)).toEqual(["resolve", "connect"]);
    }
  });

  it("calls a closed port connect and an unknown name dns", async () => {
    expect((await tcp(`127.0.0.1:${await freePort()}`)).cause).toBe("connect");
    expect((await tcp("no-such-host.invalid:443", 8_000)).cause).toBe("dns");
  });
});
