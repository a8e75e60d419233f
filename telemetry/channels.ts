// Subscribes to many diagnostics channels, and out of all of them again.
import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** Each message is an object of the channel's own shape. */
export type Listeners = Readonly<Record<string, (message: never) => void>>;

/** Returns how to unsubscribe. A listener must not throw. */
export function watchChannels(listeners: Listeners): () => void {
  const entries = Object.entries(listeners) as [string, (message: unknown) => void][];
  for (const [name, listener] of entries) subscribe(name, listener);
  return () => {
    for (const [name, listener] of entries) unsubscribe(name, listener);
  };
}
