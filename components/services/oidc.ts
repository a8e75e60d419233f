// Grafana's login through an OpenID provider: its section of the ini file, and the provider's addresses that Grafana itself asks.
import type { OidcConfig } from "../config.ts";
import { hostAndPort, type ServiceSpec, secret, type Value, v } from "../spec.ts";

export const oidc = (settings: OidcConfig): Value => v`[auth]
disable_login_form = ${String(!settings.loginForm)}
[auth.generic_oauth]
enabled = true
name = ${quoted(settings.name)}
auth_url = ${quoted(settings.authUrl)}
token_url = ${quoted(settings.tokenUrl)}
api_url = ${quoted(settings.apiUrl)}
client_id = ${quoted(settings.clientId)}
client_secret = $__file{${secret(settings.clientSecret, "path")}}
scopes = ${settings.scopes.join(" ")}
use_pkce = true
allow_sign_up = ${String(settings.signUp)}
auto_login = ${String(settings.autoLogin)}
allowed_domains = ${settings.allowedDomains.join(" ")}
allowed_groups = ${settings.allowedGroups.join(" ")}
groups_attribute_path = ${quoted(settings.groupsAttributePath)}
${settings.roleAttributePath === undefined ? "" : role(settings.roleAttributePath)}allow_assign_grafana_admin = false
`;

/** Strict: who has no role stays outside rather than becoming a viewer. */
const role = (path: string): string => `role_attribute_path = ${quoted(path)}\nrole_attribute_strict = true\n`;

/** The browser goes to the login page; the token and the person's data are Grafana's own questions. */
export const oidcDestinations = ({ tokenUrl, apiUrl }: OidcConfig): NonNullable<ServiceSpec["egress"]> =>
  [tokenUrl, apiUrl].map(hostAndPort);

/** As the ini file wants a text in which `#`, `;` and quotes are text. */
const quoted = (text: string): string => `"""${text}"""`;
