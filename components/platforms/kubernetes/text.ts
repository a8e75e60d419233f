// A plan as YAML: what an engine would apply, with a placeholder for each secret.
import { stringify } from "yaml";
import type { SecretName, SecretRef, Tree } from "../../spec.ts";
import { finish } from "../content.ts";
import { fingerprintAnnotation, type Manifest, type Planned } from "./manifest.ts";

/** `${redisPassword}`, or `${redisPassword_sha256}` where a file wants a hash: names that envsubst and Flux can fill in. */
export const placeholder = ({ name, as }: Pick<SecretRef, "name" | "as">): string =>
  `\${${name}${as === "sha256" || as === "bcrypt" ? `_${as}` : ""}}`;

/** The finished object, its secrets told by `reveal` and the fingerprint of those that it reads by `fingerprint`. */
export function finishManifest(
  { manifest, secretData, restartsFor = [] }: Planned,
  reveal: typeof placeholder,
  fingerprint: (names: readonly SecretName[]) => string,
): Manifest {
  if (secretData !== undefined)
    return {
      ...manifest,
      stringData: Object.fromEntries(
        Object.entries(secretData).map(([key, content]) => [key, finish(content, reveal)]),
      ),
    };
  return restartsFor.length === 0 ? manifest : withFingerprint(manifest, fingerprint(restartsFor));
}

type Template = { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };

function withFingerprint(manifest: Manifest, fingerprint: string): Manifest {
  const spec = manifest.spec as { readonly template: Template; readonly [key: string]: unknown };
  const { metadata } = spec.template;
  const annotations = { ...metadata.annotations, [fingerprintAnnotation]: fingerprint };
  return {
    ...manifest,
    spec: { ...spec, template: { ...spec.template, metadata: { ...metadata, annotations } } } as unknown as Tree,
  };
}

/** Without the secrets' values, which only an engine knows: what people read, compare and keep in git. */
export const publicManifest = (planned: Planned): Manifest =>
  finishManifest(planned, placeholder, (names) => `\${fingerprint_${names.join("_")}}`);

/** One YAML document an object. */
export const toYaml = (manifests: readonly Manifest[]): string =>
  manifests.map((manifest) => `---\n${stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })}`).join("");
