// The contract of a REST resource: a table's fields, filters and order as data. The engine makes routes, schemas and SQL of it.

type FieldType = "text" | "integer" | "boolean" | "date" | "timestamp";
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Field {
  readonly type: FieldType;
  /** What a client may send, without null. */
  readonly accepts: JsonSchema;
  readonly choices?: readonly string[];
  /** Must be sent when a record is made. */
  readonly required?: boolean;
  readonly nullable?: boolean;
  /** Shown, never accepted. */
  readonly readOnly?: boolean;
}

/** `any`: one of up to 100 values, by commas. `prefix`: begins with, in any case. `from` and `before`: on an instant. */
export type FilterKind = "any" | "prefix" | "from" | "before";

export interface Resource {
  /** Its path, and its table with `_` for `-`. */
  readonly name: string;
  /** What one of it is called in an error: `appointment`. */
  readonly one: string;
  readonly fields: Readonly<Record<string, Field>>;
  readonly filters: Readonly<Record<string, readonly [field: string, kind: FilterKind]>>;
  /** The field whose highest values come first; without it, lists go by id, lowest first. */
  readonly latest?: string;
  /** The records that it belongs to: `{ patients: "patientId" }` gives /patients/:id/NAME, and /NAME/by-patient for many at once. */
  readonly under?: Readonly<Record<string, string>>;
}

/** A service: its resources. */
export interface ServiceSheet {
  readonly name: string;
  readonly resources: readonly Resource[];
}

interface Extra {
  readonly required?: boolean;
  readonly nullable?: boolean;
  readonly readOnly?: boolean;
}

export const text = (maxLength: number, extra: Extra = {}): Field => ({
  type: "text",
  accepts: { type: "string", minLength: 1, maxLength },
  ...extra,
});
export const choice = (choices: readonly string[], extra: Extra = {}): Field => ({
  type: "text",
  accepts: { type: "string", enum: choices },
  choices,
  ...extra,
});
export const integer = (minimum: number, maximum: number, extra: Extra = {}): Field => ({
  type: "integer",
  accepts: { type: "integer", minimum, maximum },
  ...extra,
});
export const reference = (extra: Extra = {}): Field => integer(1, 999_999_999, extra);
export const flag = (extra: Extra = {}): Field => ({ type: "boolean", accepts: { type: "boolean" }, ...extra });
export const date = (extra: Extra = {}): Field => ({
  type: "date",
  accepts: { type: "string", format: "date" },
  ...extra,
});
export const instant = (extra: Extra = {}): Field => ({
  type: "timestamp",
  accepts: { type: "string", format: "date-time" },
  ...extra,
});

const always: Readonly<Record<string, Field>> = {
  createdAt: instant({ readOnly: true }),
  updatedAt: instant({ readOnly: true }),
};

/** Every field of a record, `id` first. */
export const fieldsOf = (resource: Resource): Readonly<Record<string, Field>> => ({
  id: reference({ readOnly: true }),
  ...resource.fields,
  ...always,
});

export const tableOf = (name: string): string => `clinic.${name.replaceAll("-", "_")}`;
export const columnOf = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
