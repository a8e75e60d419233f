// What there is one of for each method and status of an answer, such as a series: made once, found again.
import { httpMethods } from "./catalogue/http.ts";

export type Method = (typeof httpMethods)[number];

/** Answers have as many statuses as HTTP has numbers for them. */
export function perOutcome<T>(make: (method: Method, status: number) => T): (method: Method, status: number) => T {
  const made = new Map(httpMethods.map((method) => [method, new Map<number, T>()]));
  return (method, status) => {
    const known = made.get(method);
    const found = known?.get(status);
    if (found !== undefined) return found;
    const first = make(method, status);
    known?.set(status, first);
    return first;
  };
}
