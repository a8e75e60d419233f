// What the clinic's REST services answer: records alone, in lists, by their parents, made and changed.
import { describe, expect, it } from "vitest";
import { sheets } from "../../records/index.ts";
import { fieldsOf } from "../../records/resource.ts";
import { postgresMissing } from "../support/postgres.ts";
import { person, serving } from "./serving.ts";

describe.skipIf(postgresMissing() !== undefined)(
  `the clinic's services ${postgresMissing() ?? ""}`,
  { timeout: 60_000 },
  () => {
    const db = serving();
    const { ask, clinicalAsk } = db;

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
          expect((await ask(sheet.name, path, "DELETE")).status).toBe(405);
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
      const [{ counted } = { counted: -1 }] = await db.clinic.sql<{ counted: number }>(
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
  },
);
