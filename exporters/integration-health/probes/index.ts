// Every probe kind: a file each, one line here.
import type { ProbeKind, TargetOf } from "../config.ts";
import type { Probe } from "../probe.ts";
import { dns } from "./dns.ts";
import { http } from "./http.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { tcp } from "./tcp.ts";
import { tls } from "./tls.ts";

export const probes: { readonly [K in ProbeKind]: Probe<TargetOf<K>> } = { http, tcp, tls, dns, postgres, redis };
