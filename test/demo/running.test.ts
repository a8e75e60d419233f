// The clinic's REST services while they run: what they count, and how they bear locks, lost databases, traffic and their own end.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sheets } from "../../records/index.ts";
import { until } from "../support/ports.ts";
import { postgresMissing } from "../support/postgres.ts";
import { type Running, readMetric, startServer, sumOf } from "./clinic.ts";
import { person, serving } from "./serving.ts";

describe.skipIf(postgresMissing() !== undefined)(
  `the clinic's services at work ${postgresMissing() ?? ""}`,
  { timeout: 60_000 },
  () => {
    const db = serving();
    const { services, urlOf, ask, clinicalAsk } = db;

    it("uses a bounded number of connections for many requests at once", async () => {
      const asked = Promise.all(Array.from({ length: 200 }, (_, n) => clinicalAsk(`/patients/${(n % 200) + 1}`)));
      const [{ used } = { used: -1 }] = await db.clinic.sql<{ used: number }>(
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
        port: db.clinic.postgres.port,
        user: "postgres",
        password: db.clinic.postgres.password,
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
      await db.clinic.postgres.halt("SIGQUIT");
      expect((await clinicalAsk("/patients/1")).status).toBe(503);
      expect((await clinicalAsk("/readyz")).status).toBe(503);
      expect((await clinicalAsk("/healthz")).status).toBe(200);
      await db.clinic.postgres.resume();
      await until(async () => (await clinicalAsk("/readyz")).status === 200);
      expect((await clinicalAsk("/patients/1")).status).toBe(200);
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
        port: db.clinic.postgres.port,
        user: "postgres",
        password: db.clinic.postgres.password,
        database: "clinic",
      });
      await locker.connect();
      await locker.query("BEGIN; LOCK TABLE clinic.medications IN ACCESS EXCLUSIVE MODE");
      const child = services["medication-service"]?.child;
      const open = ask("medication-service", "/medications/1");
      await until(
        async () =>
          (
            await db.clinic.sql(
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
