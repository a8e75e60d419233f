// The routes of the clinic: which of its services has which records.
import type { Route } from "../route.ts";

const read = ["GET"] as const;
const whole = ["GET", "POST"] as const;
const one = ["GET", "PUT", "PATCH"] as const;

const records = (upstream: string, name: string): readonly Route[] => [
  { path: `/${name}`, methods: whole, upstream },
  { path: `/${name}/:id`, methods: one, upstream },
];

/** The records of one parent, and of many parents at once. */
const under = (upstream: string, parent: string, one: string, name: string): readonly Route[] => [
  { path: `/${parent}/:id/${name}`, methods: whole, upstream },
  { path: `/${name}/by-${one}`, methods: read, upstream },
];

const [clinical, business, medication] = ["clinical-service", "business-service", "medication-service"] as const;

export const clinic: readonly Route[] = [
  ...["patients", "appointments", "lab-orders"].flatMap((name) => records(clinical, name)),
  ...under(clinical, "patients", "patient", "appointments"),
  ...under(clinical, "locations", "location", "appointments"),
  ...under(clinical, "patients", "patient", "lab-orders"),
  ...["locations", "staff", "inventory", "insurance-providers", "authorizations"].flatMap((name) =>
    records(business, name),
  ),
  ...under(business, "locations", "location", "staff"),
  ...under(business, "locations", "location", "inventory"),
  ...under(business, "patients", "patient", "authorizations"),
  ...under(business, "insurance-providers", "insurance-provider", "authorizations"),
  ...records(medication, "medications"),
  ...under(medication, "patients", "patient", "medications"),
];
