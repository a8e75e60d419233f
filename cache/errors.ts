// What a programmer is told when the cache is used wrongly: where, what, and what to do. A Redis that is away is never told this way.

export class CacheError extends Error {
  constructor(problems: readonly CacheProblem[]) {
    super(problems.map(({ where, what, remedy }) => `${where}: ${what}\n  -> ${remedy}`).join("\n"));
    this.name = "CacheError";
  }
}

export interface CacheProblem {
  readonly where: string;
  readonly what: string;
  readonly remedy: string;
}

/** One problem as an error. */
export const cacheError = (where: string, what: string, remedy: string): CacheError =>
  new CacheError([{ where, what, remedy }]);
