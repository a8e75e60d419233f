// GraphQL through a real gateway: what it asks of upstreams, whom it answers, and what it refuses to run.

import { parse } from "graphql";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { gateway as gatewaySheet } from "../../components/services/gateway.ts";
import { complexityOf, mostComplexity } from "../../gateway/graphql/complexity.ts";
import { readMetric, sumOf } from "../demo/clinic.ts";
import { configFor } from "../platforms/kubernetes-stacks.ts";
import { until } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { json, page, startGateway, startUpstream, type TestGateway, type TestUpstream } from "./support.ts";

const always = { createdAt: "2026-01-01T00:00:00Z", updatedAt: "2026-01-01T00:00:00Z" };
const patient = (id: number) => ({
  ...{ id, recordNumber: `R${id}`, givenName: "A", familyName: `B${id}`, birthDate: "2000-01-31", sex: "other" },
  ...{ phone: null, email: null, homeLocationId: 1, insuranceProviderId: null, memberNumber: null, ...always },
});
const appointment = (id: number, patientId: number) => ({
  ...{ id, patientId, staffId: 1, locationId: 1, startsAt: "2026-02-01T10:00:00Z", minutes: 30, status: "scheduled" },
  ...{ reason: "x", notes: null, ...always },
});

describe.skipIf(redisMissing() !== undefined)(`GraphQL ${redisMissing() ?? ""}`, () => {
  let redis: TestRedis;
  let upstream: TestUpstream;
  let gateway: TestGateway;
  beforeAll(async () => {
    redis = await startRedis();
    upstream = await startUpstream();
    const { answers, url } = upstream;
    answers.set("/patients", (request, response) => {
      const query = new URL(request.url ?? "", url).searchParams;
      const ids =
        query.get("ids")?.split(",").map(Number) ??
        Array.from({ length: Number(query.get("limit") ?? 20) }, (_, at) => at + 1);
      page(ids.map(patient), 500)(request, response);
    });
    for (const name of ["appointments", "lab-orders", "medications"])
      answers.set(`/${name}/by-patient`, (request, response) => {
        const ids = new URL(request.url ?? "", url).searchParams.get("ids")?.split(",").map(Number) ?? [];
        const items = (id: number) => (name === "appointments" ? [appointment(id * 10, id)] : []);
        json({ groups: ids.map((id) => ({ id, items: items(id) })) })(request, response);
      });
    answers.set("/patients/5", json(patient(5)));
    answers.set("/patients/404", json({}, 404));
    answers.set("/patients/503", json({}, 503));
    answers.set("/appointments/50", json(appointment(50, 5)));
    answers.set("POST /appointments", json(appointment(51, 5), 201));
    const settings = { redis: { address: `127.0.0.1:${redis.port}` } };
    gateway = await startGateway({ "clinical-service": url, "medication-service": url }, settings);
    await until(async () => sumOf(await readMetric(gateway.url, "cache_circuit_open")) === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
    upstream?.close();
    await redis?.stop();
  });
  beforeEach(() => void upstream.seen.splice(0));

  const run = async (query: string, variables: object = {}, headers: Readonly<Record<string, string>> = {}) => {
    const body = JSON.stringify({ query, variables });
    const response = await gateway.ask("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    // biome-ignore lint/suspicious/noExplicitAny: each test reads its own fields
    return { status: response.status, ...((await response.json()) as { data: any; errors?: any[] }) };
  };
  const asked = () => upstream.seen.map(({ url }) => decodeURIComponent(url));

  it("asks once for the lists of many patients", async () => {
    const query = `{ patients(limit: 50) { id familyName appointments(limit: 3) { id patient { id } } medications { id } labOrders { id } } }`;
    const { status, data, errors } = await run(query);
    expect([status, errors]).toEqual([200, undefined]);
    expect(data.patients).toHaveLength(50);
    expect(data.patients[6]).toEqual({
      ...{ id: "7", familyName: "B7", medications: [], labOrders: [] },
      appointments: [{ id: "70", patient: { id: "7" } }],
    });
    // One for the patients, one for each kind of list, one for the patients of all appointments.
    expect(asked()).toHaveLength(5);
    await run(query);
    expect(asked()).toHaveLength(5);
  });

  it("asks once for each hundred, where more are asked about", async () => {
    const pageOf = (name: string, offset: number) =>
      `${name}: patients(limit: 100, offset: ${offset}) { id appointments(limit: 1) { patient { id } } }`;
    upstream.answers.set("/patients", (request, response) => {
      const query = new URL(request.url ?? "", upstream.url).searchParams;
      const ids = query.get("ids")?.split(",").map(Number);
      if (ids !== undefined && ids.length > 100) return json({}, 400)(request, response);
      const first = (Number(query.get("page") ?? 1) - 1) * 100 + 1;
      page((ids ?? Array.from({ length: 100 }, (_, at) => first + at)).map(patient), 500)(request, response);
    });
    const { data, errors } = await run(`{ ${pageOf("a", 0)} ${pageOf("b", 100)} }`);
    expect(errors).toBeUndefined();
    expect([data.a, data.b].map((some) => some[99].appointments)).toEqual(
      ["100", "200"].map((id) => [{ patient: { id } }]),
    );
    // Two pages, two hundreds of patients' appointments, two of the appointments' patients.
    expect(asked()).toHaveLength(6);
  });

  it("has the same cache as REST, and makes the same invalid", async () => {
    await run("{ patient(id: 5) { familyName } appointment(id: 50) { reason patient { familyName } } }");
    expect((await gateway.ask("/api/v2/patients/5")).headers.get("x-cache")).toBe("HIT");
    expect(asked().toSorted()).toEqual(["/appointments/50", "/patients/5"]);
    const input = { patientId: 5, staffId: 1, locationId: 1, startsAt: "2026-02-01T10:00:00Z", reason: "x" };
    const list = "{ patient(id: 5) { appointments { id } } }";
    await run(list);
    const create = "mutation ($input: AppointmentInput!) { createAppointment(input: $input) { id } }";
    expect((await run(create, { input })).data).toEqual({ createAppointment: { id: "51" } });
    upstream.seen.splice(0);
    await run(list);
    expect(asked()).toEqual(["/appointments/by-patient?ids=5"]);
  });

  it("answers null for what is not there, and tells a status for what failed", async () => {
    expect(await run("{ patient(id: 404) { id } }")).toEqual({ status: 200, data: { patient: null } });
    const { data, errors } = await run("{ patient(id: 503) { id } appointment(id: 50) { id } }");
    expect(data).toEqual({ patient: null, appointment: { id: "50" } });
    expect(errors).toMatchObject([{ path: ["patient"], extensions: { status: 503 } }]);
  });

  it("lets callers see what their roles may, field by field", async () => {
    const billing = { authorization: `Bearer ${await gateway.issuer.token(["billing"])}` };
    const { data, errors } = await run("{ patient(id: 5) { familyName labOrders { id } } }", {}, billing);
    expect(data.patient).toBeNull();
    expect(errors).toMatchObject([{ path: ["patient", "labOrders"], extensions: { status: 403 } }]);
    expect((await run("{ patient(id: 5) { familyName } }", {}, billing)).data.patient).toEqual({ familyName: "B5" });
    expect((await run("{ patient(id: 5) { id } }", {}, { authorization: "" })).status).toBe(401);
  });

  it.each([
    [
      "too deep",
      "{ patient(id: 5) { appointments { patient { appointments { patient { appointments { id } } } } } } }",
    ],
    ["too costly", "{ patients(limit: 100) { appointments(limit: 100) { id patient { id } } } }"],
    ["about the schema", "{ __schema { types { name } } }"],
    ["no GraphQL", "{ patient(id: 5) {"],
    ["a document in JSON", "{}"],
    ["about what is not there", "{ patient(id: 5) { shoeSize } }"],
  ])("refuses what is %s, and asks nobody", async (_, query) => {
    const { status, errors } = await run(query);
    expect(status).toBe(400);
    expect(errors?.map(({ extensions }) => extensions)).toContainEqual({ status: 400 });
    expect(asked()).toEqual([]);
  });

  it("tells of its schema no more than the document", async () => {
    for (const [query, message] of [
      ["{ patient(id: 5) { givenNam } }", "The document does not fit the schema here."],
      ["{ patients }", "The document does not fit the schema here."],
      ["{ patient { id } }", "The document does not fit the schema here."],
      ["query ($id: Int!) { patient(id: $id) { id } }", "The document does not fit the schema here."],
      ["query ($input: PatientInpu!) { patient(id: 1) { id } }", "The document does not fit the schema here."],
      ["mutation { createPatient(input: {}) { id } }", "The document does not fit the schema here."],
      [
        "mutation ($input: PatientInput!) { createPatient(input: $input) { id } }",
        'Variable "$input" is not of type "PatientInput!".',
      ],
      ["query ($id: ID!) { patient(id: $id) { id } }", 'Variable "$id" of required type "ID!" was not provided.'],
    ] as const) {
      const { status, errors } = await run(query, { input: { givenNames: "A" } });
      expect([status, [...new Set(errors?.map((each) => each.message))]], query).toEqual([
        400,
        expect.arrayContaining([message]),
      ]);
    }
    const { errors } = await run("mutation { createPatient(input: {}) { id } }");
    expect(errors).toEqual([
      {
        message: "The document does not fit the schema here.",
        locations: [{ line: 1, column: 33 }],
        extensions: { status: 400 },
      },
    ]);
  });

  it("takes an argument that only its variables make wrong for the caller's mistake", async () => {
    const { errors } = await run("query ($id: ID = 5) { patient(id: $id) { id } }", { id: null });
    expect(errors).toMatchObject([{ message: "The argument does not fit its type.", extensions: { status: 400 } }]);
  });

  it("tells callers nothing of a failure of its own, and operators where it was", async () => {
    upstream.answers.set("/patients/6", json({ id: 6, familyName: { a: "CANARY" } }));
    const { data, errors } = await run("{ patient(id: 6) { familyName } }");
    expect([data, errors]).toMatchObject([
      { patient: null },
      [{ message: "The field failed.", extensions: { status: 500 } }],
    ]);
    await until(() => gateway.child.output().includes('"msg":"request failed"'));
    expect(gateway.child.output()).toMatch(
      /"http.route":"\/graphql","http.response.status_code":500,"error.type":"\w+"/,
    );
    expect(gateway.child.output()).not.toContain("CANARY");
  });

  it.each([
    "patients(limit: 101)",
    "patients(limit: 0)",
    "patients(offset: -1)",
    "patient(id: 0)",
    'patient(id: "5/../6")',
  ])("refuses %s", async (field) =>
    expect((await run(`{ ${field} { id } }`)).errors).toMatchObject([{ extensions: { status: 400 } }]),
  );
});

it("shows its schema in every environment but prod", () => {
  const shown = (environment: string) => {
    const file = gatewaySheet(configFor({ demo: true }, [], environment))[0]?.files?.["/etc/vitals/gateway.json"];
    return (file?.content as { readonly json?: { readonly introspection?: boolean } } | undefined)?.json?.introspection;
  };
  expect(["dev", "staging", "prod"].map(shown)).toEqual([true, true, false]);
});

describe("a gateway that shows its schema", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ "clinical-service": "http://127.0.0.1:1" }, { introspection: true });
  });
  afterAll(() => gateway?.stop());
  const run = async (query: string, variables: object = {}) => {
    const body = JSON.stringify({ query, variables });
    const headers = { "content-type": "application/json" };
    const response = await gateway.ask("/graphql", { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  };

  it("answers what is asked about it", async () => {
    expect(JSON.parse((await run("{ __schema { queryType { name } } }")).text)).toEqual({
      data: { __schema: { queryType: { name: "Query" } } },
    });
  });

  it.each([
    ["a field that is none", { CANARY: "x", familyName: "CANARY" }, '"input" has fields that PatientInput has not'],
    ["fields that are missing", { familyName: "CANARY" }, '"input.givenName" is missing, "input.birthDate" is missing'],
    ["a field of another type", { sex: { CANARY: "CANARY" } }, '"input.sex" is no String'],
    ["a number of another kind", { homeLocationId: 1.5, familyName: "CANARY" }, '"input.homeLocationId" is no Int'],
    ["null", { sex: null, familyName: "CANARY" }, '"input.sex" is missing'],
    ["a list", [{ familyName: "CANARY" }], '"input" is no PatientInput'],
    ["a text", "CANARY", '"input" is no PatientInput'],
  ])("says what is wrong with a variable, and repeats nothing of it: %s", async (_, input, fault) => {
    const query = "mutation ($input: PatientInput!) { createPatient(input: $input) { id } }";
    const { status, text } = await run(query, { input });
    const { errors } = JSON.parse(text);
    expect([status, errors]).toEqual([
      400,
      [{ message: expect.any(String), locations: [{ line: 1, column: 11 }], extensions: { status: 400 } }],
    ]);
    expect(errors[0].message).toMatch(/^Variable "\$input" is not of type "PatientInput!": /);
    expect(errors[0].message).toContain(fault);
    expect(text).not.toContain("CANARY");
  });

  it("says so of a simple variable", async () => {
    const { text } = await run("query ($id: ID!) { patient(id: $id) { id } }", { id: { CANARY: 1 } });
    expect(JSON.parse(text).errors).toMatchObject([
      { message: 'Variable "$id" is not of type "ID!": "id" is no ID.', extensions: { status: 400 } },
    ]);
  });
});

describe("the cost of a query", () => {
  const cost = (query: string, variables: object = {}) => complexityOf(parse(query), variables as never);

  it("counts fields, and those of lists as often as the lists may be long", () => {
    expect(cost("{ patient(id: 1) { id givenName } }")).toBe(3);
    expect(cost("{ patients(limit: 10) { id appointments(limit: 5) { id } } }")).toBe(1 + 10 * (1 + 1 + 5));
    expect(cost("{ patients { id } }")).toBe(21);
    expect(cost("query ($n: Int) { patients(limit: $n) { id } }", { n: 7 })).toBe(8);
    expect(cost("query ($n: Int = 100) { patients(limit: $n) { id } }")).toBe(101);
    expect(cost("{ a: patient(id: 1) { ...f } b: patient(id: 2) { ...f } } fragment f on Patient { id sex }")).toBe(6);
  });

  it("is known at once, however often fragments contain fragments", () => {
    const spread = (at: number) => `fragment f${at} on Patient { ${`...f${at + 1} `.repeat(50)} }`;
    const chain = Array.from({ length: 30 }, (_, at) => spread(at)).join(" ");
    const began = performance.now();
    expect(cost(`{ patient(id: 1) { ...f0 } } ${chain} fragment f30 on Patient { id }`)).toBeGreaterThan(
      mostComplexity,
    );
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
