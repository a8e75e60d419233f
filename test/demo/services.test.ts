// The clinic's REST services and their traffic: real processes on a real PostgreSQL 18.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clinical } from "../../records/clinical.ts";
import { sheets } from "../../records/index.ts";
import { fieldsOf } from "../../records/resource.ts";
import { until } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { type Clinic, type Running, readMetric, startClinic, startServer, sumOf } from "./clinic.ts";

const patients = 260;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a JSON answer is read by each test in its own way.
  readonly body: any;
}

describe.skipIf(postgresMissing() !== undefined)(
  `the clinic's services ${postgresMissing() ?? ""}`,
  { timeout: 60_000 },
  () => {
    let clinic: Clinic;
    const services: Record<string, Running> = {};
    beforeAll(async () => {
      clinic = await startClinic();
      expect((await clinic.seed("--patients", String(patients))).code).toBe(0);
      for (const { name } of sheets) services[name] = await clinic.service(name);
    }, 90_000);
    afterAll(() => clinic?.stop(), 30_000);

    const urlOf = (service: string): string => services[service]?.url ?? "";
    const ask = async (
      service: string,
      path: string,
      method = "GET",
      body?: unknown,
      type = "application/json",
    ): Promise<Answer> => {
      const sent =
        body === undefined
          ? {}
          : { body: typeof body === "string" ? body : JSON.stringify(body), headers: { "content-type": type } };
      const response = await fetch(urlOf(service) + path, { method, ...sent });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: /json/.test(response.headers.get("content-type") ?? "") ? JSON.parse(text) : undefined,
      };
    };
    const clinicalAsk = (path: string, method?: string, body?: unknown): Promise<Answer> =>
      ask("clinical-service", path, method, body);
    const person = {
      givenName: "Sample",
      familyName: "Testperson-new",
      birthDate: "1990-02-28",
      sex: "other",
      homeLocationId: 3,
    };

    for (const sheet of sheets)
      for (const resource of sheet.resources) {
        const keys = Object.keys(fieldsOf(resource));

        it(`${sheet.name} lists ${resource.name} in pages and gives each by its id`, async () => {
          const { status, body } = await ask(sheet.name, `/${resource.name}?limit=5`);
          expect(status).toBe(200);
          expect(body).toMatchObject({ page: 1, limit: 5 });
          expect(body.items).toHaveLength(5);
          expect(body.total).toBeGreaterThan(5);
          expect(Object.keys(body.items[0])).toEqual(keys);
          for (const item of body.items) {
            const one = await ask(sheet.name, `/${resource.name}/${item.id}`);
            expect([one.status, one.body]).toEqual([200, item]);
          }
          expect((await ask(sheet.name, `/${resource.name}/999999999`)).status).toBe(404);
        });

        it(`${sheet.name} makes, replaces and changes ${resource.name}`, async () => {
          const {
            id: _id,
            createdAt: _created,
            updatedAt: _updated,
            recordNumber: _number,
            ...given
          } = (await ask(sheet.name, `/${resource.name}?limit=1`)).body.items[0];
          const unique = {
            ...given,
            ...("name" in given ? { name: `New ${resource.name}` } : {}),
            ...("itemCode" in given ? { itemCode: "ITEM-NEW" } : {}),
          };
          const made = await ask(sheet.name, `/${resource.name}`, "POST", unique);
          expect(made.status, made.text).toBe(201);
          expect(made.body).toMatchObject(unique);
          expect(made.headers.get("location")).toBe(`/${resource.name}/${made.body.id}`);
          const path = `/${resource.name}/${made.body.id}`;
          expect((await ask(sheet.name, path)).body).toEqual(made.body);
          const replaced = await ask(sheet.name, path, "PUT", unique);
          expect([replaced.status, { ...replaced.body, updatedAt: "" }]).toEqual([
            200,
            { ...made.body, updatedAt: "" },
          ]);
          expect(Date.parse(replaced.body.updatedAt)).toBeGreaterThan(Date.parse(made.body.updatedAt));
          const [field = "", value] =
            Object.entries(unique).find(([name]) =>
              /^(phone|minutes|priority|quantity|units|refillsLeft|email)$/.test(name),
            ) ?? [];
          const changed = await ask(sheet.name, path, "PATCH", { [field]: value });
          expect([changed.status, changed.body[field]]).toEqual([200, value]);
          for (const method of ["PUT", "PATCH"])
            expect((await ask(sheet.name, `/${resource.name}/999999999`, method, unique)).status, method).toBe(404);
          expect((await ask(sheet.name, `/${resource.name}`, "POST", { ...unique, other: 1 })).status).toBe(400);
          expect((await ask(sheet.name, path, "PATCH", {})).status).toBe(400);
          expect((await ask(sheet.name, path, "PATCH", { id: 1 })).status).toBe(400);
          expect((await ask(sheet.name, path, "DELETE")).status).toBe(404);
        });

        for (const [parent, field] of Object.entries(resource.under ?? {})) {
          const many = `by-${parent.replace(/s$/, "")}`;
          it(`${sheet.name} gives the ${resource.name} of one of the ${parent} and of many at once`, async () => {
            const [low, high] = [3, 7];
            const one = await ask(sheet.name, `/${parent}/${low}/${resource.name}?limit=100`);
            expect(one.status).toBe(200);
            for (const item of one.body.items) expect(item[field]).toBe(low);
            const all = await ask(sheet.name, `/${resource.name}?${field}=${low}&limit=100`);
            expect(one.body).toEqual(all.body);
            const both = await ask(
              sheet.name,
              `/${resource.name}/${many}?ids=${high},${low},999999999,${high}&limit=100`,
            );
            expect(both.body.groups.map(({ id }: { id: number }) => id)).toEqual([high, low, 999_999_999]);
            expect(both.body.groups[1].items).toEqual(one.body.items);
            expect(both.body.groups[2].items).toEqual([]);
            const capped = await ask(sheet.name, `/${resource.name}/${many}?ids=${low},${high}&limit=1`);
            for (const { items } of capped.body.groups) expect(items.length).toBeLessThanOrEqual(1);
            expect((await ask(sheet.name, `/${parent}/999999999/${resource.name}`)).status).toBe(404);
            expect((await ask(sheet.name, `/${resource.name}/${many}`)).status).toBe(400);
          });
        }
      }

    it("adds a record to the one whose path is named", async () => {
      const body = { staffId: 5, locationId: 5, startsAt: "2031-05-06T07:08:09.000Z", reason: "follow-up" };
      const made = await clinicalAsk("/patients/9/appointments", "POST", body);
      expect(made.status).toBe(201);
      expect(made.body).toMatchObject({ ...body, patientId: 9, status: "scheduled", minutes: 30, notes: null });
      expect((await clinicalAsk("/patients/9/appointments?limit=1")).body.items[0].id).toBe(made.body.id);
      expect((await clinicalAsk("/patients/999999999/appointments", "POST", body)).status).toBe(404);
      expect((await clinicalAsk("/patients/9/appointments", "POST", { ...body, patientId: 8 })).status).toBe(400);
    });

    it("a replacement sets what it leaves out back to its default", async () => {
      const { id } = (
        await clinicalAsk("/patients", "POST", { ...person, phone: "+1-555-0100", insuranceProviderId: 2 })
      ).body;
      const { body } = await clinicalAsk(`/patients/${id}`, "PUT", person);
      expect(body).toMatchObject({ ...person, phone: null, insuranceProviderId: null });
    });

    it("pages through every patient once, whatever the size of the page", async () => {
      const total = (await clinicalAsk("/patients?limit=1")).body.total;
      for (const limit of [100, 37]) {
        const seen: number[] = [];
        for (let page = 1; page <= Math.ceil(total / limit); page++) {
          const { body } = await clinicalAsk(`/patients?limit=${limit}&page=${page}`);
          expect(body).toMatchObject({ page, limit, total });
          seen.push(...body.items.map(({ id }: { id: number }) => id));
        }
        expect(seen).toHaveLength(total);
        expect(new Set(seen).size).toBe(total);
        expect(seen).toEqual(seen.toSorted((one, other) => one - other));
      }
      expect((await clinicalAsk("/patients?page=9999")).body).toMatchObject({ items: [], total });
      const { body } = await clinicalAsk("/patients?offset=30&limit=10");
      expect(body.items).toEqual((await clinicalAsk("/patients?page=4&limit=10")).body.items);
      expect(body.page).toBe(4);
      expect(Object.keys((await clinicalAsk("/patients?total=false")).body)).toEqual(["items", "page", "limit"]);
    });

    it("lists appointments latest first, and filters by status and time", async () => {
      const { body } = await clinicalAsk("/appointments?limit=100");
      const order = body.items.map(
        ({ startsAt, id }: { startsAt: string; id: number }) => `${startsAt} ${String(id).padStart(9, "0")}`,
      );
      expect(order).toEqual(order.toSorted().toReversed());
      const [from, before] = [new Date(Date.now() - 30 * 86_400_000).toISOString(), new Date().toISOString()];
      const some = (await clinicalAsk(`/appointments?status=completed,no_show&from=${from}&before=${before}&limit=100`))
        .body;
      expect(some.items.length).toBeGreaterThan(10);
      for (const { status, startsAt } of some.items) {
        expect(["completed", "no_show"]).toContain(status);
        expect(startsAt >= from && startsAt < before).toBe(true);
      }
      const [{ counted } = { counted: -1 }] = await clinic.sql<{ counted: number }>(
        `SELECT count(*)::integer AS counted FROM clinic.appointments WHERE status IN ('completed', 'no_show') AND starts_at >= '${from}' AND starts_at < '${before}'`,
      );
      expect(some.total).toBe(counted);
    });

    it("finds patients by the beginning of a name in any case, and takes wildcards as they are", async () => {
      const { body } = await clinicalAsk("/patients?familyName=TESTPERSON-&limit=100");
      expect(body.items.length).toBeGreaterThan(5);
      for (const { familyName } of body.items) expect(familyName).toMatch(/^Testperson-/);
      for (const wildcard of ["%25%25", "__", "te_t", "%5C%5C"])
        expect((await clinicalAsk(`/patients?familyName=${wildcard}`)).body.total, wildcard).toBe(0);
    });

    const refusedQueries = [
      "page=0",
      "page=-1",
      "page=1e3",
      "page=x",
      "limit=0",
      "limit=101",
      "limit=",
      "offset=-1",
      "page=2&offset=3",
      "limit=5&limit=6",
      "unknown=1",
      "familyName=a",
      "homeLocationId=1,,2",
      "homeLocationId=9999999999",
      `ids=${Array.from({ length: 101 }, (_, n) => n + 1).join()}`,
      "total=yes",
    ];
    it.each(refusedQueries)("refuses the query %s with 400", async (query) => {
      const { status, body, headers } = await clinicalAsk(`/patients?${query}`);
      expect(status).toBe(400);
      expect(headers.get("content-type")).toContain("application/problem+json");
      expect(body).toMatchObject({
        type: "about:blank",
        title: "Bad Request",
        status: 400,
        detail: expect.stringContaining("querystring"),
      });
    });

    const refusedBodies: readonly (readonly [string, unknown, number])[] = [
      ["a missing field", { ...person, sex: undefined }, 400],
      ["a number as text", { ...person, homeLocationId: "3" }, 400],
      ["a null where none may be", { ...person, givenName: null }, 400],
      ["a date that is none", { ...person, birthDate: "1990-02-30" }, 400],
      ["an empty name", { ...person, givenName: "" }, 400],
      ["a name that is too long", { ...person, givenName: "x".repeat(81) }, 400],
      ["a choice that is none", { ...person, sex: "SEX" }, 400],
      ["a text with a zero byte", { ...person, givenName: "a\u0000b" }, 400],
      ["a list", [person], 400],
      ["JSON that is none", '{"givenName":', 400],
      ["a poisoned prototype", '{"__proto__":{"admin":true}}', 400],
      ["a location that is not there", { ...person, homeLocationId: 999_999 }, 422],
      ["a body that is too large", { ...person, givenName: "x".repeat(70_000) }, 413],
    ];
    it.each(refusedBodies)("refuses %s", async (_what, body, expected) => {
      const answer = await clinicalAsk("/patients", "POST", body);
      expect(answer.status).toBe(expected);
      expect(answer.body).toMatchObject({ status: expected, detail: expect.any(String) });
      expect(answer.text).not.toMatch(/insert|select|clinic\.|pg_|\bat .*\.ts|node_modules|999999/i);
    });

    it("refuses a second record with the same key, a wrong content type, and paths that do not exist", async () => {
      const item = (await ask("business-service", "/locations/2/inventory?limit=1")).body.items[0];
      const { id: _id, createdAt: _created, updatedAt: _updated, ...again } = item;
      expect((await ask("business-service", "/inventory", "POST", again)).status).toBe(409);
      expect((await ask("clinical-service", "/patients", "POST", "x=1", "text/plain")).status).toBe(415);
      for (const path of ["/", "/nothing", "/patients/1/nothing", "/patients/1/", "/locations"])
        expect((await clinicalAsk(path)).status, path).toBe(404);
      for (const path of [
        "/patients/0",
        "/patients/-1",
        "/patients/abc",
        "/patients/1e3",
        "/patients/99999999999",
        "/patients/%zz",
      ])
        expect((await clinicalAsk(path)).status, path).toBe(400);
    });

    it("stores what looks like SQL as text and runs none of it", async () => {
      const [before] = await clinic.sql("SELECT count(*) FROM clinic.patients");
      const attacks = [
        "x'; DROP TABLE clinic.patients; --",
        "1 OR 1=1",
        "1); DELETE FROM clinic.patients; --",
        "' UNION SELECT usename, passwd FROM pg_shadow --",
        "$1",
        "\\'; SELECT pg_sleep(10); --",
      ];
      const names = Object.keys(clinical.resources[0]?.filters ?? {});
      for (const attack of attacks) {
        for (const name of [...names, "page", "limit"]) {
          const { status, body } = await clinicalAsk(`/patients?${name}=${encodeURIComponent(attack)}`);
          expect(status === 400 || (status === 200 && body.total === 0), `${name}=${attack}`).toBe(true);
        }
        expect((await clinicalAsk(`/patients/${encodeURIComponent(attack)}`)).status).toBe(400);
        const made = await clinicalAsk("/patients", "POST", { ...person, familyName: attack });
        expect([made.status, made.body.familyName]).toEqual([201, attack]);
        expect(
          (await clinicalAsk("/patients", "POST", { ...person, "given_name) VALUES ('x'); --": "x" })).status,
        ).toBe(400);
      }
      const [after] = await clinic.sql("SELECT count(*) FROM clinic.patients");
      expect(Number((after as { count: string }).count) - Number((before as { count: string }).count)).toBe(
        attacks.length,
      );
    });

    it("uses a bounded number of connections for many requests at once", async () => {
      const asked = Promise.all(Array.from({ length: 200 }, (_, n) => clinicalAsk(`/patients/${(n % 200) + 1}`)));
      const [{ used } = { used: -1 }] = await clinic.sql<{ used: number }>(
        "SELECT count(*)::integer AS used FROM pg_stat_activity WHERE application_name = 'clinical-service'",
      );
      expect(new Set((await asked).map(({ status }) => status))).toEqual(new Set([200]));
      expect(used).toBeLessThanOrEqual(8);
      const pool = await readMetric(urlOf("clinical-service"), "database_pool_connections");
      expect(sumOf(pool)).toBeLessThanOrEqual(8);
      expect(sumOf(pool)).toBeGreaterThan(0);
    });

    it("counts and times each request by its route's template, and unknown paths as one", async () => {
      const name = "clinical-service";
      const before = await readMetric(urlOf(name), "http_requests_total");
      const label = '{method="GET",route="/patients/:id/appointments",status_code="200"}';
      for (let id = 1; id <= 7; id++) await clinicalAsk(`/patients/${id}/appointments`);
      for (let n = 0; n < 150; n++) await clinicalAsk(`/${Math.random().toString(36).slice(2)}/${n}`);
      await fetch(`${urlOf(name)}/patients/1`, { method: "PROPFIND" });
      const after = await until(async () => {
        const now = await readMetric(urlOf(name), "http_requests_total");
        return sumOf(now) - sumOf(before) >= 158 ? now : undefined;
      });
      expect((after.get(label) ?? 0) - (before.get(label) ?? 0)).toBe(7);
      expect((await readMetric(urlOf(name), "http_request_duration_seconds_count")).get(label)).toBe(after.get(label));
      const fresh = [...after.keys()].filter((key) => !before.has(key));
      expect(fresh.every((key) => key === label || key.includes('route="unmatched"'))).toBe(true);
      expect(fresh.length).toBeLessThanOrEqual(3);
      const routes = [...after.keys()].map((key) => /route="([^"]*)"/.exec(key)?.[1]);
      for (const route of routes) expect(route).toMatch(/^(unmatched|(\/(:id|[a-z-]+))+)$/);
    });

    it("shows nothing of a patient in metrics and logs", async () => {
      const canary = {
        ...person,
        givenName: "Canaryqx",
        familyName: "Canaryzz-77",
        email: "canary@patients.example",
        memberNumber: "MEMBER-CANARY",
      };
      const { body } = await clinicalAsk("/patients", "POST", canary);
      await clinicalAsk(`/patients/${body.id}`);
      await clinicalAsk("/patients?familyName=canaryzz-77");
      await clinicalAsk("/patients", "POST", { ...canary, homeLocationId: 999_999 });
      await clinicalAsk("/patients/canaryzz-77/appointments");
      await clinicalAsk("/canaryzz-77");
      await fetch(`${urlOf("clinical-service")}/patients/${body.id}?canaryqx=1`, {
        headers: { "user-agent": "canaryqx", traceparent: "canaryqx" },
      });
      const shown =
        (await (await fetch(`${urlOf("clinical-service")}/metrics`)).text()) +
        (services["clinical-service"]?.child.output() ?? "");
      expect(shown).toContain("listening");
      expect(shown.toLowerCase()).not.toContain("canary");
      expect(shown).not.toContain(body.recordNumber);
      expect(shown).not.toMatch(new RegExp(`/${body.id}\\b`));
    });

    it("answers 503 in time while a table is locked, and everything else as ever", async () => {
      const locker = new pg.Client({
        host: "127.0.0.1",
        port: clinic.postgres.port,
        user: "postgres",
        password: clinic.postgres.password,
        database: "clinic",
      });
      await locker.connect();
      try {
        await locker.query("BEGIN; LOCK TABLE clinic.patients IN ACCESS EXCLUSIVE MODE");
        const blocked = clinicalAsk("/patients/1");
        expect((await clinicalAsk("/appointments?limit=1")).status).toBe(200);
        const { status, headers, body } = await blocked;
        expect([status, headers.get("retry-after"), body.detail]).toEqual([
          503,
          "2",
          "The database did not answer in time.",
        ]);
      } finally {
        await locker.end();
      }
      expect((await clinicalAsk("/patients/1")).status).toBe(200);
      expect(services["clinical-service"]?.child.output()).toContain('"error.type":"sqlstate_55P03"');
    });

    it("stays alive without its database, says that it is not ready, and works again when it is back", async () => {
      await clinic.postgres.halt("SIGQUIT");
      expect((await clinicalAsk("/patients/1")).status).toBe(503);
      expect((await clinicalAsk("/readyz")).status).toBe(503);
      expect((await clinicalAsk("/healthz")).status).toBe(200);
      await clinic.postgres.resume();
      await until(async () => (await clinicalAsk("/readyz")).status === 200);
      expect((await clinicalAsk("/patients/1")).status).toBe(200);
    });

    it("refuses a service that is not there, and options that are wrong", async () => {
      const { startProgram } = await import("./clinic.ts");
      const other = startProgram("service.ts", "billing-service");
      expect([await other.ended, other.output()]).toEqual([
        1,
        expect.stringContaining("clinical-service, business-service, medication-service"),
      ]);
      const wrong = startProgram("service.ts", "clinical-service", "--port", "x", "--database", "nowhere");
      expect(await wrong.ended).toBe(1);
      for (const option of [
        "--host is missing",
        '--port "x" is not',
        '--database "nowhere" is not host:port',
        "--password-file is missing",
      ])
        expect(wrong.output()).toContain(option);
    });

    describe("with traffic", () => {
      let traffic: Running;
      beforeAll(async () => {
        traffic = await startServer(
          "traffic.ts",
          ...["clinical", "business", "medication"].flatMap((name) => [`--${name}`, urlOf(`${name}-service`)]),
          "--rate",
          "80",
        );
      }, 30_000);
      afterAll(() => traffic?.child.end("SIGKILL"));
      const served = async (): Promise<number> =>
        sumOf(
          new Map(
            await Promise.all(
              sheets.map(
                async ({ name }) => [name, sumOf(await readMetric(urlOf(name), "http_requests_total"))] as const,
              ),
            ),
          ),
        );

      it("sends what the services count, all of it to routes that they know", async () => {
        const start = await served();
        const sentAtStart = sumOf(await readMetric(traffic.url, "demo_traffic_requests_total"));
        await until(
          async () => sumOf(await readMetric(traffic.url, "demo_traffic_requests_total")) - sentAtStart >= 250,
          30_000,
        );
        const before = (await served()) - start;
        const sent = sumOf(await readMetric(traffic.url, "demo_traffic_requests_total")) - sentAtStart;
        const after = (await served()) - start;
        // Requests under way at the three readings: at most eight are open at once.
        expect(sent).toBeGreaterThanOrEqual(before - 8);
        expect(sent).toBeLessThanOrEqual(after + 8);
        expect(sumOf(await readMetric(traffic.url, "demo_traffic_failures_total"))).toBe(0);
        for (const { name } of sheets)
          expect(
            (await readMetric(traffic.url, "demo_traffic_requests_total")).get(`{service="${name}"}`),
          ).toBeGreaterThan(10);
      });

      it("goes on when a service is away, and counts its failures", async () => {
        await services["business-service"]?.child.end();
        const failures = await until(async () => {
          const now = await readMetric(traffic.url, "demo_traffic_failures_total");
          return (now.get('{service="business-service"}') ?? 0) >= 5 ? now : undefined;
        });
        expect(failures.get('{service="clinical-service"}')).toBe(0);
        expect(traffic.child.alive()).toBe(true);
        expect(traffic.child.output()).not.toMatch(/\/patients\/\d|Error/);
        expect(await traffic.child.end()).toBe(0);
        for (const line of traffic.child.output().trim().split("\n"))
          expect(JSON.parse(line)).toMatchObject({ service: "demo-traffic" });
      });
    });

    it("answers what is under way before it ends on SIGTERM", async () => {
      const locker = new pg.Client({
        host: "127.0.0.1",
        port: clinic.postgres.port,
        user: "postgres",
        password: clinic.postgres.password,
        database: "clinic",
      });
      await locker.connect();
      await locker.query("BEGIN; LOCK TABLE clinic.medications IN ACCESS EXCLUSIVE MODE");
      const child = services["medication-service"]?.child;
      const open = ask("medication-service", "/medications/1");
      await until(
        async () =>
          (
            await clinic.sql(
              "SELECT FROM pg_stat_activity WHERE application_name = 'medication-service' AND wait_event_type = 'Lock'",
            )
          ).length === 1,
      );
      const ended = child?.end("SIGTERM");
      await sleep(200);
      await locker.end();
      expect((await open).status).toBe(200);
      expect(await ended).toBe(0);
      expect(child?.output()).toContain('"msg":"stopped"');
    });
  },
);
