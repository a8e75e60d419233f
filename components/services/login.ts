// Who may open Prometheus and Alertmanager: with `vitals:webLogin` each asks for a password of its own, and whatever uses them logs in.
import type { StackConfig } from "../config.ts";
import { file, type Login, type Path, type ServiceSpec, secret, type Tree, type Value, v } from "../spec.ts";

/** The one user of these programs, which know no more of people than a password. */
export const webUser = "vitals";

export const passwordOf = (program: string): string => `${program}Password`;

/** undefined where the program asks nobody. */
export const loginOf = ({ webLogin }: StackConfig, program: "prometheus" | "alertmanager"): Login | undefined =>
  webLogin ? { user: webUser, password: passwordOf(program) } : undefined;

/** A login as Prometheus, Alertmanager and their tools write it in the configuration of a client; nothing without one. */
export const basicAuth = (login: Login | undefined): { readonly [key: string]: Tree } =>
  login === undefined ? {} : { basic_auth: { username: login.user, password_file: secret(login.password, "path") } };

/** As our own programs read it. */
export const loginArgs = (login: Login | undefined): readonly Value[] =>
  login === undefined ? [] : ["--user", login.user, "--password-file", secret(login.password, "path")];

type Command = readonly [tool: string, ...args: Value[]];

/**
 * A service that asks for its login on every page of port `web`, its state of health included: a probe by HTTP would have
 * to carry the password, so the program's own tool asks instead, with the password from a file.
 */
export function guarded(
  spec: ServiceSpec,
  login: Login | undefined,
  checks: { readonly ready: Command; readonly alive: Command },
): ServiceSpec {
  const { web } = spec.ports;
  if (login === undefined || web === undefined) return spec;
  const users: Path = `/etc/${spec.name}/web.yml`;
  const client: Path = `/etc/${spec.name}/client.yml`;
  const withLogin = (command: Command): Command => [...command, v`--http.config.file=${file(client)}`];
  return {
    ...spec,
    args: [...(spec.args ?? []), v`--web.config.file=${file(users)}`],
    files: {
      ...spec.files,
      // Read anew at each request.
      [users]: {
        apply: "watched",
        content: { yaml: { basic_auth_users: { [login.user]: secret(login.password, "bcrypt") } } },
      },
      [client]: { apply: "restart", content: { yaml: basicAuth(login) } },
    },
    ports: { ...spec.ports, web: { ...web, login: "shared" } },
    metrics: (spec.metrics ?? []).map((each) => ({ ...each, login })),
    ready: { exec: withLogin(checks.ready) },
    alive: { exec: withLogin(checks.alive) },
  };
}
