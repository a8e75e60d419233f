// What an upstream answered, taken out of its own envelope: data that every version and GraphQL make theirs of.
import { hash as digest } from "node:crypto";
import type { Operation } from "../records/operations.ts";

/** Plain data, so that it can be kept in Redis. */
export interface Content {
  /** A record, a list of records, or a list of `{ id, items }`, as JSON text. */
  readonly data: string;
  readonly count: number;
  readonly page?: { readonly total: number; readonly page: number; readonly limit: number };
  /** When the upstream answered, ISO 8601. */
  readonly at: string;
  /** The same for the same data. */
  readonly hash: string;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Parsed {
  readonly content: Content;
  /** Every record that stands in it. */
  readonly records: readonly Row[];
}

/** Records are nearly flat. What is as deep as a parser takes it can't be written again: that takes more of the stack. */
const mostDepth = 16;

/** Undefined when the text is not what the operation answers. */
export function parseContent({ shape }: Operation, text: string, now = new Date()): Parsed | undefined {
  const body = parse(text);
  if (body === undefined || !isShallow(body, mostDepth)) return undefined;
  const of = (data: unknown, records: readonly Row[], page?: Content["page"]): Parsed => {
    const json = JSON.stringify(data);
    const hash = digest("sha256", json + JSON.stringify(page ?? null), "base64url").slice(0, 22);
    const count = Array.isArray(data) ? data.length : 1;
    return { content: { data: json, count, ...(page && { page }), at: now.toISOString(), hash }, records };
  };
  if (shape === "record") return of(body, [body]);
  if (shape === "groups") {
    const groups = rowsOf(body.groups);
    return (
      groups &&
      of(
        groups,
        groups.flatMap(({ items }) => rowsOf(items) ?? []),
      )
    );
  }
  const { items, total, page, limit } = body as { readonly [name: string]: number };
  const rows = rowsOf(items);
  const counted =
    [total, page, limit].every(Number.isSafeInteger) && Math.min(Number(total) + 1, Number(page), Number(limit)) >= 1;
  if (rows === undefined || !counted) return undefined;
  return of(rows, rows, { total, page, limit } as Content["page"]);
}

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);
const rowsOf = (value: unknown): readonly Row[] | undefined =>
  Array.isArray(value) && value.every(isRow) ? value : undefined;

const isShallow = (value: unknown, levels: number): boolean =>
  typeof value !== "object" ||
  value === null ||
  (levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1)));

function parse(text: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
