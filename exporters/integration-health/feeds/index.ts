// Every kind of status feed: a file each, one line here.
import type { feedKinds } from "../../../components/config/integrations.ts";
import { betterstack } from "./betterstack.ts";
import type { Feed } from "./feed.ts";
import { google } from "./google.ts";
import { instatus } from "./instatus.ts";
import { rss } from "./rss.ts";
import { statuspage } from "./statuspage.ts";

export const feeds: Readonly<Record<(typeof feedKinds)[number], Feed>> = {
  statuspage,
  google,
  instatus,
  betterstack,
  rss,
};
