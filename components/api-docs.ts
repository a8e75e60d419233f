// The page that shows an OpenAPI document to people: Swagger UI out of its package, from our own origin alone.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export interface DocsPart {
  readonly contentType: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface DocsOptions {
  readonly title: string;
  /** Path of the OpenAPI document on the same origin. */
  readonly document: string;
}

/** Swagger UI draws its icons as data URLs and sets styles; it neither loads nor tells anything elsewhere. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Path -> what it answers, for `/docs` and the files below it. Each is read when it is asked for. */
export function apiDocs({ title, document }: DocsOptions): Readonly<Record<string, () => Promise<DocsPart>>> {
  const part = (type: string, body: string, age = 0): DocsPart => ({
    contentType: `${type}; charset=utf-8`,
    body,
    headers: {
      "content-security-policy": policy,
      "referrer-policy": "no-referrer",
      ...(age === 0 ? {} : { "cache-control": `max-age=${age}` }),
    },
  });
  const vendored = (type: string, file: string) => async () => part(type, await packaged(file), 3_600);
  return {
    "/docs": async () => part("text/html", page(title, document)),
    "/docs/start.js": async () => part("text/javascript", start(document)),
    "/docs/swagger-ui.js": vendored("text/javascript", "swagger-ui-bundle.js"),
    "/docs/swagger-ui.css": vendored("text/css", "swagger-ui.css"),
  };
}

const packaged = (file: string): Promise<string> =>
  readFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`)), "utf8");

/** Without `validatorUrl` the document would be sent to a validator of others; a token is forgotten with the page. */
const start = (document: string): string =>
  `SwaggerUIBundle(${JSON.stringify({ url: document, dom_id: "#docs", validatorUrl: null, persistAuthorization: false, deepLinking: false })});\n`;

const page = (title: string, document: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><main id="docs"><noscript>This page needs a script; the document itself is <a href="${document}">here</a>.</noscript></main>
<script src="/docs/swagger-ui.js"></script><script src="/docs/start.js"></script></body></html>
`;
