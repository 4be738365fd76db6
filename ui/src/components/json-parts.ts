export interface JsonPart {
  kind: "plain" | "name" | "string" | "number" | "word";
  text: string;
}

const TOKEN =
  /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

// Beyond this, the colours cost more time than they give clarity.
const LONGEST_COLOURED = 200_000;

/** Cuts indented JSON into parts to colour; together they are the text again. */
export function partsOf(text: string): JsonPart[] {
  if (text.length > LONGEST_COLOURED || !/^[[{"]/.test(text)) return [{ kind: "plain", text }];
  const parts: JsonPart[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon, number] = match;
    if (match.index > end) parts.push({ kind: "plain", text: text.slice(end, match.index) });
    if (string !== undefined) {
      parts.push({ kind: colon === undefined ? "string" : "name", text: string });
      if (colon !== undefined) parts.push({ kind: "plain", text: colon });
    } else {
      parts.push({ kind: number === undefined ? "word" : "number", text: whole });
    }
    end = match.index + whole.length;
  }
  if (end < text.length) parts.push({ kind: "plain", text: text.slice(end) });
  return parts;
}
