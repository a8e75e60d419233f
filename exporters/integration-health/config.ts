// The configuration file of integration-health: which integrations are probed, how and how often.
import { z } from "zod";
import { isDuration, milliseconds } from "../../components/units.ts";

const between = (least: string, most: string) =>
  z
    .string()
    .refine(
      (text) =>
        isDuration(text) && milliseconds(text) >= milliseconds(least) && milliseconds(text) <= milliseconds(most),
      { message: `must be a duration from ${least} to ${most}, such as 30s` },
    );

const common = {
  name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, {
    message: "must be lower-case letters, digits and hyphens, start with a letter and have at most 40 characters",
  }),
  timeout: between("100ms", "60s").default("5s"),
  interval: between("1s", "1d").default("30s"),
};

const http = z.strictObject({
  ...common,
  probe: z.literal("http"),
  url: z.url({ protocol: /^https?$/, message: "must be an http or https URL" }),
  expectStatus: z.array(z.int().min(100).max(599)).min(1).default([200]),
});

const tcp = z.strictObject({
  ...common,
  probe: z.literal("tcp"),
  address: z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { message: "must be host:port" }),
});

export const healthConfig = z.strictObject({
  integrations: z.array(z.discriminatedUnion("probe", [http, tcp])).superRefine((entries, context) => {
    const names = entries.map(({ name }) => name);
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index)
        context.addIssue({ code: "custom", path: [index, "name"], message: "is taken by an earlier entry" });
  }),
});

export type HealthConfig = z.infer<typeof healthConfig>;
export type IntegrationTarget = HealthConfig["integrations"][number];
export type HttpTarget = z.infer<typeof http>;
export type TcpTarget = z.infer<typeof tcp>;
