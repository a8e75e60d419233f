// An invalidation as data: what it covers, how two are merged, and how it travels to other processes.

export interface Change {
  readonly names: readonly string[];
  readonly tags: readonly string[];
  readonly patterns: readonly string[];
  /** Everything. */
  readonly all: boolean;
  /** Caching is switched on or off for every process. */
  readonly off?: boolean;
}

export const nothing: Change = { names: [], tags: [], patterns: [], all: false };
export const everything: Change = { ...nothing, all: true };

/** Both; one that has become too long to remember covers everything. */
export function merge(one: Change, other: Change, most = 10_000): Change {
  const off = other.off ?? one.off;
  const rest = off === undefined ? {} : { off };
  if (one.all || other.all) return { ...everything, ...rest };
  const names = union(one.names, other.names);
  const tags = union(one.tags, other.tags);
  const patterns = union(one.patterns, other.patterns);
  if (names.length + tags.length + patterns.length > most) return { ...everything, ...rest };
  return { names, tags, patterns, all: false, ...rest };
}

const union = (one: readonly string[], other: readonly string[]): readonly string[] =>
  one.length === 0 ? other : other.length === 0 ? one : [...new Set([...one, ...other])];

export const isEmpty = ({ names, tags, patterns, all, off }: Change): boolean =>
  !all && off === undefined && names.length + tags.length + patterns.length === 0;

/** Whether an entry with this name and these tags is covered. What is switched off keeps nothing. */
export const touches = (change: Change, name: string, tags: readonly string[]): boolean =>
  change.all ||
  change.off === true ||
  change.names.includes(name) ||
  tags.some((tag) => change.tags.includes(tag)) ||
  change.patterns.some((pattern) => covers(pattern, name));

/** `a:*:c|d` covers `a:b:c`: whole segments, with alternatives; the same as in the library. */
export function covers(pattern: string, name: string): boolean {
  const [parts, segments] = [pattern.split(":"), name.split(":")];
  return (
    parts.length === segments.length &&
    parts.every((part, index) => part === "*" || part.split("|").includes(segments[index] ?? ""))
  );
}

export const encode = ({ names, tags, patterns, all, off }: Change): string =>
  JSON.stringify([names, tags, patterns, all ? 1 : 0, ...(off === undefined ? [] : [off ? 1 : 0])]);

/** What cannot be read, as anybody may have sent it, covers everything. */
export function decode(text: string): Change {
  try {
    const [names, tags, patterns, all, off] = JSON.parse(text) as [string[], string[], string[], number, number?];
    if ([names, tags, patterns].every(Array.isArray))
      return { names, tags, patterns, all: all === 1, ...(off === undefined ? {} : { off: off === 1 }) };
  } catch {}
  return everything;
}
