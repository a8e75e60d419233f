// What a `Cache-Control` header says (RFC 9111, 5.2), of a client or of an upstream.

/** Directive, in lower case -> its argument, empty where it has none. Of a directive that stands there twice the first counts. */
export function directivesOf(header: string | undefined): ReadonlyMap<string, string> {
  const said = new Map<string, string>();
  if (header === undefined) return said;
  for (const [, name = "", quoted, plain = ""] of header.matchAll(directive)) {
    const directive = name.toLowerCase();
    if (!said.has(directive)) said.set(directive, quoted ?? plain);
  }
  return said;
}

const directive = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?/g;

/** An age as a directive's argument; what is none is over at once. */
export const secondsOf = (argument: string): number => (/^\d+$/.test(argument) ? Number(argument) : 0);
