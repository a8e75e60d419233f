// Whether a program is ready, asked of real ones: a port that is open does not say it.
import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { check } from "../../components/platforms/process/checks.ts";
import { freePort, until } from "../support/ports.ts";
import { postgresMissing, startPostgres, type TestPostgres } from "../support/postgres.ts";

const missing = postgresMissing();
const ask = (port: number, timeoutMs = 2_000) => check({ postgres: `127.0.0.1:${port}` }, timeoutMs, (tool) => tool);
const accepts = (port: number) => check({ tcp: `127.0.0.1:${port}` }, 2_000, (tool) => tool);

describe.skipIf(missing !== undefined)(`a real PostgreSQL${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestPostgres;
  afterEach(() => server.stop());

  it("is ready when it takes connections, which the question leaves no trace of, and not when it is gone", async () => {
    server = await startPostgres();
    const before = server.output();
    expect(await ask(server.port)).toBeUndefined();
    await new Promise((pass) => setTimeout(pass, 200));
    expect(server.output()).toBe(before);
    await server.halt();
    expect(await ask(server.port)).toContain("ECONNREFUSED");
  });

  it("is not ready while it recovers from kill -9, although its port is open, and is when it has recovered", async () => {
    // Recovery asks this command for each segment of the log before it reads its own: so long it lasts.
    server = await startPostgres({
      settings: { restore_command: "while ! test -e ../go; do test -e ../data || exit 1; sleep 0.05; done; false" },
    });
    await server.halt("SIGKILL");
    server.write("data/recovery.signal", "");
    const resumed = server.resume();
    await until(async () => (await accepts(server.port)) === undefined);
    for (let asked = 0; asked < 20; asked++) {
      expect(await ask(server.port)).toMatch(/^the database system is (starting up|not yet accepting connections)$/);
      await new Promise((pass) => setTimeout(pass, 25));
    }
    expect(await accepts(server.port)).toBeUndefined();
    server.write("go", "");
    await resumed;
    expect(await ask(server.port)).toBeUndefined();
  }, 60_000);

  it("is not ready as a standby that lets nobody in", async () => {
    server = await startPostgres({ settings: { hot_standby: "off" } });
    await server.halt();
    server.write("data/standby.signal", "");
    const resumed = server.resume();
    resumed.catch(() => {});
    await until(async () => (await ask(server.port)) === "the database system is not accepting connections");
  }, 60_000);

  it("is ready when it has no place left: it says so itself, as pg_isready has it", async () => {
    server = await startPostgres({ settings: { max_connections: "5", superuser_reserved_connections: "0" } });
    const open = await Promise.all(Array.from({ length: 40 }, () => ask(server.port)));
    expect(open.filter((each) => each !== undefined)).toEqual([]);
  });
});

describe("whatever else listens there", () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());
  const listen = async (answer: string | undefined): Promise<number> => {
    const port = await freePort();
    server = createServer((socket) => {
      if (answer !== undefined) socket.end(answer);
    }).listen(port, "127.0.0.1");
    return port;
  };

  it.each([
    ["HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as PostgreSQL does"],
    ["", "ends the connection without an answer"],
    [undefined, "no answer within 200 ms"],
  ])("and answers %j is not ready", async (answer, reason) => {
    expect(await ask(await listen(answer), 200)).toBe(reason);
  });
});
