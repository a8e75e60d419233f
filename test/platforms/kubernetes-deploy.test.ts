// The thin half of the Kubernetes platform under Pulumi's mocks: the whole graph, where secrets go, what waits for what.
import { createHash } from "node:crypto";
import { compareSync } from "bcryptjs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { fingerprintAnnotation, type Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { configFor, make, most, mostSecrets } from "./kubernetes-stacks.ts";
import { type Registered, registering, unwrapped } from "./mocked.ts";

const secretsSet: Record<string, string> = Object.fromEntries(mostSecrets.map((name) => [name, `value-of-${name}`]));

/** Everything that one run registers. `generated` stands for what the stack's state holds. */
const run = (settings = most, generated = "generated"): Promise<readonly Registered[]> =>
  registering(secretsSet, generated, async (set) => {
    const { deploy } = await import("../../components/platforms/kubernetes/deploy.ts");
    deploy(configFor(settings, mostSecrets), make(settings, mostSecrets).plan, set);
  });

const objectsIn = (registered: readonly Registered[]) =>
  registered.filter(({ type }) => type.startsWith("kubernetes:"));
const secretIn = (registered: readonly Registered[], name: string) => {
  const found = registered.find(({ type, name: other }) => type === "kubernetes:core/v1:Secret" && other === name);
  return unwrapped(found?.inputs.stringData) as Readonly<Record<string, string>>;
};
const fingerprints = (registered: readonly Registered[]) =>
  Object.fromEntries(
    registered.flatMap(({ name, inputs }) => {
      const { template } = (inputs.spec ?? {}) as { readonly template?: Manifest };
      const value = template?.metadata.annotations?.[fingerprintAnnotation];
      return value === undefined ? [] : [[name, value]];
    }),
  );

describe("a Kubernetes stack under Pulumi", () => {
  let registered: readonly Registered[];
  beforeAll(async () => {
    registered = await run();
  });

  it("registers every object of the plan, each once, as it is in the plan", () => {
    const { plan } = make(most, mostSecrets);
    const objects = objectsIn(registered);
    expect(objects).toHaveLength(plan.objects.length);
    for (const { manifest, token, secretData, restartsFor = [] } of plan.objects) {
      const found = objects.find(({ type, name }) => name === token && type.endsWith(`:${manifest.kind}`));
      expect([manifest.kind, token, found?.inputs.metadata]).toEqual([manifest.kind, token, manifest.metadata]);
      if (secretData === undefined && restartsFor.length === 0) expect(found?.inputs).toEqual(manifest);
    }
  });

  it("uses one explicit provider that applies on the server and changes files in place", () => {
    const providers = registered.filter(({ type }) => type.startsWith("pulumi:providers:"));
    expect(providers.map(({ type }) => type)).toEqual(["pulumi:providers:kubernetes"]);
    expect(providers[0]?.inputs).toMatchObject({
      enableServerSideApply: "true",
      enableConfigMapMutable: "true",
      enableSecretMutable: "true",
    });
  });

  it("has our own image built and pushed under the tag that its pods name", () => {
    const images = registered.filter(({ type }) => type.startsWith("docker-build:"));
    const own = objectsIn(registered).flatMap(({ inputs }) => {
      const { template } = (inputs.spec ?? {}) as { readonly template?: Manifest };
      const [{ image = "" } = {}] =
        (template?.spec as { containers?: { image: string }[] } | undefined)?.containers ?? [];
      return image.includes("/vitals:") ? [image] : [];
    });
    expect(own.length).toBe(3);
    expect(images.map(({ type, inputs }) => [type, inputs.push, inputs.buildOnPreview, inputs.tags])).toEqual([
      ["docker-build:index:Image", true, false, [own[0]]],
    ]);
    // Logins stay with Docker: nothing of a registry is handed over, and so nothing gets into the state.
    expect(Object.keys(images[0]?.inputs ?? {})).not.toContain("registries");
  });

  it("leaves what holds data where it is when the stack goes, and the image, which others may run", async () => {
    const all = await run({ ...most, backup: {} });
    expect(all.filter(({ retained }) => retained).map(({ type, name }) => `${type.split(":").at(-1)} ${name}`)).toEqual(
      [
        "Image image",
        "Namespace namespace",
        ...["prometheus", "alertmanager", "grafana"].map((name) => `PersistentVolumeClaim archive-${name}-backup`),
      ],
    );
  });

  it.each([
    ["an image is named", { images: { vitals: "mirror/vitals:7" } }],
    ["somebody else builds it", { buildImage: false }],
  ])("builds nothing where %s", async (_, settings) => {
    const types = (await run({ ...most, ...settings })).map(({ type }) => type);
    expect(types.length).toBeGreaterThan(50);
    expect(types.filter((type) => type.startsWith("docker-build:"))).toEqual([]);
  });

  it("fills secrets into objects of kind Secret and nowhere else", () => {
    const values = [...Object.values(secretsSet), "generated-"];
    for (const { type, inputs } of objectsIn(registered))
      if (type !== "kubernetes:core/v1:Secret")
        for (const value of values) expect(JSON.stringify(inputs)).not.toContain(value);
    const { "web.yml": users = "", ...files } = secretIn(registered, "alertmanager-secrets");
    expect(files).toEqual({
      alertmanagerPassword: "generated-alertmanagerPassword",
      pagerUrl: "value-of-pagerUrl",
      switchUrl: "value-of-switchUrl",
    });
    expect(secretIn(registered, "slack-relay-secrets")).toEqual({ slackWebhookUrl: "value-of-slackWebhookUrl" });
    const { basic_auth_users } = parse(users) as { readonly basic_auth_users: Readonly<Record<string, string>> };
    expect(compareSync("generated-alertmanagerPassword", basic_auth_users.vitals ?? "")).toBe(true);
    const hash = createHash("sha256").update("generated-redisPassword").digest("hex");
    expect(secretIn(registered, "redis-secrets")["users.acl"]).toContain(`user cache on #${hash} `);
  });

  it("hashes passwords the same way each time, with a salt from the state", async () => {
    const users = (all: readonly Registered[]) => secretIn(all, "prometheus-secrets")["web.yml"];
    expect(users(await run())).toBe(users(registered));
    expect(users(await run(most, "another state"))).not.toBe(users(registered));
  });

  it("makes the readers of a secret roll when it changes, and nobody else", async () => {
    const before = fingerprints(registered);
    expect(Object.keys(before).toSorted()).toEqual([
      "alertmanager",
      "db-stats",
      "grafana",
      "integration-health",
      "prometheus",
      "redis",
      "slack-relay",
    ]);
    expect(fingerprints(await run())).toEqual(before);
    secretsSet.mimirPassword = "another";
    const after = fingerprints(await run());
    const changed = Object.keys(before).filter((name) => before[name] !== after[name]);
    expect(changed).toEqual(["prometheus"]);
  });

  it("takes the webhook from the environment where the configuration has none", async () => {
    const { slackWebhookUrl, ...rest } = { ...secretsSet };
    delete secretsSet.slackWebhookUrl;
    vi.stubEnv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/from-the-environment\n");
    try {
      const values = secretIn(await run(), "slack-relay-secrets");
      expect(values.slackWebhookUrl).toBe("https://hooks.slack.com/services/from-the-environment");
    } finally {
      vi.unstubAllEnvs();
      Object.assign(secretsSet, { slackWebhookUrl, ...rest });
    }
  });
});
