// The GraphQL schema, out of the records: what REST shows of a patient under several paths is one graph here.
import { clinical } from "../../records/clinical.ts";
import { medication } from "../../records/medication.ts";
import { type Field, fieldsOf, type Resource } from "../../records/resource.ts";

/** GraphQL type -> its resource. */
export const types: Readonly<Record<string, Resource>> = Object.fromEntries(
  [
    ["Patient", "patients"],
    ["Appointment", "appointments"],
    ["LabOrder", "lab-orders"],
    ["Medication", "medications"],
  ].map(([type = "", name]) => {
    const found = [...clinical.resources, ...medication.resources].find((resource) => resource.name === name);
    if (found === undefined) throw new Error(`graphql: there is no resource ${name}`);
    return [type, found];
  }),
);

/** Fields of a patient that are lists of other records -> their type. */
export const patientLists = { appointments: "Appointment", medications: "Medication", labOrders: "LabOrder" } as const;

export const mostPerList = 100;
export const defaultPerList = 20;

const page = `limit: Int = ${defaultPerList}`;
const scalars = { text: "String", integer: "Int", boolean: "Boolean", date: "String", timestamp: "String" } as const;

const typeOf = ({ type, nullable = false }: Field, needed: boolean): string =>
  `${scalars[type]}${needed && !nullable ? "!" : ""}`;

const outputFields = (resource: Resource): string =>
  Object.entries(fieldsOf(resource))
    .map(([name, field]) => `  ${name}: ${name === "id" ? "ID!" : typeOf(field, true)}`)
    .join("\n");

const inputFields = ({ fields }: Resource): string =>
  Object.entries(fields)
    .filter(([, { readOnly }]) => !readOnly)
    .map(([name, field]) => `  ${name}: ${typeOf(field, field.required === true)}`)
    .join("\n");

const further: Readonly<Record<string, string>> = {
  Patient: Object.entries(patientLists)
    .map(([field, type]) => `\n  ${field}(${page}): [${type}!]!`)
    .join(""),
  Appointment: "\n  patient: Patient",
};

export const sdl = `
${Object.entries(types)
  .map(([type, resource]) => `type ${type} {\n${outputFields(resource)}${further[type] ?? ""}\n}`)
  .join("\n")}
${["Patient", "Appointment"].map((type) => `input ${type}Input {\n${inputFields(types[type] as Resource)}\n}`).join("\n")}
type Query {
  patient(id: ID!): Patient
  patients(${page}, offset: Int = 0): [Patient!]!
  appointment(id: ID!): Appointment
}
type Mutation {
  createPatient(input: PatientInput!): Patient!
  createAppointment(input: AppointmentInput!): Appointment!
}
`;
