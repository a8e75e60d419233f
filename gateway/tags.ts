// What an answer speaks of, as tags of the cache; and which of them a change makes invalid.
import type { Tag } from "../cache/index.ts";
import { fieldsOf, type Resource } from "../records/resource.ts";
import type { Row } from "./content.ts";
import type { Route } from "./route.ts";

/** What is asked of a route. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

/*
 * A list holds the records that have one of some values in some field (one of the values that its filters ask for, or its parent's), or
 * all of a resource. A change concerns the lists of the value that the record has now. It had the same before, unless
 * the change names the field: then it may have come from any, and every list by that field is concerned.
 */
const kinds = (name: string) =>
  ({
    every: `${name}-every`,
    any: `${name}-any`,
    by: (field: string) => `${name}-by-${field}`,
    moved: (field: string) => `${name}-moved-${field}`,
  }) as const;

/** Beyond so many, an answer gives way to any change of its resource. */
const mostTags = 200;
/** A list of so many days is found by its days; they tell more than any other value. */
const mostDays = 31;
const dayMs = 86_400_000;

export function tagsOf(route: Route, asked: Asked): readonly Tag[] {
  const { resource } = route.operation;
  const { every, any, by, moved } = kinds(resource.name);
  const found = valuesOf(route, asked);
  if (found === undefined || found.values.length > mostTags)
    return [
      [every, "all"],
      [any, "all"],
    ];
  const { field, values } = found;
  return [[every, "all"], [moved(field), "all"], ...values.map((value): Tag => [by(field), value])];
}

/** Kind -> member. `record`: as it is after the change; undefined when nobody knows how the change went. */
export function changedBy(
  { operation: { kind, resource } }: Route,
  body: Row,
  record: Row | undefined,
): Readonly<Record<string, string | number>> {
  const { every, any, by, moved } = kinds(resource.name);
  if (record === undefined) return { [every]: "all" };
  const named = kind === "replace" ? resource.fields : kind === "change" ? body : {};
  const changed: Record<string, string | number> = { [any]: "all" };
  for (const field of narrowing(resource)) {
    const member = memberOf(resource, field, record[field]);
    if (member === undefined || field in named) changed[moved(field)] = "all";
    if (member !== undefined && member !== null) changed[by(field)] = member;
  }
  return changed;
}

interface Values {
  readonly field: string;
  readonly values: readonly (string | number)[];
}

/** What all records of the answer have in common, whichever they are; undefined when that is nothing. */
function valuesOf({ operation: { kind, resource, parent } }: Route, { params, query }: Asked): Values | undefined {
  const ids = (text: string | undefined): readonly string[] => (text ?? "").split(",");
  if (kind === "listByParents") return { field: parent?.field ?? "", values: ids(query.ids) };
  if (kind === "listUnder") return { field: parent?.field ?? "", values: ids(params.id) };
  if (kind !== "list") return { field: "id", values: ids(params.id) };
  const asked = (wanted: string) =>
    Object.entries(resource.filters).find(([name, [, kind]]) => kind === wanted && query[name] !== undefined);
  const [from, before] = [asked("from"), asked("before")];
  const days = from && before && daysOf(query[from[0]], query[before[0]]);
  if (days !== undefined) return { field: from?.[1][0] ?? "", values: days };
  const exact = asked("any");
  return exact && { field: exact[1][0], values: ids(query[exact[0]]) };
}

/** The days (UTC, counted from 1970) that a range touches, if there are few. */
function daysOf(from: string | undefined, before: string | undefined): readonly number[] | undefined {
  const [first, last] = [dayOf(from), dayOf(before)];
  // Also false when one of them is not a number.
  if (!(last - first < mostDays)) return undefined;
  return Array.from({ length: Math.max(0, last - first) + 1 }, (_, index) => first + index);
}

const dayOf = (instant: unknown): number => Math.floor(Date.parse(String(instant)) / dayMs);

/** The fields by whose values records can be had. */
const narrowing = ({ filters }: Resource): ReadonlySet<string> =>
  new Set(["id", ...Object.values(filters).flatMap(([field, kind]) => (kind === "prefix" ? [] : [field]))]);

/** What a list that the value belongs to is known by; null: it belongs to none, undefined: nobody knows. */
function memberOf(resource: Resource, field: string, value: unknown): string | number | null | undefined {
  if (value === null) return null;
  if (fieldsOf(resource)[field]?.type === "timestamp") {
    const day = dayOf(value);
    return Number.isNaN(day) ? undefined : day;
  }
  if (typeof value === "boolean") return `${value}`;
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}
