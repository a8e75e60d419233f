// A client that leaves takes what was begun for it along, through the cache, GraphQL and the service down to the statement; those who wait for the same are served.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { appRole, databaseName } from "../../demo/clinic/roles.ts";
import { createUpstreams, Departed } from "../../gateway/upstreams.ts";
import { type Clinic, readMetric, startClinic, sumOf } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { json, page, startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

describe.skipIf(redisMissing() !== undefined)(`a client that leaves ${redisMissing() ?? ""}`, () => {
  let redis: TestRedis;
  let upstream: TestUpstream;
  let gateway: TestGateway;
  let gone = 0;
  /** Answers the request that hangs. */
  let release: () => void;
  beforeAll(async () => {
    [redis, upstream] = await Promise.all([startRedis(), startUpstream()]);
    const { url, answers } = upstream;
    answers.set("/patients/1", (request, response) => {
      response.once("close", () => void (response.writableFinished || gone++));
      release = () => json({ id: 1 })(request, response);
    });
    answers.set("PATCH /patients/1", json({ id: 1 }));
    answers.set("/patients", (request, response) => {
      response.once("close", () => void (response.writableFinished || gone++));
      release = () => page([{ id: 1 }, { id: 2 }])(request, response);
    });
    // So long that nothing here ends by it.
    const settings = { redis: { address: `127.0.0.1:${redis.port}` }, deadlineMs: 60_000 };
    gateway = await startGateway({ "clinical-service": url, "medication-service": url }, settings);
    await until(async () => sumOf(await readMetric(gateway.url, "cache_circuit_open")) === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
    upstream?.close();
    await redis?.stop();
  });
  beforeEach(() => {
    gone = 0;
    upstream.seen.splice(0);
  });
  const asking = (path = "/api/patients/1", init: RequestInit = {}) => {
    const abort = new AbortController();
    const status = gateway.ask(path, { ...init, signal: abort.signal }).then(
      (response) => response.status,
      () => "left",
    );
    return { status, leave: () => abort.abort() };
  };
  const inFlight = (count: number) =>
    until(async () => sumOf(await readMetric(gateway.url, "http_requests_in_flight")) === count);

  it("takes its load along, and the next one is asked for anew", async () => {
    const first = asking();
    await until(() => upstream.seen.length === 1);
    first.leave();
    expect(await first.status).toBe("left");
    await until(() => gone === 1);
    const next = asking();
    await until(() => upstream.seen.length === 2);
    release();
    expect(await next.status).toBe(200);
    expect(await asking().status).toBe(200);
    expect(upstream.seen).toHaveLength(2);
    await gateway.ask("/api/patients/1", {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: '{"phone":"1"}',
    });
  });

  it("leaves the load to those who wait for the same, and takes it along as the last of them", async () => {
    const [first, second, third] = [asking(), asking(), asking()];
    await inFlight(3);
    await until(() => upstream.seen.length === 1);
    first.leave();
    second.leave();
    await inFlight(1);
    expect(gone).toBe(0);
    third.leave();
    await until(() => gone === 1);
    const [fourth, fifth] = [asking(), asking()];
    await inFlight(2);
    await until(() => upstream.seen.length === 2);
    fourth.leave();
    await inFlight(1);
    release();
    expect(await fifth.status).toBe(200);
    expect([upstream.seen.length, gone]).toEqual([2, 1]);
  });

  it("is no failure of the upstream, nor of the cache", async () => {
    for (const metric of ["upstream_request_failures_total", "cache_load_failures_total"])
      expect([metric, sumOf(await readMetric(gateway.url, metric))]).toEqual([metric, 0]);
  });

  it("has nobody asked for what its GraphQL query would have needed next", async () => {
    const query = JSON.stringify({ query: "{ patients { id medications { id } labOrders { id } } }" });
    const headers = { "content-type": "application/json" };
    const leaving = asking("/graphql", { method: "POST", headers, body: query });
    await until(() => upstream.seen.length === 1);
    leaving.leave();
    await until(() => gone === 1);
    await inFlight(0);
    await sleep(100);
    expect(upstream.seen.map(({ url }) => url)).toEqual(["/patients"]);
  });
});

const missing = postgresMissing();
it("has no upstream asked on behalf of somebody who has left already", async () => {
  const upstream = await startUpstream();
  const upstreams = createUpstreams({ urls: { lab: upstream.url }, deadlineMs: 1_000 });
  try {
    const ask = { upstream: "lab", method: "GET", path: "/patients/1" };
    await expect(upstreams.ask({ ...ask, signal: AbortSignal.abort() })).rejects.toThrow(Departed);
    expect((await upstreams.ask(ask)).status).toBe(200);
    expect(upstream.seen).toHaveLength(1);
  } finally {
    upstreams.close();
    upstream.close();
  }
});

describe.skipIf(missing !== undefined)(`a client that leaves while PostgreSQL works for it ${missing ?? ""}`, () => {
  let clinic: Clinic;
  let gateway: TestGateway;
  beforeAll(async () => {
    clinic = await startClinic();
    expect((await clinic.seed("--patients", "20")).code).toBe(0);
    // Else the wait for a lock would end by itself.
    await clinic.sql(`ALTER ROLE ${appRole} IN DATABASE ${databaseName} SET lock_timeout = 0`);
    const { url } = await clinic.service("clinical-service");
    gateway = await startGateway({ "clinical-service": url });
  }, 120_000);
  afterAll(async () => {
    await gateway?.stop();
    await clinic?.stop();
  });

  it("ends the statement, and nobody else's", async () => {
    const waiting = async () =>
      (
        await clinic.sql<{ count: number }>(
          "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'clinical-service' AND wait_event_type = 'Lock'",
        )
      )[0]?.count;
    const { port, user, password } = clinic.postgres;
    const holder = new pg.Client({ host: "127.0.0.1", port, user, password, database: databaseName });
    await holder.connect();
    await holder.query("BEGIN; LOCK TABLE clinic.patients IN ACCESS EXCLUSIVE MODE");
    const abort = new AbortController();
    const left = gateway.ask("/api/patients/1", { signal: abort.signal }).catch(() => "left");
    const stays = gateway.ask("/api/patients/2");
    await until(async () => (await waiting()) === 2);
    abort.abort();
    expect(await left).toBe("left");
    await until(async () => (await waiting()) === 1, 2_000);
    await holder.query("ROLLBACK");
    await holder.end();
    expect((await stays).status).toBe(200);
    expect((await gateway.ask("/api/patients/1")).status).toBe(200);
  });
});
