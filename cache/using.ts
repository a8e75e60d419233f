// Cache-aside in one line: a method whose results are kept, and records that are read through the cache and saved past it.
import type { Cache, Invalidated, Target } from "./cache.ts";
import type { IdOf, Policies, ValueOf } from "./policy.ts";

export interface RepositoryOptions<P extends Policies, Name extends keyof P & string, V> {
  readonly load: (id: IdOf<P[Name]>) => Promise<V>;
  readonly save: (id: IdOf<P[Name]>, value: V) => Promise<void>;
  /** What a saved record makes invalid; default: the record alone. */
  readonly invalidates?: (id: IdOf<P[Name]>, value: V) => Target<P>;
}

export interface Repository<Id, V> {
  find(id: Id): Promise<V>;
  /** Saves as `cache.save` does. */
  save(id: Id, value: V): Promise<Invalidated>;
}

export interface Using<P extends Policies> {
  /**
   * A method's decorator (the standard's): `@Cacheable("patient", (id: number) => id)`. Its result is kept under the identifiers
   * that `idFrom` makes of its arguments.
   */
  Cacheable<Name extends keyof P & string, Args extends readonly unknown[]>(
    policy: Name,
    idFrom: (...args: Args) => IdOf<P[Name]>,
  ): <This, V extends ValueOf<P[Name]>>(
    method: (this: This, ...args: Args) => Promise<V>,
    context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => Promise<V>>,
  ) => (this: This, ...args: Args) => Promise<V>;
  repository<Name extends keyof P & string, V extends ValueOf<P[Name]>>(
    policy: Name,
    options: RepositoryOptions<P, Name, V>,
  ): Repository<IdOf<P[Name]>, V>;
}

export function using<P extends Policies>(cache: Cache<P>): Using<P> {
  return {
    Cacheable: (policy, idFrom) => (method) =>
      function (...args) {
        return cache.wrap(policy, idFrom(...args), () => method.call(this, ...args));
      },
    repository: (policy, { load, save, invalidates }) => ({
      find: (id) => cache.wrap(policy, id, () => load(id)),
      save: (id, value) => cache.save(policy, id, value, () => save(id, value), invalidates?.(id, value)),
    }),
  };
}
