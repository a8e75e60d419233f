// What the Docker stand-in does with one kind of resource, and how the provider's words are read.
import type { Unwrap } from "@pulumi/pulumi";

export type Properties = Record<string, unknown>;

/** Properties as they arrive, all of them given. */
export type Given<T> = { readonly [K in keyof T]-?: Exclude<Unwrap<T[K]>, undefined> };

export interface Kind {
  /** The id, and what the engine has made of the inputs. */
  readonly create: (inputs: never) => Promise<{ readonly id: string; readonly read: Properties }>;
  readonly remove?: (id: string, olds: never) => Promise<void>;
  /** Properties that change in place; another one makes a new object. */
  readonly inPlace?: readonly string[];
  readonly update?: (id: string, news: never) => Promise<Properties>;
}

interface Label {
  readonly label: string;
  readonly value: string;
}

export const asLabels = (labels: readonly Label[]): Readonly<Record<string, string>> =>
  Object.fromEntries(labels.map(({ label, value }) => [label, value]));

export const labelled = (labels: unknown): readonly Label[] =>
  Object.entries(labels as Readonly<Record<string, string>>).map(([label, value]) => ({ label, value }));
