// A statement's text without anything that somebody put into it: literals, comments, odd names. What is not known to be harmless goes.

/** Statements whose shape is worth reading. Of any other, which may carry a password or a value anywhere, only the command is told. */
const readable = /^(?:select|insert|update|delete|merge|with|values|table)\b/i;
const objects =
  /^(?:table|index|view|materialized|role|user|database|function|procedure|extension|schema|sequence|trigger|type|policy|publication|subscription|transaction|prepared|all)$/i;
const longest = 2_000;

/** A string goes on in another literal on a later line, by the rules of the first. */
const goesOn = String.raw`(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:\s|--[^\n\r]*[\n\r])*'`;
const escaped = String.raw`'(?:(?:[^'\\]|\\[\s\S]?|'')*(?:'${goesOn})?)*(?:'|$)`;
const plain = /'(?:[^']|'')*(?:'|$)/y;
const ifEscaped = /'(?:[^'\\]|\\[\s\S]?|'')*(?:'|$)/y;

/** In this order; a quote that nothing ends reaches to the end, and so does a `$` that is neither a parameter nor a quote. */
const parts = [
  /--[^\n\r]*/y,
  /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$(?:[\s\S]*?\$\1\$|[\s\S]*)/y,
  new RegExp(`[eE]${escaped}`, "y"),
  /(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)/y,
  /(?:[uU]&)?"(?:[^"]|"")*(?:"|$)/y,
  /\$\d+/y,
  /\$[\s\S]*/y,
  /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y,
  /\.?\d[\w.]*/y,
  /\s+/y,
] as const;

export function withoutLiterals(text: string): string {
  const bare = tokens(text).join("").replaceAll(/\s+/g, " ").trim();
  if (!readable.test(bare)) return command(bare);
  // Lists of any length are the same statement.
  return bare.replaceAll(/\((?: ?(?:\$\d+|\?) ?,)+ ?(?:\$\d+|\?) ?\)/g, "(?)").slice(0, longest);
}

function tokens(text: string): readonly string[] {
  const kept: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text.startsWith("/*", at)) {
      at = endOfComment(text, at);
      kept.push(" ");
      continue;
    }
    const found = parts.map((part) => matchAt(part, text, at)).find((each) => each !== undefined);
    const token = found ?? text[at] ?? "";
    kept.push(shown(token));
    if (endsElsewhere(token, text, at)) return kept;
    at += token.length;
  }
  return kept;
}

/** With `standard_conforming_strings` off, which no text tells, this string would end elsewhere: what follows may be a part of it. */
function endsElsewhere(token: string, text: string, at: number): boolean {
  const quote = /^(?:[bBxXnN]|[uU]&)?(?=')/.exec(token)?.[0].length;
  if (quote === undefined) return false;
  return matchAt(plain, text, at + quote) !== matchAt(ifEscaped, text, at + quote);
}

function matchAt(part: RegExp, text: string, at: number): string | undefined {
  part.lastIndex = at;
  return part.exec(text)?.[0];
}

function shown(token: string): string {
  if (token.startsWith("--")) return " ";
  if (/^\$\d+$/.test(token)) return token;
  if (/^"[A-Za-z_]\w*"$/.test(token)) return token;
  if (/["']/.test(token) || /^\.?\d/.test(token) || token.startsWith("$")) return "?";
  return token;
}

/** Comments of SQL nest. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith("/*", at)) depth++;
    else if (text.startsWith("*/", at) && --depth === 0) return at + 2;
    else continue;
    at++;
  }
  return text.length;
}

function command(bare: string): string {
  const [first = "", second = ""] = bare.split(" ", 2);
  const verb = /^[a-z]{2,20}$/i.test(first) ? first : "?";
  return objects.test(second) ? `${verb} ${second} …` : `${verb} …`;
}
