// The three marks of the guides, see guides/README.md: **words on a screen**, `code`, [link](…).

export interface InlinePart {
  kind: "plain" | "bold" | "code" | "link";
  text: string;
  url?: string;
}

/** The reader's own values for {base_url}, {source_name} and {token}. */
export type Values = Partial<Record<"base_url" | "source_name" | "token", string>>;

const MARK = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\((https:\/\/[^)\s]+)\)/g;

export function fillIn(text: string, values: Values): string {
  return text.replace(/\{(base_url|source_name|token)\}/g, (whole, name: keyof Values) => {
    return values[name] ?? whole;
  });
}

export function inlineParts(text: string, values: Values): InlinePart[] {
  const parts: InlinePart[] = [];
  let end = 0;
  // The values go in after the marks are found: a source may be named "**mine**".
  const add = (kind: InlinePart["kind"], part: string, url?: string) => {
    if (part !== "") parts.push({ kind, text: fillIn(part, values), ...(url && { url }) });
  };
  for (const match of text.matchAll(MARK)) {
    const [whole, bold, code, label, url] = match;
    add("plain", text.slice(end, match.index));
    if (bold !== undefined) add("bold", bold);
    else if (code !== undefined) add("code", code);
    else add("link", label ?? "", url);
    end = match.index + whole.length;
  }
  add("plain", text.slice(end));
  return parts;
}
