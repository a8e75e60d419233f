// The texts of the statements that have series, stripped of literals, for people with a token. Off unless it is configured.
import { json, type Page, problem } from "../exporter.ts";
import { withoutLiterals } from "./literals.ts";
import type { PostgresContext } from "./postgres/connection.ts";
import { extensionOf, listedIds } from "./postgres/statements.ts";

interface Text {
  readonly queryid: string;
  readonly query: string;
}

/** `pg_stat_statements(true)` reads all texts from the server's disk: it is asked only here, when a person asks. */
export async function statementTexts(context: PostgresContext): Promise<Page> {
  const ids = listedIds(context.identity).filter((id) => /^-?\d+$/.test(id));
  const extension = await extensionOf(context);
  if (extension === undefined || ids.length === 0) return json({ statements: [] });
  const rows = await context.query<Text>(`
    select distinct on (queryid) queryid::text as queryid, query from ${extension.schema}.pg_stat_statements(true)
     where queryid in (${ids.join(", ")}) order by queryid`);
  const texts = new Map(rows.map(({ queryid, query }) => [queryid, withoutLiterals(query ?? "")]));
  return json({
    statements: ids.flatMap((queryid) => (texts.has(queryid) ? [{ queryid, text: texts.get(queryid) }] : [])),
  });
}

export const noSuchDatabase = (): Page =>
  problem(404, "There is no such database, or the texts of its statements are switched off.");
