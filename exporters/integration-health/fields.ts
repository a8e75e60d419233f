// Fields of the API that Prometheus answers: each a query, and null with a reason where nothing measures it.
import type { Expr } from "../../telemetry/promql.ts";
import { type Backend, type Known, query, type Row } from "./backend.ts";

/** A field's query and how its rows become its value; without a query, why nothing measures it. */
export type Field =
  | { readonly expr: Expr; readonly shown?: (rows: readonly Row[]) => unknown }
  | { readonly reason: string };

export const one = (rows: readonly Row[]): number | undefined => rows[0]?.value;
export const by =
  (...labels: readonly string[]) =>
  (rows: readonly Row[]) =>
    rows.length === 0
      ? undefined
      : rows
          .toSorted((left, right) => right.value - left.value)
          .map(({ labels: of, value }) => ({
            ...Object.fromEntries(labels.map((label) => [label, of[label] ?? null])),
            value,
          }));

export type Fields = Readonly<Record<string, Field>>;

/** The fields of a group; those without a value are null, and `reasons` says why. */
export const group = (prometheus: Backend | undefined, fields: Fields) =>
  known(Object.entries(fields).map(async ([name, field]) => [name, await answerTo(prometheus, field)] as const));

export async function known(fields: readonly Promise<readonly [name: string, Known<unknown>]>[]) {
  const answered = await Promise.all(fields);
  const reasons = answered.flatMap(([name, field]) => ("reason" in field ? [[name, field.reason]] : []));
  return {
    ...Object.fromEntries(answered.map(([name, field]) => [name, "value" in field ? field.value : null])),
    ...(reasons.length === 0 ? {} : { reasons: Object.fromEntries(reasons) }),
  };
}

export const unmeasured = "Nothing in this environment measures it.";

async function answerTo(prometheus: Backend | undefined, field: Field): Promise<Known<unknown>> {
  if ("reason" in field) return field;
  const rows = await query(prometheus, field.expr);
  if ("reason" in rows) return rows;
  const value = (field.shown ?? one)(rows.value);
  return value === undefined ? { reason: unmeasured } : { value };
}
