// The gateway as a real process under everything that clients and upstreams can do to it, while somebody else goes on to use it.
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDraws, type Draws } from "../../demo/traffic/draws.ts";
import { readMetric, sumOf } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { faults, startBreaking, talkative } from "./breaking.ts";
import { startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

const full = process.env.VITALS_PROVE !== undefined;
const many = full ? 10_000 : 250;
const seed = 7;
const patience = { deadlineMs: 3_000, requestMs: 3_000 };
/**
 * Megabytes of its heap. Beside what it holds while clients are slow, a leak of 4 kB in each request of the long run would end it, or of 50 kB
 * in each of the sample.
 */
const heap = full ? 400 : 160;
const timeout = full ? 600_000 : 60_000;

let upstream: TestUpstream;
let breaking: Awaited<ReturnType<typeof startBreaking>>;
let gateway: TestGateway;
let token: string;
let witness: ReturnType<typeof startWitness>;
let before: Awaited<ReturnType<typeof footprint>>;

beforeAll(async () => {
  [upstream, breaking] = await Promise.all([startUpstream(), startBreaking()]);
  upstream.answers.set("/medications/1", (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: 1, note: "x".repeat(4_000_000) }));
  });
  const { NODE_OPTIONS } = process.env;
  process.env.NODE_OPTIONS = `${NODE_OPTIONS ?? ""} --max-old-space-size=${heap}`;
  gateway = await startGateway(
    { "clinical-service": upstream.url, "medication-service": upstream.url, "business-service": breaking.url },
    patience,
  );
  process.env.NODE_OPTIONS = NODE_OPTIONS ?? "";
  token = await gateway.issuer.token(["manager"], { expires: "1h" });
  witness = startWitness(() => gateway.ask("/api/v2/patients/5"));
  await until(() => witness.answered() > 20);
  before = await footprint();
});
afterAll(async () => {
  await witness?.stop();
  await gateway?.stop();
  upstream?.close();
  breaking?.close();
});

/** Somebody who asks again and again, and must always be answered. */
function startWitness(ask: () => Promise<Response>) {
  let [going, answered] = [true, 0];
  const refused: unknown[] = [];
  const done = (async () => {
    while (going) {
      const status = await ask().then(
        async (response) => {
          await response.text();
          return response.status;
        },
        (error: unknown) => String(error),
      );
      if (status === 200) answered++;
      else refused.push(status);
      await new Promise((next) => setTimeout(next, 10));
    }
  })();
  return {
    answered: () => answered,
    refused,
    stop: async () => {
      going = false;
      await done;
    },
  };
}

const numbers = ["http_requests_in_flight", "active_connections", "process_open_fds", "process_resident_memory_bytes"];
async function footprint() {
  const values = await Promise.all(numbers.map(async (name) => sumOf(await readMetric(gateway.url, name))));
  const [inFlight = 0, connections = 0, files = 0, memory = 0] = values;
  return { inFlight, connections, files, memory };
}

/** Sends bytes as they are; resolves with all that comes back when the connection ends, or when `leave` says so. */
function converse(bytes: string | Buffer, leave?: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    let answer = "";
    socket.on("connect", () => socket.write(bytes, () => leave?.(socket)));
    socket.on("data", (part) => {
      answer += part.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
const head = (line: string, ...headers: readonly string[]): string =>
  `${[`${line} HTTP/1.1`, "host: gateway", `authorization: Bearer ${token}`, "connection: close", ...headers].join("\r\n")}\r\n\r\n`;
const post = (body: string, length: number | string = Buffer.byteLength(body)): string =>
  head("POST /api/v2/patients", "content-type: application/json", `content-length: ${length}`) + body;

/** So many at a time of what is made one after the other. */
async function inTurns<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

const counted = (statuses: readonly unknown[]): Readonly<Record<string, number>> =>
  Object.fromEntries([...Map.groupBy(statuses, String)].map(([status, all]) => [status, all.length]));

describe(`the gateway under ${many} of each`, () => {
  it("gets one more value of a label from random paths, and no more series than methods and statuses make", {
    timeout,
  }, async () => {
    const values = async () => {
      const series = [...(await readMetric(gateway.url, "http_requests_total")).keys()];
      return { series: series.length, routes: new Set(series.map((labels) => /route="([^"]*)"/.exec(labels)?.[1])) };
    };
    const earlier = await values();
    const sign = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~!$&'()*+,;=:@%/?#[]|^\u0080\u00ff");
    const path = fc.array(sign, { minLength: 1, maxLength: 40 }).map((signs) => `/${signs.join("")}`);
    const under = fc.constantFrom("", "/api", "/api/v1", "/api/v2/patients", "/graphql", "/docs", "/api/v9");
    const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE", "TRACE");
    const lines = fc.sample(fc.tuple(method, under, path), { numRuns: many, seed });
    const answers = await inTurns(lines, 50, ([method, under, path]) =>
      converse(Buffer.from(head(`${method} ${under}${path}`), "latin1")),
    );
    const statuses = counted(answers.map(statusOf));
    for (const status of Object.keys(statuses)) expect(["200", "204", "302", "400", "404", "405"]).toContain(status);
    const later = await values();
    const fresh = [...later.routes].filter((route) => !earlier.routes.has(route));
    expect(
      fresh.filter((route) => !/^\/(?:$|docs|graphql|openapi|api\/(?:v[12]|unknown-version))/.test(route ?? "")),
    ).toEqual(["unmatched"].filter((route) => !earlier.routes.has(route)));
    console.log("random paths:", statuses, `${later.series - earlier.series} more series`);
    expect(later.series).toBeLessThan(120);
  });

  it("gives slow clients up in their time: those that never end a request, and those that never take an answer", {
    timeout,
  }, async () => {
    const never = Promise.all(
      Array.from({ length: many }, () => converse("GET /api/v2/patients/5 HTTP/1.1\r\nhost: a\r\nx-slow: ")),
    );
    const body = Promise.all(Array.from({ length: many / 10 }, () => converse(post("{", 5_000))));
    for (let deaf = 0; deaf < 5; deaf++) void converse(head("GET /api/v2/medications/1"), (socket) => socket.pause());
    expect(counted((await never).map(statusOf))).toEqual({ 408: many });
    expect(counted((await body).map(statusOf))).toEqual({ 408: many / 10 });
  });

  it("forgets aborted uploads, and asks no upstream for them", { timeout }, async () => {
    const asked = upstream.seen.filter(({ method }) => method === "POST").length;
    const draws = createDraws(seed);
    const lengths = Array.from({ length: many }, () => 2 + draws.upTo(60_000));
    await inTurns(lengths, 50, (length) =>
      converse(post(`{"givenName":"${"x".repeat(length / 2)}`, length), (socket) => socket.destroy()),
    );
    expect(upstream.seen.filter(({ method }) => method === "POST").length).toBe(asked);
  });

  it("refuses what is too large, and what is no JSON, with the right status", { timeout }, async () => {
    const asked = upstream.seen.filter(({ method }) => method === "POST").length;
    expect(statusOf(await converse(post("{", 1_000_000_000)))).toBe(413);
    const endless = `${head("POST /api/v2/patients", "content-type: application/json", "transfer-encoding: chunked")}${"8000\r\n".concat("x".repeat(0x8000), "\r\n").repeat(4)}`;
    expect(statusOf(await converse(endless))).toBe(413);
    expect(statusOf(await converse(post("[".repeat(60_000))))).toBe(400);
    const texts = fc.sample(
      fc.oneof(
        fc.string({ maxLength: 200 }),
        fc.json(),
        fc.json().map((text) => text.slice(0, -1)),
      ),
      {
        numRuns: many,
        seed,
      },
    );
    const statuses = await inTurns(texts, 50, async (text) => statusOf(await converse(post(text))));
    console.log("malformed bodies:", counted(statuses));
    expect(counted(statuses)).toEqual({ 400: many });
    expect(upstream.seen.filter(({ method }) => method === "POST").length).toBe(asked);
  });

  it("refuses GraphQL documents that are deep, wide or none at all", async () => {
    const query = async (text: string) =>
      (
        await gateway.ask("/graphql", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ query: text }),
        })
      ).status;
    const asked = upstream.seen.length;
    const nested = (field: string, levels: number) => `${`{${field}`.repeat(levels)}${"}".repeat(levels)}`;
    const strange = [
      nested("a", 6_000),
      nested("patient(id:1)", 900),
      `{${"patient(id:1){id}".repeat(1_000)}}`,
      `query{patient(id:${"[".repeat(9_000)}`,
      `{patient(id:1){${"...a ".repeat(3_000)}}} fragment a on Patient{id}`,
      "fragment a on Patient{...b} fragment b on Patient{...a} {patient(id:1){...a}}",
      "\u0000",
      "}{",
    ];
    for (const text of strange) expect(await query(text), text.slice(0, 40)).toBe(400);
    expect(upstream.seen.slice(asked).filter(({ url }) => url !== "/patients/5")).toEqual([]);
  });

  it("refuses headers that are bombs, and requests that two servers would read differently", { timeout }, async () => {
    const draws = createDraws(seed);
    const bombs: readonly ((draws: Draws) => readonly [status: number, bytes: string])[] = [
      () => [431, head("GET /api/v2/patients/5", `x-large: ${"x".repeat(20_000)}`)],
      () => [431, head("GET /api/v2/patients/5", ...Array.from({ length: 3_000 }, (_, at) => `x-${at}: 1`))],
      () => [431, head(`GET /${"x".repeat(20_000)}`)],
      () => [400, head("POST /api/v2/patients", "content-length: 5", "transfer-encoding: chunked")],
      () => [400, head("POST /api/v2/patients", "content-length: 5", "content-length: 6")],
      () => [400, head("GET /api/v2/patients/5", "x-folded: a\r\n\u0000b")],
      () => [400, head("GET /api/v2/patients/5", "no colon at all")],
      () => [400, "GET /api/v2/patients/5 HTTP/1.1\r\n\r\n"],
      (own) => [400, `${String.fromCharCode(own.upTo(8)).repeat(own.upTo(200))}\r\n\r\n`],
    ];
    const sent = Array.from({ length: many }, (_, at) => bombs[at % bombs.length]?.(draws) ?? ([0, ""] as const));
    const wrong = await inTurns(sent, 50, async ([status, bytes]) => {
      const answer = statusOf(await converse(bytes));
      return answer === status ? undefined : `${answer} instead of ${status}: ${bytes.slice(0, 40)}`;
    });
    expect(wrong.filter((each) => each !== undefined)).toEqual([]);
  });

  it("tells the right status whatever an upstream does, and asks it once", { timeout }, async () => {
    const draws = createDraws(seed);
    const turns = Array.from({ length: many }, () => draws.upTo(faults.length) - 1);
    const wrong = await inTurns(turns, 16, async (fault) => {
      const response = await gateway.ask(`/api/v2/locations/${fault + 1}`);
      await response.text();
      const [name, status] = faults[fault] ?? ["", 0];
      return response.status === status ? undefined : `${name}: ${response.status} instead of ${status}`;
    });
    expect(wrong.filter((each) => each !== undefined)).toEqual([]);
    expect(breaking.asked()).toBe(many);
  });

  it("takes nothing that an upstream says unasked as the answer to somebody else", async () => {
    const idsOf = async (id: number) => {
      const response = await gateway.ask(`/api/v2/locations/${id}`);
      return ((await response.json()) as { readonly data?: { readonly id: number } }).data?.id;
    };
    for (let turn = 0; turn < 10; turn++) {
      expect(await idsOf(talkative)).toBe(1);
      await new Promise((next) => setTimeout(next, 20));
      expect(await idsOf(faults.length)).toBe(1);
    }
  });

  it("has answered everybody else meanwhile, and holds nothing of it", { timeout }, async () => {
    await witness.stop();
    expect(witness.refused).toEqual([]);
    expect(witness.answered()).toBeGreaterThan(50);
    // Those that never take their answer are given up last: some 19 s from here.
    const after = await until(async () => {
      const now = await footprint();
      return now.inFlight === 0 && now.connections < before.connections + 40 ? now : undefined;
    }, 40_000);
    console.log("before:", before, "after:", after);
    expect(after.files).toBeLessThan(before.files + 60);
    // Its heap, and what sockets and answers take beside it.
    expect(after.memory).toBeLessThan((heap + 200) * 1_048_576);
    expect(
      [...(await readMetric(gateway.url, "upstream_requests_in_flight")).values()].every((value) => value === 0),
    ).toBe(true);
    expect(gateway.child.alive()).toBe(true);
    expect(gateway.child.output()).not.toMatch(/uncaught|unhandled|Warning/i);
  });
});
