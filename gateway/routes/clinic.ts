// The routes of the clinic: who may read and write which records, and for how long answers are kept.
import { sheets } from "../../records/index.ts";
import { operationsOf } from "../../records/operations.ts";
import type { Resource } from "../../records/resource.ts";
import { type Role, type Route, type RouteCache, roles } from "../route.ts";

interface Terms {
  /** Besides the managers, who may everything. */
  readonly read: readonly Role[];
  readonly write: readonly Role[];
  readonly cache?: RouteCache;
  readonly formerNames?: Readonly<Record<string, string>>;
}

const minute = 60;
const ofPatients = (minutes: number): RouteCache => ({ ttl: minutes * minute, encrypted: true });
const ofTheHouse = (minutes: number): RouteCache => ({ ttl: minutes * minute, encrypted: false });

const terms: Readonly<Record<string, Terms>> = {
  patients: {
    read: ["clinician", "front-desk", "billing"],
    write: ["clinician", "front-desk"],
    cache: ofPatients(30),
    formerNames: { birthDate: "dateOfBirth" },
  },
  appointments: {
    read: ["clinician", "front-desk"],
    write: ["clinician", "front-desk"],
    cache: ofPatients(5),
    formerNames: { minutes: "duration" },
  },
  "lab-orders": { read: ["clinician"], write: ["clinician"], cache: ofPatients(5) },
  medications: { read: ["clinician"], write: ["clinician"], cache: ofPatients(60) },
  authorizations: { read: ["clinician", "billing"], write: ["billing"], cache: ofPatients(5) },
  locations: { read: roles, write: [], cache: ofTheHouse(30) },
  staff: { read: roles, write: [], cache: ofTheHouse(5) },
  inventory: { read: ["clinician", "stock"], write: ["stock"], cache: ofTheHouse(15) },
  "insurance-providers": { read: roles, write: ["billing"], cache: ofTheHouse(120) },
};

export const clinic: readonly Route[] = sheets.flatMap(({ name: upstream, resources }) =>
  resources.flatMap((resource) => routesOf(upstream, resource)),
);

function routesOf(upstream: string, resource: Resource): readonly Route[] {
  const { read, write, cache, formerNames = {} } = terms[resource.name] ?? { read: [], write: [] };
  return operationsOf(resource).map((operation) => ({
    operation,
    upstream,
    roles: [...new Set<Role>(["manager", ...(operation.method === "GET" ? read : write)])],
    formerNames,
    ...(operation.method === "GET" && cache !== undefined ? { cache } : {}),
  }));
}
