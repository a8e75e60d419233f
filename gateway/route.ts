// What the gateway knows of a route: data, without an address.

export interface Route {
  /** The template, the same at the upstream: `/patients/:id`. The gateway serves it below `/api`. */
  readonly path: string;
  /** HEAD comes with GET. */
  readonly methods: readonly ("GET" | "POST" | "PUT" | "PATCH" | "DELETE")[];
  /** The name of the service that answers. */
  readonly upstream: string;
}

/** What the gateway puts before each path. */
export const prefix = "/api";
