// Every kind of panel that the viewer draws, by Grafana's name for it.
import { bargauge, gauge } from "./gauge.ts";
import { stat } from "./stat.ts";
import { stateTimeline } from "./state-timeline.ts";
import { table } from "./table.ts";
import { text } from "./text.ts";
import { timeSeries } from "./time-series.ts";
import type { MakeView } from "./view.ts";

export const views: Readonly<Record<string, MakeView>> = {
  timeseries: timeSeries,
  stat,
  table,
  gauge,
  bargauge,
  "state-timeline": stateTimeline,
  text,
};
