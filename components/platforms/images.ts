// Which image a service runs: the configured one, else the publisher's pinned tag, else our own from the configured registry.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StackConfig } from "../config.ts";
import { type Problem, stackError } from "../errors.ts";
import { imageHash } from "../image.ts";
import type { ServiceName, ServiceSpec } from "../spec.ts";
import { versions } from "../versions.ts";

/** The one image of everything of our own: its entrypoint is Node, in the folder of the repository. */
export const ownImage = "vitals";
/** As whom it runs; the publishers' users are in the data sheets. */
export const ownUser = { uid: 65532, gid: 65532 };

export interface ImageContext {
  readonly config: Pick<StackConfig, "images" | "registry" | "buildImage">;
  /** Image reference -> digest, from images.lock.json. */
  readonly digests: Readonly<Record<string, string>>;
  /** The hash of what our own image is made of. */
  readonly ownCode: () => string;
  /** Where our own image comes from when the configuration says nothing: `local` has one that was built on the same machine. */
  readonly home?: "local";
}

/** Our own image, where the stack has it built, and the services that run it. */
export interface ImageBuild {
  readonly reference: string;
  /** Where it goes: pushed, or left on the engine that has built it. */
  readonly to: "registry" | "engine";
  readonly services: readonly ServiceName[];
}

export interface Images {
  readonly images: ReadonlyMap<ServiceName, string>;
  readonly build?: ImageBuild;
  readonly problems: readonly Problem[];
}

/** An image for each service. Problems are those that only a person can solve. */
export function imagesOf(specs: readonly ServiceSpec[], { config, digests, ownCode, home }: ImageContext): Images {
  const running = specs.filter(({ kind }) => kind !== "external");
  const own = running.filter(({ name, artifact }) => artifact.node !== undefined && config.images[name] === undefined);
  const ownReference =
    config.images[ownImage] ??
    (config.registry === undefined && home === undefined
      ? undefined
      : `${config.registry === undefined ? "" : `${config.registry}/`}${ownTag(own[0]?.version ?? "", ownCode())}`);
  const built = config.images[ownImage] === undefined && config.buildImage;
  const images = new Map(
    running.flatMap(({ name, artifact }) => {
      const reference = config.images[name] ?? (artifact.node === undefined ? artifact.image : ownReference);
      return reference === undefined ? [] : [[name, pinned(reference, digests)] as const];
    }),
  );
  const known = [ownImage, ...running.map(({ name }) => name)];
  return {
    images,
    ...(built && ownReference !== undefined && own.length > 0
      ? {
          build: {
            reference: ownReference,
            to: config.registry === undefined ? "engine" : "registry",
            services: own.map(({ name }) => name),
          },
        }
      : {}),
    problems: [
      ...(own.length > 0 && ownReference === undefined
        ? [
            {
              where: "vitals:registry",
              what: `is missing: ${own.map(({ name }) => name).join(", ")} run our own code, and a cluster needs an image of it`,
              remedy:
                "Set vitals:registry, where the image is pushed to and pulled from, or name one that exists: pulumi config set --path vitals:images.vitals REFERENCE.",
              follows: ["vitals:images"],
            },
          ]
        : []),
      ...running
        .filter(({ name, artifact }) => artifact.node === undefined && !images.has(name))
        .map(({ name }) => ({
          where: name,
          what: "has no image",
          remedy: `Name one: pulumi config set --path vitals:images.${name} REFERENCE.`,
          follows: ["vitals:images"],
        })),
      ...Object.keys(config.images)
        .filter((name) => !known.includes(name))
        .map((name) => ({
          where: `vitals:images.${name}`,
          what: "is no service of this stack",
          remedy: `Use one of: ${known.join(", ")}.`,
        })),
    ],
  };
}

/** The name of our own image within a registry. */
export const ownTag = (version: string, code: string): string => `${ownImage}:${version}-${code}`;

/**
 * The version that an image is of, by its tag; the value of a label, which a tag's first and last sign need not be fit for. The hash
 * of our own code stays out: a label that has it changes every object with each line.
 */
export const versionIn = (reference: string): string =>
  tagOf(reference)
    .replace(/-[0-9a-f]{12}$/, "")
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");

/** The tag of an image reference, or "" where it has none. */
const tagOf = (reference: string): string => /:([\w][\w.-]{0,62})(?:@|$)/.exec(reference)?.[1] ?? "";

const pinned = (reference: string, digests: ImageContext["digests"]): string => {
  const digest = digests[reference];
  return digest === undefined || reference.includes("@") ? reference : `${reference}@${digest}`;
};

export const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What our own image stands on. */
export const baseImage = (digests: ImageContext["digests"] = lockedDigests()): string =>
  pinned(versions.node.image, digests);

/** The hash of what our own image is made of here. */
export const ownCode = (): string => imageHash(checkout, baseImage());

/** Image reference -> digest, as `npm run tools -- --pin-images` has resolved them; without it, tags alone. */
export function lockedDigests(path: string = join(checkout, "images.lock.json")): Readonly<Record<string, string>> {
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  } catch (error) {
    throw stackError(
      path,
      "is not JSON",
      "Remove it and resolve the digests anew: npm run tools -- --pin-images.",
      error,
    );
  }
}
