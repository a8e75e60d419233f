// Text panels: the small part of Markdown that a note on a dashboard needs, built as elements.
import { el } from "../dom.ts";
import { option, simple } from "./view.ts";

export const text = simple((_, panel) => {
  const content = option(panel, "content", "");
  if (option(panel, "mode", "markdown") !== "markdown") return [el("pre", { class: "text" }, content)];
  return [el("div", { class: "text" }, ...blocks(content))];
});

function blocks(content: string): readonly Node[] {
  return content
    .split(/\n\s*\n/)
    .filter((block) => block.trim() !== "")
    .map((block) => {
      const lines = block.trim().split("\n");
      const [, marks, title] = /^(#{1,4})\s+(.*)$/.exec(lines[0] ?? "") ?? [];
      if (marks !== undefined && title !== undefined) return el("h3", {}, ...inline(title));
      if (lines.every((line) => /^\s*[-*]\s/.test(line)))
        return el("ul", {}, ...lines.map((line) => el("li", {}, ...inline(line.replace(/^\s*[-*]\s+/, "")))));
      return el("p", {}, ...inline(lines.join(" ")));
    });
}

function inline(line: string): readonly (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const match of line.matchAll(/\*\*(.+?)\*\*|`(.+?)`|\[([^\]]+)\]\(([^)\s]+)\)/g)) {
    parts.push(line.slice(end, match.index));
    const [, strong, code, label, url] = match;
    if (strong !== undefined) parts.push(el("strong", {}, strong));
    else if (code !== undefined) parts.push(el("code", {}, code));
    else if (label !== undefined && url !== undefined)
      parts.push(/^(?:https?:\/\/|\/(?!\/))/.test(url) ? el("a", { href: url, rel: "noreferrer" }, label) : label);
    end = match.index + match[0].length;
  }
  return [...parts, line.slice(end)];
}
