// What the clinic's REST services refuse, and what they take although it looks as if they should not.
import { describe, expect, it } from "vitest";
import { clinical } from "../../records/clinical.ts";
import { postgresMissing } from "../support/postgres.ts";
import { startProgram } from "./clinic.ts";
import { person, serving } from "./serving.ts";

describe.skipIf(postgresMissing() !== undefined)(
  `what the clinic's services refuse ${postgresMissing() ?? ""}`,
  { timeout: 60_000 },
  () => {
    const db = serving();
    const { ask, clinicalAsk } = db;

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
      const [before] = await db.clinic.sql("SELECT count(*) FROM clinic.patients");
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
      const [after] = await db.clinic.sql("SELECT count(*) FROM clinic.patients");
      expect(Number((after as { count: string }).count) - Number((before as { count: string }).count)).toBe(
        attacks.length,
      );
    });

    it("refuses a service that is not there, and options that are wrong", async () => {
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
  },
);
