// The order in which services are registered: each after all that it waits for.
import type { ServiceName } from "../spec.ts";

interface Ordered {
  readonly service: ServiceName;
  readonly after: readonly ServiceName[];
}

/** The same services in that order. The stack has checked that there is no cycle. */
export function inOrder<T extends Ordered>(services: readonly T[]): readonly T[] {
  const byName = new Map(services.map((each) => [each.service, each]));
  const ordered = new Set<T>();
  const visit = (each: T): void => {
    for (const name of each.after) {
      const other = byName.get(name);
      if (other !== undefined && !ordered.has(other)) visit(other);
    }
    ordered.add(each);
  };
  services.forEach(visit);
  return [...ordered];
}
