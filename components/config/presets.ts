// Data sheets of well-known vendors: what to ask that costs nothing and touches no patient's data, and where they say how they are.

interface Sheet {
  /** What it asks, for people. */
  readonly says: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** How a credential is sent; and where none is, that the other side asks for one is what is wanted. */
  readonly withKey?: Readonly<Record<string, unknown>>;
  readonly withoutKey?: Readonly<Record<string, unknown>>;
  /** Put on a `url` that has no path of its own; `{name}` is one of the entry's `params`, as in the user of a login. */
  readonly path?: string;
}

const minute = { interval: "60s" } as const;

/** Sources: the vendors' public API and status pages; every value can be replaced in the entry. */
export const presets = {
  supabase: {
    says: "health of the project's auth service; url: https://PROJECT.supabase.co",
    path: "/auth/v1/health",
    values: {
      ...minute,
      probe: "http",
      login: { as: "header", header: "apikey" },
      feed: { kind: "statuspage", url: "https://status.supabase.com/api/v2/summary.json" },
    },
  },
  "supabase-table": {
    says: "one id of a table over REST; url: https://PROJECT.supabase.co, params: table",
    path: "/rest/v1/{table}?select=id&limit=1",
    values: {
      ...minute,
      probe: "http",
      login: { as: "header", header: "apikey" },
      feed: { kind: "statuspage", url: "https://status.supabase.com/api/v2/summary.json" },
    },
  },
  twilio: {
    says: "the account's own record, or without a credential that the API asks for one; params: account",
    path: "/2010-04-01/Accounts/{account}.json",
    values: {
      ...minute,
      probe: "http",
      url: "https://api.twilio.com",
      feed: { kind: "statuspage", url: "https://status.twilio.com/api/v2/summary.json" },
    },
    withKey: { login: { as: "basic", user: "{account}" } },
    withoutKey: { expectStatus: [200, 401] },
  },
  stripe: {
    says: "that the API answers, with a credential that it takes it, without one that it asks for one",
    path: "/v1/balance",
    values: {
      ...minute,
      probe: "http",
      url: "https://api.stripe.com",
      feed: { kind: "statuspage", url: "https://www.stripestatus.com/api/v2/summary.json" },
    },
    withoutKey: { expectStatus: [200, 401] },
  },
  google: {
    says: "the document by which clients find Google's login",
    values: {
      ...minute,
      probe: "http",
      url: "https://accounts.google.com/.well-known/openid-configuration",
      expect: { body: [{ path: "$.issuer", equals: "https://accounts.google.com" }] },
      feed: { kind: "google", url: "https://status.cloud.google.com/incidents.json", interval: "120s" },
    },
  },
  modmed: {
    says: "the FHIR capability statement, which holds no patient's data; url: https://HOST/…/fhir/v2/metadata",
    path: "/metadata",
    values: {
      ...minute,
      probe: "http",
      login: { as: "header", header: "x-api-key" },
      headers: { accept: "application/fhir+json" },
      expect: { body: [{ path: "$.resourceType", equals: "CapabilityStatement" }] },
      budget: { callsPerMinute: 12 },
    },
  },
  http: { says: "that a page answers 200; url", values: { probe: "http" } },
  tcp: { says: "that a connection can be opened; address", values: { probe: "tcp" } },
  tls: { says: "that a trusted certificate is shown; address", values: { probe: "tls" } },
  dns: { says: "that a name resolves; host", values: { probe: "dns" } },
  postgres: { says: "that PostgreSQL accepts connections, without a login; address", values: { probe: "postgres" } },
  redis: { says: "PING; address", values: { probe: "redis" } },
} as const satisfies Readonly<Record<string, Sheet>>;

/** The entry with its preset's values under its own ones. What is no preset, or lacks a param, is told. */
export function withPreset(entry: unknown, context: { readonly addIssue: (issue: Issue) => void }): unknown {
  if (typeof entry !== "object" || entry === null || !("preset" in entry)) return entry;
  const { preset } = entry;
  const tell = (message: string, ...path: string[]) =>
    context.addIssue({ code: "custom", message, path, input: entry });
  if (typeof preset !== "string" || !Object.hasOwn(presets, preset)) {
    tell(`must be one of: ${Object.keys(presets).join(", ")}`, "preset");
    return entry;
  }
  const { values, withKey, withoutKey, path } = presets[preset as keyof typeof presets] as Sheet;
  const hasKey = "credentialSecret" in entry || "credentialFile" in entry;
  const params = ("params" in entry ? entry.params : {}) as Readonly<Record<string, unknown>>;
  const filled = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
      if (typeof params?.[name] !== "string") tell("is what this preset needs", "params", name);
      return encodeURIComponent(String(params?.[name]));
    });
  const sheet: Readonly<Record<string, unknown>> = { ...values, ...(hasKey ? withKey : withoutKey) };
  const login = isBasic(sheet.login) ? { login: { ...sheet.login, user: filled(sheet.login.user) } } : {};
  const merged: Readonly<Record<string, unknown>> = { ...sheet, ...login, ...entry };
  if (path === undefined || typeof merged.url !== "string" || !isBare(merged.url)) return merged;
  return { ...merged, url: new URL(filled(path), merged.url).href };
}

type Issue = {
  readonly code: "custom";
  readonly message: string;
  readonly path: string[];
  readonly input: unknown;
};

const isBasic = (login: unknown): login is { readonly user: string } =>
  typeof login === "object" && login !== null && "user" in login && typeof login.user === "string";

/** A URL that names only a host gets the sheet's path. */
function isBare(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { pathname, search } = new URL(url);
  return pathname === "/" && search === "";
}
