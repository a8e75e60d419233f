// Marker values in everything that a caller can say to the gateway of a stack, and the search for them in what the stack keeps.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Lower-case letters alone: it fits wherever any text does. */
export const mark = "qcanaryphiq";

export interface Caller {
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** JSON to a path. */
  post(path: string, body: unknown): Promise<Response>;
}

/** A caller whose token, headers and trace state carry the mark. */
export async function markedCaller(gateway: string, login: string): Promise<Caller> {
  const wanted = JSON.stringify({ roles: ["clinician", "front-desk", "manager"], subject: mark });
  const json = { "content-type": "application/json" };
  const answer = await fetch(`${login}/token`, { method: "POST", headers: json, body: wanted });
  const { access_token: token } = (await answer.json()) as { readonly access_token: string };
  const headers = {
    ...{ authorization: `Bearer ${token}`, "user-agent": mark, "x-forwarded-for": mark, cookie: mark, referer: mark },
    ...{ baggage: `a=${mark}`, tracestate: `a=${mark}`, "x-request-id": mark },
  };
  const ask: Caller["ask"] = (path, init = {}) =>
    fetch(gateway + path, { ...init, headers: { ...headers, ...(init.headers as object) } });
  return { ask, post: (path, body) => ask(path, { method: "POST", headers: json, body: JSON.stringify(body) }) };
}

export const markedPerson = {
  ...{ givenName: mark, familyName: mark, birthDate: "1990-01-31", sex: "other", homeLocationId: 1 },
  ...{ email: `${mark}@${mark}.example`, phone: mark, memberNumber: mark },
};

/** Refused by the database, in whose words the row would stand. */
export const markedFailure = {
  ...{ patientId: 1, prescriberId: 1, name: mark, dose: mark, frequency: mark },
  ...{ startedOn: "2026-02-01", endedOn: "2026-01-01" },
};

/** Sends it by every way that a caller has; resolves with the statuses. */
export async function sendMarks({ ask, post }: Caller): Promise<readonly number[]> {
  const made = await post("/api/v2/patients", markedPerson);
  const { data } = (await made.json()) as { readonly data: { readonly id: number } };
  const one = `/api/v2/patients/${data.id}`;
  const reason = { patientId: data.id, staffId: 1, locationId: 1, startsAt: "2027-02-01T10:00:00Z", reason: mark };
  const graph = (query: string, variables: object, operationName?: string) =>
    post("/graphql", { query, variables, ...(operationName && { operationName }) });
  const answers = [
    made,
    // Twice each: out of the upstream, and out of the cache.
    ...[await ask(one), await ask(one), await ask(`/api/patients?familyName=${mark}`)],
    await ask(`/api/v2/patients?familyName=${mark}`),
    await post("/api/v2/appointments", reason),
    await ask(`${one}/appointments`),
    ...[await ask(`/${mark}`), await ask(`/api/v2/patients/${mark}`), await ask(`/api/v2/patients?${mark}=${mark}`)],
    await ask(`/api/${mark}/${mark}?${mark}`, { method: "DELETE" }),
    await ask("/api/v2/patients", { method: "POST", headers: { "content-type": `text/${mark}` }, body: mark }),
    await post("/api/v2/patients", { ...markedPerson, [mark]: mark }),
    await post("/api/v2/medications", markedFailure),
    await graph(
      `query ${mark}($id: ID!){${mark}: patient(id: $id){givenName}}`,
      { id: `${data.id}`, [mark]: mark },
      mark,
    ),
    await graph("query($id: ID!){patient(id: $id){givenName}}", { id: mark }),
    await graph(`{${mark}{${mark}}}`, {}),
  ];
  await Promise.all(answers.map((each) => (each.bodyUsed ? undefined : each.text())));
  return answers.map(({ status }) => status);
}

/** Files below a folder that hold the mark, relative to it. */
export function marked(folder: string): readonly string[] {
  const needle = Buffer.from(mark);
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    return entry.isFile() && contains(path, needle) ? [path.slice(folder.length + 1)] : [];
  });
}

/** What a program removes while it is read has nothing in it. */
function contains(path: string, needle: Buffer): boolean {
  try {
    return readFileSync(path).includes(needle);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
