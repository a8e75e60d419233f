// What an incoming webhook accepts and what the inbox keeps of it: known fields only, cut to Slack's own limits.

export interface Field {
  readonly title: string;
  readonly value: string;
  readonly short: boolean;
}

export interface Action {
  readonly text: string;
  readonly url: string;
  readonly style: "default" | "primary" | "danger";
}

export interface Attachment {
  /** `good`, `warning`, `danger` or #rrggbb. */
  readonly color?: string;
  readonly pretext?: string;
  readonly title?: string;
  readonly titleLink?: string;
  readonly text?: string;
  readonly fallback?: string;
  readonly fields: readonly Field[];
  readonly actions: readonly Action[];
  readonly footer?: string;
  /** Seconds since 1970. */
  readonly ts?: number;
}

export interface Message {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly channel: string;
  readonly username: string;
  readonly iconEmoji?: string;
  readonly text?: string;
  readonly attachments: readonly Attachment[];
}

export type Content = Omit<Message, "id" | "receivedAt">;

/** Slack's own words for what it refuses. */
export type Refusal = "invalid_payload" | "no_text" | "too_many_attachments";

const limits = { text: 40_000, title: 1_000, url: 3_000, name: 80, attachments: 100, fields: 50, actions: 5 } as const;

/** A webhook's parsed body as a message, or why it is none. */
export function readPayload(payload: unknown): Content | Refusal {
  if (!isObject(payload)) return "invalid_payload";
  const { attachments: given = [] } = payload;
  if (!Array.isArray(given) || !given.every(isObject)) return "invalid_payload";
  if (given.length > limits.attachments) return "too_many_attachments";
  const text = textOf(payload.text, limits.text);
  if (text === undefined && given.length === 0) return "no_text";
  return {
    channel: `#${(textOf(payload.channel, limits.name) ?? "alerts").replace(/^#/, "")}`,
    username: textOf(payload.username, limits.name) ?? "incoming-webhook",
    ...present({ iconEmoji: textOf(payload.icon_emoji, limits.name), text }),
    attachments: given.map(readAttachment),
  };
}

/** A message whose alert has begun or ended, as its title or colour says; undefined when it says neither. */
export function stateOf({ title, fallback, text, color }: Attachment): "firing" | "resolved" | undefined {
  const said = /\b(FIRING|RESOLVED)\b/.exec(title ?? fallback ?? text ?? "")?.[1];
  if (said !== undefined) return said === "FIRING" ? "firing" : "resolved";
  return color === "danger" ? "firing" : color === "good" ? "resolved" : undefined;
}

function readAttachment(given: Readonly<Record<string, unknown>>): Attachment {
  return {
    ...present({
      color: colorOf(given.color),
      pretext: textOf(given.pretext, limits.text),
      title: textOf(given.title, limits.title),
      titleLink: textOf(given.title_link, limits.url),
      text: textOf(given.text, limits.text),
      fallback: textOf(given.fallback, limits.title),
      footer: textOf(given.footer, limits.title),
      ts: secondsOf(given.ts),
    }),
    fields: objectsIn(given.fields, limits.fields).map(({ title, value, short }) => ({
      title: textOf(title, limits.title) ?? "",
      value: textOf(value, limits.text) ?? "",
      short: short === true,
    })),
    actions: objectsIn(given.actions, limits.actions).flatMap((action) => {
      const text = textOf(action.text, limits.name);
      const url = textOf(action.url, limits.url);
      const style = action.style === "primary" || action.style === "danger" ? action.style : "default";
      return text === undefined || url === undefined ? [] : [{ text, url, style }];
    }),
  };
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that are undefined. */
const present = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const objectsIn = (value: unknown, most: number): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isObject).slice(0, most) : [];

const textOf = (value: unknown, most: number): string | undefined =>
  typeof value === "string" && value !== "" ? value.slice(0, most) : undefined;

const secondsOf = (value: unknown): number | undefined => {
  const seconds = typeof value === "string" ? Number(value) : value;
  return typeof seconds === "number" && seconds > 0 && seconds < 1e11 ? seconds : undefined;
};

function colorOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  if (["good", "warning", "danger"].includes(value)) return value;
  const hex = /^#?([0-9a-f]{6})$/i.exec(value)?.[1];
  return hex === undefined ? undefined : `#${hex.toLowerCase()}`;
}
