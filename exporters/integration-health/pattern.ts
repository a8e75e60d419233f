// Regular expressions on texts of another side: some combinations take for ever, and nothing else would run meanwhile.
import { createContext, Script } from "node:vm";

/** Far more than a search in the longest body takes. */
const longestMs = 100;
const test = new Script("pattern.test(text)");
const context = createContext(Object.create(null) as { pattern?: RegExp; text?: string });

/** Whether a text matches; undefined when that could not be found out in time. */
export function matches(pattern: string, text: string): boolean | undefined {
  Object.assign(context, { pattern: new RegExp(pattern), text });
  try {
    return test.runInContext(context, { timeout: longestMs }) === true;
  } catch {
    return undefined;
  } finally {
    context.text = "";
  }
}
