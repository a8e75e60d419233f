// What the provider does with one kind of resource. Every property comes without its envelope.

export type Json = Record<string, unknown>;

export interface Kind {
  /** The inputs that the engine keeps and hands on, where they are not the program's, and what forbids a change, one text each. */
  readonly check?: (olds: never, news: never) => { readonly inputs?: Json; readonly failures?: readonly string[] };
  readonly diff: (
    olds: never,
    news: never,
    name: string,
  ) => { readonly changes: boolean; readonly replaces?: string[] };
  readonly create: (news: never, name: string) => Promise<Json>;
  readonly update: (news: never, olds: never, name: string) => Promise<Json>;
  readonly remove: (olds: never) => Promise<void>;
}
