// What the gateway keeps, for whom, and what makes it invalid: a real gateway on a real Redis.
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readMetric, sumOf } from "../demo/clinic.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { json, page, startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

describe.skipIf(redisMissing() !== undefined)(`the gateway's cache ${redisMissing() ?? ""}`, () => {
  let redis: TestRedis;
  let upstream: TestUpstream;
  let gateway: TestGateway;
  /** Another process of the same gateway. */
  let other: TestGateway;
  let version = 0;
  const settings = () => ({ redis: { address: `127.0.0.1:${redis.port}` }, deadlineMs: 1_000 });
  beforeAll(async () => {
    redis = await startRedis();
    upstream = await startUpstream();
    const { url } = upstream;
    const upstreams = { "clinical-service": url, "medication-service": url, "business-service": url };
    [gateway, other] = await Promise.all([startGateway(upstreams, settings()), startGateway(upstreams, settings())]);
    // Each has issued a token by its own issuer; a cache shared by both knows nothing of that.
    await Promise.all([gateway, other].map(({ url }) => connected(url)));
  });
  const connected = (url: string) => until(async () => sumOf(await readMetric(url, "cache_circuit_open")) === 0);
  afterAll(async () => {
    await Promise.all([gateway?.stop(), other?.stop()]);
    upstream?.close();
    await redis?.stop();
  });
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}, of = gateway) => {
    const response = await of.ask(path, { headers });
    return {
      status: response.status,
      cache: response.headers.get("x-cache"),
      etag: response.headers.get("etag") ?? "",
      control: response.headers.get("cache-control"),
      text: await response.text(),
    };
  };
  const change = (method: string, path: string, body: object, of = gateway) =>
    of.ask(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const asked = (path: string) => upstream.seen.filter(({ url }) => url === path).length;
  let id = 100;
  /** Nothing is known of these yet. */
  const fresh = () => ++id;
  const changing = (record: object) => (_request: unknown, response: never) =>
    json({ ...record, version: ++version })(undefined as never, response);
  beforeEach(() => upstream.answers.clear());

  it("asks an upstream once, for both versions and all processes", async () => {
    const path = `/patients/${fresh()}`;
    expect(await get(`/api/v2${path}`)).toMatchObject({ status: 200, cache: "MISS", control: "private, no-cache" });
    expect((await get(`/api/v2${path}`)).cache).toBe("HIT");
    expect((await get(`/api/v1${path}`)).cache).toBe("HIT");
    expect((await get(`/api/v1${path}`, {}, other)).cache).toBe("HIT");
    expect(asked(path)).toBe(1);
  });

  it("shares nothing across roles or tenants", async () => {
    const path = `/patients/${fresh()}`;
    const as = async (roles: readonly string[], tenant?: unknown, subject?: string) => {
      const token = await gateway.issuer.token(roles, { tenant, ...(subject && { subject }) });
      return (await get(`/api${path}`, { authorization: `Bearer ${token}` })).cache;
    };
    expect(await as(["clinician"])).toBe("MISS");
    expect(await as(["clinician"], undefined, "somebody else")).toBe("HIT");
    expect(await as(["billing"])).toBe("MISS");
    expect(await as(["clinician", "billing"])).toBe("MISS");
    expect(await as(["billing", "clinician"])).toBe("HIT");
    expect(await as(["clinician"], "north")).toBe("MISS");
    expect(await as(["clinician"], "south")).toBe("MISS");
    expect(await as(["clinician"], "north")).toBe("HIT");
    // Whatever an issuer tells its tenants apart by.
    for (const tenant of [7, 8, "7", { id: 7 }, ["north"], true]) expect(await as(["clinician"], tenant)).toBe("MISS");
    expect(await as(["clinician"], 7)).toBe("HIT");
    expect(asked(path)).toBe(11);
  });

  it("keeps nothing of a resource that it is told to leave uncached, and makes nothing invalid when that changes", async () => {
    const apart = await startGateway({ "clinical-service": upstream.url }, { ...settings(), uncached: ["lab-orders"] });
    try {
      await connected(apart.url);
      const [path, kept] = [`/lab-orders/${fresh()}`, `/patients/${fresh()}`];
      for (const expected of ["BYPASS", "BYPASS"]) expect((await get(`/api${path}`, {}, apart)).cache).toBe(expected);
      for (const expected of ["MISS", "HIT"]) expect((await get(`/api${kept}`, {}, apart)).cache).toBe(expected);
      const invalidations = async () => sumOf(await readMetric(apart.url, "cache_invalidations_total"));
      expect((await change("PATCH", `/api/v2${path}`, { status: "resulted" }, apart)).status).toBe(200);
      expect(await invalidations()).toBe(0);
      expect((await change("PATCH", `/api/v2${kept}`, { phone: "1" }, apart)).status).toBe(200);
      expect(await invalidations()).toBe(1);
    } finally {
      await apart.stop();
    }
  });

  it("keeps no refusal, and shares a failure with those who waited for it", async () => {
    const path = `/patients/${fresh()}`;
    upstream.answers.set(path, (_request, response) => void setTimeout(() => response.writeHead(503).end(), 100));
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(`/api${path}`)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
    expect(asked(path)).toBe(1);
    upstream.answers.set(path, json({}, 404));
    expect((await get(`/api${path}`)).status).toBe(404);
    upstream.answers.delete(path);
    expect((await get(`/api${path}`)).status).toBe(200);
  });

  describe("gives up, before a change is answered, in every process,", () => {
    const list = (patient: number, items: readonly object[]) => {
      const path = `/patients/${patient}/appointments`;
      upstream.answers.set(path, page(items));
      return path;
    };
    const keep = async (...paths: readonly string[]) => {
      for (const path of paths) await Promise.all([get(`/api${path}`), get(`/api${path}`, {}, other)]);
      for (const path of paths)
        for (const of of [gateway, other]) expect((await get(`/api${path}`, {}, of)).cache, path).toBe("HIT");
    };
    const states = async (...paths: readonly string[]) =>
      Promise.all(paths.map(async (path) => (await get(`/api${path}`, {}, other)).cache));

    const visit = (of: Readonly<Record<string, unknown>>) => ({
      ...{ id: fresh(), patientId: fresh(), staffId: fresh(), locationId: fresh() },
      ...{ status: "confirmed", startsAt: "2026-03-05T23:30:00.000Z" },
      ...of,
    });
    const today = "from=2026-03-05T00:00:00Z&before=2026-03-06T00:00:00Z";

    it("the record and every list that it is in, on whichever page, and was in as well; nothing else", async () => {
      const record = visit({});
      const { id: one, patientId, locationId, staffId } = record;
      upstream.answers.set("/appointments", page([]));
      upstream.answers.set("/appointments/by-patient", json({ groups: [] }));
      const gone = [
        `/appointments/${one}`,
        list(patientId, [record]),
        `${list(patientId, [])}?page=2&limit=1`,
        `/appointments/by-patient?ids=${patientId},${fresh()}`,
        `/appointments?locationId=${locationId},${fresh()}`,
        `/appointments?staffId=${staffId}&status=cancelled`,
        `/appointments?locationId=${fresh()}&${today}`,
        "/appointments?status=no_show",
        "/appointments?from=2026-03-01T00:00:00Z",
        "/appointments?page=7",
      ];
      const kept = [
        `/appointments/${fresh()}`,
        list(fresh(), []),
        `/appointments/by-patient?ids=${fresh()}`,
        `/appointments?locationId=${fresh()}&status=confirmed`,
        `/appointments?locationId=${locationId}&${today.replaceAll("-03-", "-04-")}`,
        `/patients/${patientId}`,
      ];
      await keep(...gone, ...kept);
      upstream.answers.set(`PATCH /appointments/${one}`, json(record));
      // Which status it had before, nobody knows: so all lists by status are gone, and no others.
      expect((await change("PATCH", `/api/appointments/${one}`, { status: "confirmed" })).status).toBe(200);
      expect(await states(...gone)).toEqual(gone.map(() => "MISS"));
      expect(await states(...kept)).toEqual(kept.map(() => "HIT"));
    });

    it.each([
      ["moves it to another patient", "PATCH", { patientId: 7 }, "HIT"],
      ["replaces it", "PUT", { ...visit({ patientId: 7 }), id: undefined, status: undefined, reason: "x" }, "MISS"],
    ])("the lists that it was in, by a change that %s", async (_, method, body, byStatus) => {
      const { id: moved, ...rest } = visit({ patientId: 7 });
      const [before, after] = [list(fresh(), []), list(7, [])];
      upstream.answers.set("/appointments", page([]));
      // It may have stood on another page of the first, and had any status.
      const paths = [`${before}?page=2`, after, "/appointments?status=no_show", `/patients/${fresh()}`];
      await keep(...paths);
      upstream.answers.set(`${method} /appointments/${moved}`, json({ id: moved, ...rest }));
      expect((await change(method, `/api/appointments/${moved}`, body)).status).toBe(200);
      expect(await states(...paths)).toEqual(["MISS", "MISS", byStatus, "HIT"]);
    });

    it("the lists of a new record, and no others; where an upstream does not tell a value, the lists by any", async () => {
      const record = visit({});
      const { id: _, ...body } = { ...record, reason: "x" };
      const lists = [record.patientId, fresh()].map((patient) => list(patient, []));
      const byStaff = `/appointments?staffId=${fresh()}`;
      upstream.answers.set("/appointments", page([]));
      upstream.answers.set("POST /appointments", json({ ...record, staffId: undefined }, 201));
      await keep(...lists, byStaff);
      expect((await change("POST", "/api/appointments", body)).status).toBe(201);
      expect(await states(...lists, byStaff)).toEqual(["MISS", "HIT", "MISS"]);
    });

    it("everything about its resource, when nobody knows what the upstream did", async () => {
      const [one, two] = [fresh(), fresh()];
      const paths = [list(one, [{ id: fresh(), patientId: one }]), `/appointments/${two}`, `/patients/${one}`];
      await keep(...paths);
      upstream.answers.set("POST /appointments", (request) => void request.socket.destroy());
      const body = { patientId: one, staffId: 1, locationId: 1, startsAt: "2026-02-01T10:00:00Z", reason: "x" };
      expect((await change("POST", "/api/appointments", body)).status).toBe(502);
      expect(await states(...paths)).toEqual(["MISS", "MISS", "HIT"]);
    });

    it("nothing, when the upstream refused", async () => {
      const path = `/patients/${fresh()}`;
      await keep(path);
      upstream.answers.set(`PATCH ${path}`, json({}, 422));
      expect((await change("PATCH", `/api${path}`, { phone: "1" })).status).toBe(422);
      expect(await states(path)).toEqual(["HIT"]);
    });
  });

  it("never serves what was read before a change that is answered already", async () => {
    const path = `/patients/${fresh()}`;
    let release = (): void => {};
    upstream.answers.set(path, (request, response) => {
      version++;
      const body = { id, version };
      release = () => json(body)(request, response);
    });
    const slow = get(`/api/v2${path}`);
    await until(() => asked(path) === 1);
    upstream.answers.set(`PATCH ${path}`, json({ id }));
    expect((await change("PATCH", `/api/v2${path}`, { phone: "1" }, other)).status).toBe(200);
    release();
    await slow;
    upstream.answers.set(path, changing({ id }) as never);
    const now = JSON.parse((await get(`/api/v2${path}`)).text);
    expect(now.data.version).toBe(version);
  });

  it("shows nothing of a patient in Redis, neither in keys nor in values", async () => {
    const patient = 987_654_321;
    upstream.answers.set(`/patients/${patient}`, json({ id: patient, familyName: "Canary-Marker" }));
    upstream.answers.set("/patients", page([{ id: patient, familyName: "Canary-Marker" }]));
    await get(`/api/patients/${patient}`);
    await get("/api/patients?familyName=Canary-Marker");
    const client = new Redis({ port: redis.port });
    const keys = await client.keys("*");
    const dump = await Promise.all(
      keys.map(async (key) => {
        const type = await client.type(key);
        return type === "hash"
          ? JSON.stringify(await client.hgetall(key))
          : (await client.getBuffer(key))?.toString("latin1");
      }),
    );
    client.disconnect();
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.join() + dump.join()).not.toMatch(/Canary|987654321/);
  });

  it("serves on without Redis, and what changed meanwhile is invalid when it is back", async () => {
    const path = `/patients/${fresh()}`;
    upstream.answers.set(path, changing({ id }) as never);
    await get(`/api${path}`);
    await redis.stop("SIGKILL");
    const { port } = redis;
    await until(async () => (await get(`/api${path}`)).cache === "MISS");
    expect((await change("PATCH", `/api${path}`, { phone: "1" })).status).toBe(200);
    redis = await startRedis({ port });
    await connected(gateway.url);
    await connected(other.url);
    await until(async () => (await get(`/api${path}`, {}, other)).cache === "HIT");
    expect(JSON.parse((await get(`/api${path}`, {}, other)).text).data.version).toBe(version);
  });
});
