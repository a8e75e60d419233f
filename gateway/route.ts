// What the gateway knows of a route: data, without an address.
import type { Operation } from "../records/operations.ts";

/** What callers are to the platform; the token of each names one or more. */
export const roles = ["manager", "clinician", "front-desk", "billing", "stock"] as const;
export type Role = (typeof roles)[number];

export interface Route {
  readonly operation: Operation;
  /** The name of the service that answers. */
  readonly upstream: string;
  /** Who may: any of them. */
  readonly roles: readonly Role[];
  /** Fields that had another name in version 1: the name of now -> the name of then. */
  readonly formerNames: Readonly<Record<string, string>>;
  /** How long an answer is kept; a route without it is asked each time. */
  readonly cache?: RouteCache;
  /** Nothing of its resource is kept: a change of it makes nothing invalid. */
  readonly uncached?: true;
}

/** The route when nothing of its resource is to be kept. */
export function withoutCache({ cache: _cache, ...route }: Route): Route {
  return { ...route, uncached: true };
}

export interface RouteCache {
  /** Seconds. */
  readonly ttl: number;
  /** Whether the stored form is encrypted: it speaks of a patient. */
  readonly encrypted: boolean;
}

/** What the gateway puts before each path. */
export const prefix = "/api";

const names = new WeakMap<Route, string>();

/** A route's name, as a metric and a key show it: `/patients/:id/appointments` -> `patients-appointments`. */
export function routeName(route: Route): string {
  const known = names.get(route);
  if (known !== undefined) return known;
  const name = route.operation.path
    .slice(1)
    .replace(/\/:id$/, "-one")
    .replace("/:id/", "-")
    .replaceAll("/", "-");
  names.set(route, name);
  return name;
}
