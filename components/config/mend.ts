// A configuration with mistakes in it -> one that can be read on: what does not fit together is told beside what is malformed.
import { z } from "zod";
import { type Settings, shape } from "./settings.ts";

type Key = keyof Settings;

/**
 * What takes the place of a malformed entry, or of its malformed fields: entries keep their positions, and the names by which
 * others know them. Everything that others may rest on is there, so that nothing is told twice.
 */
const entries: Partial<
  Record<Key, { readonly standIn: unknown; readonly others?: readonly unknown[]; readonly name?: string }>
> = {
  integrations: {
    name: "name",
    standIn: { name: "x", probe: "tcp", address: "localhost:1" },
    others: [
      { name: "x", probe: "http", url: "http://localhost" },
      { name: "x", probe: "dns", host: "localhost" },
    ],
  },
  databases: { name: "id", standIn: { id: "x", kind: "postgres", address: "localhost:1", user: "x" } },
  services: {
    name: "name",
    standIn: { name: "x", owner: "x", metrics: { address: "localhost:1" }, slo: { availability: 0.9 } },
  },
  remoteWrite: { name: "name", standIn: { name: "x", url: "http://localhost" } },
  muteWindows: { name: "name", standIn: { name: "x", weekly: {} } },
  alertOverrides: { standIn: {} },
  sizeOverrides: { standIn: {} },
  images: { standIn: "x:0" },
};

/** Scalars whose default would say less: with the demo there are more services, and fewer names that seem to be nobody's. */
const scalars: Partial<Settings> = { demo: true };

export interface Mended {
  readonly settings: Settings;
  /** Lists with an entry that does not say its name: nobody knows what it would have been. */
  readonly nameless: readonly Key[];
}

/** Keeps everything that is well-formed; a setting that cannot be read at all gets its default. */
export function mend(parsed: Readonly<Record<string, unknown>>): Mended {
  const settings = Object.entries(shape.shape).map(([key, field]) => [
    key,
    mendSetting(key as Key, field, parsed[key]),
  ]);
  const nameless = (Object.keys(entries) as Key[]).filter((key) => {
    const [value, name] = [parsed[key], entries[key]?.name];
    return name !== undefined && Array.isArray(value) && value.some((entry) => textAt(entry, name) === "");
  });
  return { settings: Object.fromEntries(settings) as Settings, nameless };
}

function mendSetting(key: Key, field: z.ZodType, value: unknown): unknown {
  const result = field.safeParse(value);
  if (result.success) return result.data;
  const { standIn, others = [], name } = entries[key] ?? {};
  const inner = field instanceof z.ZodDefault ? field.unwrap() : field;
  if (inner instanceof z.ZodArray && Array.isArray(value))
    return value.map((entry) => {
      const mended = mendEntry(inner.element, entry, [standIn, ...others]);
      return name === undefined ? mended : { ...(mended as object), [name]: textAt(entry, name) };
    });
  if (inner instanceof z.ZodRecord && isRecord(value))
    return Object.fromEntries(
      Object.entries(value)
        .filter(([entry]) => z.safeParse(inner.keyType, entry).success)
        .map(([entry, item]) => [entry, mendEntry(inner.valueType, item, [standIn])]),
    );
  return scalars[key] ?? field.safeParse(undefined).data;
}

/** The entry as far as it is well-formed, the rest from the first stand-in that it goes with. */
function mendEntry(schema: z.core.$ZodType, entry: unknown, standIns: readonly unknown[]): unknown {
  const result = z.safeParse(schema, entry);
  if (result.success) return result.data;
  if (!isRecord(entry)) return z.parse(schema, standIns[0]);
  const malformed = result.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [String(issue.path[0])],
  );
  const kept = Object.fromEntries(Object.entries(entry).filter(([field]) => !malformed.includes(field)));
  for (const standIn of standIns.filter(isRecord)) {
    const patched = z.safeParse(schema, { ...standIn, ...kept });
    if (patched.success) return patched.data;
  }
  return z.parse(schema, standIns[0]);
}

const textAt = (entry: unknown, field: string): string => {
  const text = isRecord(entry) ? entry[field] : undefined;
  return typeof text === "string" ? text : "";
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
