// The expressions that every reader of requests needs: all of them, and those that failed, whatever the client calls its status label.
import { type Expr, type LabelOf, promql, type Range, rate } from "./promql.ts";

type Requests = LabelOf<"http_requests_total">;

/** Requests per second, of one job or of all. */
export const allRequests = (range: Range, job?: string): Expr<Requests> =>
  rate("http_requests_total", range, job === undefined ? {} : { job });

/**
 * Those among them that ended with a server error. A series has one of the three labels; `or` keeps one that has two from being
 * counted twice.
 */
export function failedRequests(range: Range, job?: string): Expr<Requests> {
  const of = job === undefined ? {} : { job };
  const failed = { matches: "5.." };
  return promql`${rate("http_requests_total", range, { ...of, code: failed })} or ${rate("http_requests_total", range, { ...of, status: failed })} or ${rate("http_requests_total", range, { ...of, status_code: failed })}`;
}
