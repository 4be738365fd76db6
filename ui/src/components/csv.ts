// RFC 4180: lines end in CRLF, and a field with comma, quote or line break stands in quotes.

/** What a spreadsheet would take for a formula when a cell begins with it. */
const FORMULA = /^(\s*[=+\-@＝＋－＠]|[\t\r])/;

function field(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return "";
  // Names and addresses come from outside: "=HYPERLINK(…)" as a display name must stay a text.
  // A number of ours is no danger, and -5 should stay one.
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

export type CsvValue = Parameters<typeof field>[0];

export function csvLine(values: CsvValue[]): string {
  return values.map(field).join(",") + "\r\n";
}
