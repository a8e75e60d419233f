// Grafana's login through an OpenID provider: what the setting becomes in the ini file, and what it may not say.
import { describe, expect, it } from "vitest";
import { readConfig } from "../components/config.ts";
import { planKubernetes } from "../components/platforms/kubernetes/plan.ts";
import { publicManifest } from "../components/platforms/kubernetes/text.ts";
import { secretsFolder } from "../components/platforms/mounts.ts";
import { describe as describeStack } from "../components/stack.ts";

const provider = {
  authUrl: "https://login.example.com/authorize?prompt=select;x=#1",
  tokenUrl: "https://login.example.com/token",
  apiUrl: "https://api.example.com:8443/userinfo",
  clientId: "vitals",
  clientSecret: "grafanaClientSecret",
  allowedDomains: ["example.com", "example.org"],
};

const read = (grafanaOidc: object | undefined, secretKeys: readonly string[] = ["grafanaClientSecret"]) =>
  readConfig({
    environment: "test",
    values: {
      platform: "kubernetes",
      registry: "registry.example.com/team",
      ...(grafanaOidc === undefined ? {} : { grafanaOidc: JSON.stringify(grafanaOidc) }),
    },
    secretKeys,
  });

const told = (grafanaOidc: object, secretKeys?: readonly string[]) =>
  read(grafanaOidc, secretKeys).problems.map(({ where }) => where);

/** The ini file of a stack with it, by section. */
function iniOf(grafanaOidc?: object) {
  const { config, problems } = read(grafanaOidc, grafanaOidc === undefined ? [] : undefined);
  expect(problems).toEqual([]);
  const plan = planKubernetes(config, describeStack(config, { services: [], has: () => true }), {
    digests: {},
    ownCode: () => "",
  });
  const texts = plan.objects
    .map(publicManifest)
    .flatMap(({ kind, data, metadata }) =>
      kind === "ConfigMap" && metadata.labels?.["app.kubernetes.io/name"] === "grafana"
        ? Object.values(data as Readonly<Record<string, string>>)
        : [],
    );
  const text = texts.find((each) => each.startsWith("[server]")) ?? "";
  const sections = [...text.matchAll(/^\[([^\]]+)\]\n((?:[^[\n].*\n?)*)/gm)].map(
    ([, name = "", lines = ""]) =>
      [
        name,
        Object.fromEntries(
          lines
            .trim()
            .split("\n")
            .map((line) => line.split(/ = (.*)/s).slice(0, 2)),
        ) as Readonly<Record<string, string>>,
      ] as const,
  );
  expect(new Set(sections.map(([name]) => name)).size).toBe(sections.length);
  return { text, sections: Object.fromEntries(sections) };
}

describe("Grafana's login", () => {
  it("is its own form where no provider is named", () => {
    const { sections } = iniOf();
    expect(Object.keys(sections)).not.toContain("auth.generic_oauth");
    expect(sections.security).toMatchObject({ cookie_samesite: "strict" });
  });

  it("is the provider's where one is named: with PKCE, the secret from a file, and no form of its own", () => {
    const { sections, text } = iniOf(provider);
    expect(sections["auth.generic_oauth"]).toMatchObject({
      enabled: "true",
      auth_url: `"""${provider.authUrl}"""`,
      client_secret: `$__file{${secretsFolder}/grafanaClientSecret}`,
      scopes: "openid profile email",
      use_pkce: "true",
      allow_sign_up: "true",
      auto_login: "false",
      allowed_domains: "example.com example.org",
      allow_assign_grafana_admin: "false",
    });
    expect(sections.auth).toEqual({ disable_login_form: "true" });
    expect(sections.security).toMatchObject({ cookie_samesite: "lax" });
    expect(sections["auth.anonymous"]).toEqual({ enabled: "false" });
    expect(text).not.toContain("role_attribute_path");
  });

  it("keeps the form, sends people on and turns newcomers away where that is said", () => {
    const { sections } = iniOf({ ...provider, loginForm: true, autoLogin: true, signUp: false });
    expect(sections.auth).toEqual({ disable_login_form: "false" });
    expect(sections["auth.generic_oauth"]).toMatchObject({ auto_login: "true", allow_sign_up: "false" });
  });

  it("turns away whom a role path gives no role", () => {
    expect(iniOf({ ...provider, roleAttributePath: "role" }).sections["auth.generic_oauth"]).toMatchObject({
      role_attribute_path: '"""role"""',
      role_attribute_strict: "true",
    });
  });
});

describe("vitals:grafanaOidc", () => {
  it("wants its secret set, and says which", () => {
    expect(read(provider, []).problems).toEqual([
      {
        where: "vitals:grafanaOidc.clientSecret",
        what: 'no secret named "grafanaClientSecret" is set',
        remedy: "Set it: npx pulumi config set --secret grafanaClientSecret.",
      },
    ]);
  });

  it("does not let everybody in whom the provider knows", () => {
    const { allowedDomains: _, ...open } = provider;
    expect(told(open)).toEqual(["vitals:grafanaOidc"]);
    for (const closed of [{ signUp: false }, { allowedGroups: ["team"] }, { roleAttributePath: "role" }])
      expect(told({ ...open, ...closed })).toEqual([]);
  });

  it.each([
    ["clientId", "$HOME"],
    ["clientId", "two\nlines"],
    ["name", '"""'],
    ["authUrl", "https://login.example.com/$__env(HOME)"],
    ["tokenUrl", "ftp://login.example.com"],
    ["clientSecret", "../key"],
    ["issuer", "https://login.example.com"],
  ])("does not take %s %j, and tells that alone", (field, text) => {
    expect(told({ ...provider, [field]: text })).toEqual([`vitals:grafanaOidc.${field}`]);
  });

  it("has nobody to ask where there is no Grafana", () => {
    const without = (grafana: string) =>
      readConfig({
        environment: "test",
        values: { grafana, grafanaOidc: JSON.stringify(provider) },
        secretKeys: ["grafanaClientSecret"],
      }).problems;
    expect(without("off")).toMatchObject([
      { where: "vitals:grafanaOidc", what: "says who may open Grafana, but vitals:grafana is off" },
    ]);
    // Whoever misspells the other setting is told that alone.
    expect(without("of").map(({ where }) => where)).toEqual(["vitals:grafana"]);
    expect(without("auto")).toEqual([]);
  });

  it("does not take words that would be several", () => {
    expect(told({ ...provider, allowedDomains: ["example.com evil.example"] })).toEqual([
      "vitals:grafanaOidc.allowedDomains[0]",
    ]);
  });
});
