// Marker values in everything that callers and upstreams say to the gateway: none of them is kept or told anywhere.
import { connect } from "node:net";
import { Redis } from "ioredis";
import { afterEach, expect, it } from "vitest";
import { readMetric, sumOf } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis } from "../support/redis.ts";
import { contentOf } from "../support/redis-content.ts";
import { startIngest } from "../telemetry/ingest.ts";
import { json, page, startGateway, startUpstream } from "./support.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
async function start(settings: object, ...args: readonly string[]) {
  const upstream = await startUpstream();
  cleanups.push(upstream.close);
  const gateway = await startGateway({ "clinical-service": upstream.url }, settings, ...args);
  cleanups.push(gateway.stop);
  return { upstream, gateway };
}

/** Every command that a Redis is given from now on, also by scripts, each as one text. */
async function watchCommands(client: Redis): Promise<() => Promise<readonly string[]>> {
  const seen: string[] = [];
  const monitor = await client.monitor();
  cleanups.push(() => monitor.disconnect());
  monitor.on("monitor", (_time: string, args: readonly string[]) => seen.push(args.join(" ")));
  return async () => {
    await client.echo("the last one");
    await until(async () => seen.some((each) => each.endsWith("the last one")));
    return seen;
  };
}

/** Sends bytes as they are; resolves with what comes back until the connection ends. */
const converse = (url: string, text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (part) => {
      answer += part.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });

const mark = "CANARY7";

it.skipIf(redisMissing() !== undefined)(
  `lets nothing of what it is told into metrics, spans, logs, keys and encrypted values ${redisMissing() ?? ""}`,
  { timeout: 90_000 },
  async () => {
    const [redis, ingest] = await Promise.all([startRedis(), startIngest()]);
    cleanups.push(redis.stop, ingest.close);
    const client = new Redis({ port: redis.port, host: "127.0.0.1" });
    cleanups.push(() => client.disconnect());
    const commands = await watchCommands(client);
    const settings = { redis: { address: `127.0.0.1:${redis.port}` }, limit: { perMinute: 6_000, burst: 1_000 } };
    const { upstream, gateway } = await start(settings, "--traces", ingest.url);
    const person = {
      id: 7,
      givenName: mark,
      familyName: mark,
      birthDate: "2000-01-31",
      sex: "other",
      homeLocationId: 1,
    };
    const problem = { type: "about:blank", title: mark, status: 500, detail: mark };
    upstream.answers.set("/patients/7", json(person));
    upstream.answers.set("/patients", page([person]));
    upstream.answers.set(
      "/patients/8",
      json(problem, 500, { "content-type": "application/problem+json", "x-a": mark }),
    );
    upstream.answers.set("/patients/9", (_request, response) => void response.end(mark));
    upstream.answers.set("POST /patients", json(person, 201, { location: "/patients/7" }));
    await until(async () => sumOf(await readMetric(gateway.url, "cache_circuit_open")) === 0);
    const claims = { subject: mark, tenant: { [mark]: mark } };
    const authorization = `Bearer ${await gateway.issuer.token(["manager", mark], claims)}`;
    const headers = {
      authorization,
      "user-agent": mark,
      "x-forwarded-for": mark,
      cookie: mark,
      baggage: `a=${mark}`,
      tracestate: `a=${mark}`,
      referer: mark,
      origin: `https://${mark}.example`,
      forwarded: `for=${mark}`,
      range: mark,
      "accept-encoding": `${mark}, br`,
      "accept-language": mark,
      "x-request-id": mark,
      [mark]: mark,
    };
    const get = (path: string) => fetch(gateway.url + path, { headers });
    const post = (path: string, body: unknown, type = "application/json") =>
      fetch(gateway.url + path, {
        method: "POST",
        headers: { ...headers, "content-type": type },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
    for (const path of [
      "/api/v2/patients/7",
      "/api/v2/patients/7",
      "/api/v2/patients",
      "/api/v2/patients/8",
      "/api/v2/patients/9",
    ])
      await get(path);
    for (const path of [
      `/${mark}`,
      `/%${mark}`,
      `/api/v2/patients/${mark}`,
      `/api/v2/patients?name=${mark}`,
      `/api/${mark}`,
    ])
      await get(path);
    const { id: _, ...newPerson } = person;
    expect((await post("/api/v2/patients", newPerson)).status).toBe(201);
    await post("/api/v2/patients", `{${mark}`);
    await post("/api/v2/patients", { ...newPerson, [mark]: mark });
    await post("/api/v2/patients", mark, `text/${mark}`);
    const form = `--${mark}\r\ncontent-disposition: form-data; name="${mark}"; filename="${mark}"\r\n\r\n${mark}\r\n--${mark}--`;
    expect((await post("/api/v2/patients", form, `multipart/form-data; boundary=${mark}`)).status).toBe(415);
    for (const one of ["if-none-match", "cache-control", "x-api-version", "authorization", "traceparent", "expect"])
      await fetch(`${gateway.url}/api/patients/7`, { headers: { ...headers, [one]: `${mark}, ${mark}` } }).catch(
        () => {},
      );
    await fetch(`${gateway.url}/api/patients/${mark}`, {
      method: "OPTIONS",
      headers: { ...headers, "access-control-request-method": mark },
    });
    const lines = (...all: readonly string[]) => `${[...all, `authorization: ${authorization}`].join("\r\n")}\r\n\r\n`;
    const close = "connection: close";
    const raw = [
      lines(`GET /api/v2/patients/7 HTTP/1.1`, `host: ${mark}`, close),
      lines(`GET http://${mark}:${mark}@${mark}/${mark} HTTP/1.1`, "host: a", close),
      lines(
        `GET /graphql?${mark} HTTP/1.1`,
        "host: a",
        "connection: close, upgrade",
        "upgrade: websocket",
        `sec-websocket-protocol: ${mark}`,
        `sec-websocket-key: ${mark}`,
      ),
      `${lines(
        `POST /api/v2/patients HTTP/1.1`,
        "host: a",
        close,
        "content-type: application/json",
        "transfer-encoding: chunked",
        `trailer: ${mark}`,
      )}2;${mark}=${mark}\r\n{}\r\n0\r\n${mark}: ${mark}\r\n\r\n`,
      `${mark} /${mark} HTTP/1.1\r\nhost: a\r\n\r\n`,
      `GET /${mark} HTTP/1.1\r\nhost: a\r\n${mark}\r\n\r\n`,
      lines(`GET /${mark} HTTP/1.1`, "host: a", `x: ${mark.repeat(3_000)}`),
    ];
    const answers = await Promise.all(raw.map((text) => converse(gateway.url, text)));
    expect(answers.map((answer) => answer.slice(9, 12))).toEqual(["200", "404", "405", "400", "400", "400", "431"]);
    const graph = (query: string, variables: object = {}, operationName?: string) =>
      post("/graphql", { query, variables, ...(operationName && { operationName }) });
    expect(
      await (
        await graph(`query ${mark}($id: ID!){${mark}: patient(id: $id){givenName}}`, { id: "7", [mark]: mark }, mark)
      ).text(),
    ).toContain(mark);
    await graph("query($id: ID!){patient(id: $id){givenName}}", { id: mark });
    await graph("mutation($input: PatientInput!){createPatient(input: $input){id}}", {
      input: { ...newPerson, sex: mark },
    });
    await graph(`{${mark}{${mark}}}`);
    // The cache has it, and callers get it.
    await get("/api/v2/patients/7");
    const kept = await get("/api/v2/patients/7");
    expect([kept.headers.get("x-cache"), await kept.text()]).toEqual(["HIT", expect.stringContaining(mark)]);

    await until(() => ingest.spans().filter(({ name }) => name === "POST /graphql").length >= 4);
    const pages = await Promise.all(
      ["text/plain", "application/openmetrics-text"].map(async (accept) =>
        (await fetch(`${gateway.url}/metrics`, { headers: { accept } })).text(),
      ),
    );
    const { keys, values } = await contentOf(client);
    expect(keys.length).toBeGreaterThan(2);
    // Keys of limits live for milliseconds only.
    const given = await commands();
    for (const kind of ["gateway:limit:", "gateway:{", "store"]) expect(given.join("\n")).toContain(kind);
    for (const seen of [pages, ingest.bodies, [gateway.child.output()], keys, values, given])
      expect(seen.join("\n")).not.toContain(mark);
  },
);
