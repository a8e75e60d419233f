// What a process has heard of invalidations, in the terms of the marks in Redis: so an entry can be judged without asking for them.
import { type Change, covers } from "./change.ts";
import { tagsOf } from "./entry.ts";

export interface Heard {
  /** From this sequence on everything is heard; of what was before, nothing is known. */
  begin(sequence: number): void;
  /** The change that was announced with this sequence. */
  add(change: Change, sequence: number): void;
  /** True: nothing that covers an entry of this sequence was invalidated since. False: perhaps something was. */
  leaves(sequence: number, name: string, tags: () => string): boolean;
}

/** Beyond these, what was heard is forgotten, and older entries are judged by Redis. */
const most = { tags: 10_000, patterns: 64 } as const;

export function createHeard(): Heard {
  const tagged = new Map<string, number>();
  let patterns: { readonly pattern: string; readonly sequence: number }[] = [];
  let since = Number.POSITIVE_INFINITY;
  let latest = since;
  const begin = (sequence: number): void => {
    tagged.clear();
    patterns = [];
    since = sequence;
    latest = sequence;
  };
  return {
    begin,
    add: (change, sequence) => {
      const { tags } = change;
      if (
        change.all ||
        tagged.size + tags.length > most.tags ||
        patterns.length + change.patterns.length > most.patterns
      )
        return begin(sequence);
      latest = sequence;
      for (const tag of tags) tagged.set(tag, sequence);
      for (const pattern of change.patterns) patterns.push({ pattern, sequence });
    },
    // A key's invalidation takes the entry itself away.
    leaves: (sequence, name, tags) =>
      sequence >= latest ||
      (sequence >= since &&
        tagsOf(tags()).every((tag) => (tagged.get(tag) ?? 0) <= sequence) &&
        patterns.every((mark) => mark.sequence <= sequence || !covers(mark.pattern, name))),
  };
}
