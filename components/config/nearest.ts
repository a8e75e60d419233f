// The names that a misspelt one is close to.

/** "Did you mean …?" when one valid name is at most two edits away. */
export function nearest(name: string, valid: readonly string[]): string | undefined {
  const close = near(name, valid);
  return close.length === 0 ? undefined : `Did you mean ${close.join(" or ")}?`;
}

export const near = (name: string, valid: readonly string[]): readonly string[] =>
  valid.filter((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2);

/** Levenshtein's edit distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[right.length] ?? 0;
}
