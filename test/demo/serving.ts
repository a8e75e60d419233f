// The clinic's REST services as real processes on a real PostgreSQL 18, and a way to ask them.
import { afterAll, beforeAll } from "vitest";
import { sheets } from "../../records/index.ts";
import { type Clinic, type Running, startClinic } from "./clinic.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a JSON answer is read by each test in its own way.
  readonly body: any;
}

export interface Serving {
  readonly clinic: Clinic;
  readonly services: Readonly<Record<string, Running>>;
  urlOf(service: string): string;
  ask(service: string, path: string, method?: string, body?: unknown, type?: string): Promise<Answer>;
  clinicalAsk(path: string, method?: string, body?: unknown): Promise<Answer>;
}

export const person = {
  givenName: "Sample",
  familyName: "Testperson-new",
  birthDate: "1990-02-28",
  sex: "other",
  homeLocationId: 3,
};

/** Starts all services on 260 patients before the tests of a `describe` and ends them after it; filled in when they run. */
export function serving(): Serving {
  let clinic: Clinic | undefined;
  const services: Record<string, Running> = {};
  beforeAll(async () => {
    clinic = await startClinic();
    const { code, output } = await clinic.seed("--patients", "260");
    if (code !== 0) throw new Error(`the clinic cannot be seeded:\n${output}`);
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
  return {
    get clinic() {
      if (clinic === undefined) throw new Error("the clinic does not run yet");
      return clinic;
    },
    services,
    urlOf,
    ask,
    clinicalAsk: (path, method, body) => ask("clinical-service", path, method, body),
  };
}
