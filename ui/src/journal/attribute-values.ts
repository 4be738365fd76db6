// How SCIM values are said to people. A multi-valued attribute becomes one line per value.

type Complex = Record<string, unknown>;

export const isComplex = (value: unknown): value is Complex =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 7643 §2.5: null, an empty list and an absent attribute all say the same. */
export const isUnassigned = (value: unknown) =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** Whether a complex value is read as one thing, such as an e-mail address or a manager. */
export const isOneThing = (value: unknown): value is Complex =>
  isComplex(value) && "value" in value;

export function valueLines(value: unknown): string[] {
  if (isUnassigned(value)) return [];
  if (Array.isArray(value)) return value.flatMap((item) => valueLines(item));
  if (isComplex(value)) return [complexLine(value)];
  if (typeof value === "boolean") return [value ? "yes" : "no"];
  return [value === "" ? "(empty text)" : String(value)];
}

/** "ada@example.com (work, primary)", "Grace Hopper (701984)", "12 St James’s Square, London, GB (work)". */
function complexLine(value: Complex): string {
  const { type, primary, $ref: _, formatted, value: main, display, displayName, ...rest } = value;
  const name = display ?? displayName;
  const notes: string[] = [];
  let line: string;
  if (!isUnassigned(name)) {
    line = String(name);
    if (!isUnassigned(main) && main !== name) notes.push(String(main));
  } else if (!isUnassigned(main)) {
    line = isComplex(main) ? JSON.stringify(main) : String(main);
  } else if (typeof formatted === "string" && formatted !== "") {
    line = formatted.replace(/\s*\n\s*/g, ", ");
  } else {
    line = Object.values(rest)
      .filter((part) => !isUnassigned(part) && part !== "")
      .map((part) => (typeof part === "object" ? JSON.stringify(part) : String(part)))
      .join(", ");
  }
  if (typeof type === "string" && type !== "") notes.push(type);
  if (primary === true) notes.push("primary");
  return notes.length === 0 ? line || "(empty)" : `${line} (${notes.join(", ")})`;
}
