// The kinds of single values that settings are made of.
import { isIP } from "node:net";
import { z } from "zod";
import { bytes, type Duration, isDuration, isSize, milliseconds, type Size } from "../units.ts";

export const duration = z.custom<Duration>((text) => typeof text === "string" && isDuration(text), {
  message: "is not a duration; write whole units, such as 15s, 5m or 15d",
});
export const between = (least: Duration, most: Duration) =>
  z.custom<Duration>(
    (text) =>
      typeof text === "string" &&
      isDuration(text) &&
      milliseconds(text) >= milliseconds(least) &&
      milliseconds(text) <= milliseconds(most),
    { message: `must be a duration from ${least} to ${most}, such as ${most}` },
  );
export const size = z
  .custom<Size>((text) => typeof text === "string" && isSize(text), {
    message: "is not a size; write a whole number and KiB, MiB, GiB or TiB",
    abort: true,
  })
  .refine((text) => bytes(text) > 0, { message: "must be more than nothing" });
/** A name that can be a resource name, a DNS label, a Prometheus job and part of a dashboard uid at once. */
export const identifier = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, {
  message: "must be lower-case letters, digits and hyphens, start with a letter and have at most 40 characters",
});
export const address = z
  .string()
  .regex(/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { message: "must be host:port", abort: true })
  .refine((text) => !text.startsWith("[") || isIP(text.slice(1, text.lastIndexOf("]"))) === 6, {
    message: "must be host:port, and what stands in brackets an IPv6 address",
  })
  .refine((text) => isPort(Number(text.slice(text.lastIndexOf(":") + 1))), {
    message: "must be host:port, the port being 1 to 65535",
  });
/** As 10.1.2.0/24 or fd00::/8. */
export function isNetwork(text: string): boolean {
  const [base = "", bits = "", ...rest] = text.split("/");
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(base)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}
export const httpUrl = z
  .url({ protocol: /^https?$/, message: "must be an http or https URL" })
  .regex(/^\S*$/, { message: "must not hold spaces or line breaks" })
  .refine((url) => !/^[^/]*\/\/[^/?#]*@/.test(url), {
    message: "must not hold a user or a password, which would stand in files in clear: name a secret for them",
  })
  .refine((url) => !URL.canParse(url) || ![...new URL(url).searchParams.keys()].some(namesSecret), {
    message: "must not hold a key or a token in its query, which would stand in files in clear: name a secret for it",
  });

/** Where a web page comes from, as a browser says it. */
export const origin = z.string().regex(/^https?:\/\/[a-z0-9.-]+(?::\d{1,5})?$/, {
  message: "must be an origin, such as https://app.example.com",
});

/** Whether a parameter or a header is called as those are that hold secrets: `apiKey`, `access_token`, `X-Auth`. */
export function namesSecret(name: string): boolean {
  const words = name
    .replaceAll(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .split(/[^a-z]+/);
  return words.some((word) => secretWords.has(word));
}

const secretWords: ReadonlySet<string> = new Set(
  "key apikey token secret password passwd pwd pass sig signature auth authorization credential credentials cookie".split(
    " ",
  ),
);

/** Certificates are no secrets: they are there as text. */
export const certificate = z.string().regex(/^-----BEGIN CERTIFICATE-----\n[\s\S]*-----END CERTIFICATE-----\n?$/, {
  message: "must be the text of a certificate, from -----BEGIN CERTIFICATE----- on",
});

/** What a config secret is called. */
export const identifierOfSecret = z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/, {
  message: "must be the name of a secret: letters and digits, at most 64",
});

const word = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
/** What a cluster's other users call it: a secret, a class. */
export const clusterName = z.string().regex(new RegExp(`^(?=.{1,63}$)${word}(?:\\.${word})*$`), {
  message: "must be a name of Kubernetes: lower-case letters, digits, hyphens and dots, at most 63 characters",
});
/** RFC 1123: a label, because it is a part of host names. */
export const namespaceName = z.string().regex(new RegExp(`^(?=.{1,63}$)${word}$`), {
  message: "must be the name of a namespace: lower-case letters, digits and hyphens, at most 63 characters",
});
/** RFC 1123: labels of at most 63 characters; short enough that a service's name still fits before it. */
export const hostName = z
  .string()
  .max(200, { message: "must be at most 200 characters" })
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/, {
    message: "must be a host name: lower-case letters, digits and hyphens, at most 63 between two dots",
  });
/** The key of a label or an annotation: a name, with a domain before it or without. */
export const metadataKey = z
  .string()
  .regex(/^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/, {
    message: "must be the key of a label or an annotation, such as app.kubernetes.io/name",
  });

const imageName = "[a-z0-9]+(?:[.-][a-z0-9]+)*(?::\\d{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*";
/** Where images lie: what stands before their names. */
export const imageRepository = z.string().regex(new RegExp(`^${imageName}$`), {
  message: "is not a place of images, such as registry.example.com/team",
});
/** An image of one version. What is called latest, or nothing, is another program tomorrow. */
export const imageReference = z
  .string()
  .regex(new RegExp(`^${imageName}(?::[\\w][\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`), {
    message: "is not an image reference, such as registry.example.com/team/name:1.2.3",
    abort: true,
  })
  .refine((image) => /@|:(?!latest$)[\w.-]+$/.test(image), {
    message: "has to name a version other than latest, or a digest",
  });
/** A channel of Slack. */
export const channel = z.string().regex(/^#[a-z0-9_-]{1,79}$/, { message: "must be a channel such as #alerts" });

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

const months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const days = "SUN MON TUE WED THU FRI SAT".split(" ");
/** Lowest, highest, and what the numbers from the lowest on are called. */
const cronFields: readonly (readonly [number, number, readonly string[]])[] = [
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, months],
  [0, 6, days],
];

/** As a CronJob takes it. https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax */
function isSchedule(text: string): boolean {
  const fields = text.split(" ");
  return (
    fields.length === cronFields.length &&
    cronFields.every(([lowest, highest, names], index) =>
      (fields[index] ?? "").split(",").every((part) => {
        const [, from = "", to, step = "1"] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
        if (from === "*") return to === undefined && Number(step) > 0;
        const [first, last] = [from, to ?? from].map((each) =>
          names.includes(each) ? lowest + names.indexOf(each) : /^\d+$/.test(each) ? Number(each) : Number.NaN,
        );
        return Number(step) > 0 && Number(first) >= lowest && Number(first) <= Number(last) && Number(last) <= highest;
      }),
    )
  );
}

export const schedule = z.string().refine(isSchedule, { message: "must be five fields of cron, such as 17 2 * * *" });
