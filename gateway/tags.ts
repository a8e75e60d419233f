// What an answer speaks of, as tags of the cache; and which of them a change makes invalid.
import type { Tag } from "../cache/index.ts";
import { parentsOf } from "../records/operations.ts";
import type { Row } from "./content.ts";
import type { Route } from "./route.ts";

/** What is asked of a route. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

/** Every answer about a resource; those that any change of it may change; one record; the records of one parent. */
const kinds = (name: string) =>
  ({
    every: `${name}-every`,
    any: `${name}-any`,
    one: name,
    under: (parent: string) => `${name}-of-${parent}`,
  }) as const;

/** Beyond so many, an answer gives way to any change of its resource. */
const mostTags = 200;

export function tagsOf(
  { operation: { kind, resource, parent } }: Route,
  asked: Asked,
  records: readonly Row[],
): readonly Tag[] {
  const { every, any, one, under } = kinds(resource.name);
  const all: Tag = [every, "all"];
  const anyChange: readonly Tag[] = [all, [any, "all"]];
  if (kind === "list") return anyChange;
  const parents =
    parent === undefined ? [] : kind === "listByParents" ? (asked.query.ids ?? "").split(",") : [asked.params.id ?? ""];
  const tags: readonly Tag[] = [
    all,
    ...parents.map((id): Tag => [under(parent?.name ?? ""), id]),
    ...records.map(({ id }): Tag => [one, Number(id)]),
  ];
  return tags.length > mostTags ? anyChange : tags;
}

/** Kind -> member. `record`: as it is after the change; undefined when nobody knows how the change went. */
export function changedBy(
  { operation: { resource } }: Route,
  record: Row | undefined,
): Readonly<Record<string, string | number>> {
  const { every, any, one, under } = kinds(resource.name);
  if (record === undefined) return { [every]: "all" };
  const parents = parentsOf(resource).flatMap(({ name, field }) => {
    const id = record[field];
    return typeof id === "number" ? [[under(name), id] as const] : [];
  });
  return { [any]: "all", [one]: Number(record.id), ...Object.fromEntries(parents) };
}
