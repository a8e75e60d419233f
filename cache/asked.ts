// One value that is asked for: what every part of a read knows of it.
import { CacheError, cacheError } from "./errors.ts";
import type { Parameters } from "./names.ts";
import type { Plan, Scalar } from "./policy.ts";
import type { Counts } from "./statistics.ts";

export interface Asked {
  readonly plan: Plan;
  readonly counts: Counts;
  /** Known in this process only. */
  readonly key: string;
  /** Asked for only when the process has no value of its own. */
  parameters(): Parameters;
}

/** The same for the same entry, however its identifiers are written; each with its length before it, so that no two entries have one. */
export function keyOf({ name, parameters }: Plan, id: unknown): string {
  if (typeof id === "string" || typeof id === "number") return name + partOf(id);
  let key = name;
  for (const parameter of parameters) key += partOf((id as Readonly<Record<string, unknown>> | null)?.[parameter]);
  return key;
}

/** What is no identifier is refused where it is not found, so nothing must be found by it. */
function partOf(value: unknown): string {
  const text = typeof value === "number" ? `${value}` : value;
  return typeof text === "string" ? `:${text.length}:${text}` : `;${text}`;
}

/** Throws a CacheError that names every parameter without a value, or when there is a value and no parameter. */
export function parametersOf({ name, parameters }: Plan, id: unknown): Parameters {
  if (parameters.length === 1 && (typeof id === "string" || typeof id === "number") && id !== "") return () => id;
  // As it is now: the caller may use the object again for another.
  const given: Readonly<Record<string, Scalar>> = typeof id === "object" && id !== null ? { ...id } : {};
  if (parameters.length === 0 && typeof id !== "object" && id !== undefined)
    throw cacheError(`policy ${name}`, "its key has no identifier", "Give null.");
  const problems = parameters
    .filter((parameter) => !["string", "number"].includes(typeof given[parameter]) || given[parameter] === "")
    .map((parameter) => ({
      where: `policy ${name}`,
      what: `{${parameter}} has no value`,
      remedy: `Give ${parameters.join(" and ")} as text or number.`,
    }));
  if (problems.length > 0) throw new CacheError(problems);
  return (parameter) => given[parameter] ?? "";
}
