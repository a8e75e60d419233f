// Settings that matter, in base units.
import {
  byteSettings,
  flagSettings,
  numberSettings,
  timeSettings,
} from "../../../telemetry/catalogue/postgres-server.ts";
import { type Metric, tabular } from "./tabular.ts";

const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ");
const all = [...byteSettings, ...timeSettings, ...numberSettings, ...flagSettings];
/** https://www.postgresql.org/docs/current/config-setting.html: -1 switches off or means "by itself", and is no amount. */
const bytes =
  "setting::float8 * case unit when 'B' then 1 when 'kB' then 1024 when '8kB' then 8192 when 'MB' then 1048576 end";
const time = "setting::float8 * case unit when 'ms' then 0.001 when 's' then 1 when 'min' then 60 end";
const unless = (names: readonly string[], value: string, metric: Metric): string =>
  `case when name in (${list(names)}) then ${value} end as ${metric}`;

export const settings = tabular({
  name: "settings",
  emits: [
    "pg_setting_bytes",
    "pg_setting_seconds",
    "pg_setting_number",
    "pg_setting_enabled",
    "pg_settings_pending_restart",
  ],
  timeout: "4s",
  ttl: "1m",
  sql: `
    select name as setting,
           ${unless(byteSettings, `case when setting <> '-1' then ${bytes} end`, "pg_setting_bytes")},
           ${unless(timeSettings, `case when setting = '-1' then -1 else ${time} end`, "pg_setting_seconds")},
           ${unless(numberSettings, "setting::float8", "pg_setting_number")},
           ${unless(flagSettings, "(setting = 'on')::int", "pg_setting_enabled")},
           null as pg_settings_pending_restart
      from pg_settings where name in (${list(all)})
     union all
    select null, null, null, null, null, count(*) from pg_settings where pending_restart`,
});
