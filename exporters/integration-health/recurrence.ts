// Which kinds of failure come again: one alone says little, two of the last four do, however far apart they lie.

const [looked, needed] = [4, 2];

/** Takes how each try ended, undefined for well; gives the kinds of failure that come again. */
export function recurrence<K extends string>(): (kind: K | undefined) => ReadonlySet<K> {
  let last: readonly (K | undefined)[] = [];
  return (kind) => {
    last = [...last, kind].slice(-looked);
    return new Set(
      last.filter((each) => each !== undefined && last.filter((other) => other === each).length >= needed),
    ) as Set<K>;
  };
}
