// The attributes of a schema as the rows of a table, and its characteristics (RFC 7643 §7) in words.
import type { AttributeDefinition, SourceSchema } from "../api/types";

export interface AttributeRow {
  /** "emails" or "emails.value". */
  path: string;
  attribute: AttributeDefinition;
  /** Whether it is a part of the attribute above it. */
  inside: boolean;
  /** How many parts it has itself. */
  parts: number;
  /** Whether the source adds it to a built-in schema. */
  added: boolean;
}

/** The attributes, and below those that are opened their parts. */
export function attributeRows(
  { schema, origin, added_attributes }: SourceSchema,
  opened: ReadonlySet<string>,
): AttributeRow[] {
  const added = new Set(origin === "extended" ? added_attributes.map(lower) : []);
  return schema.attributes.flatMap((attribute) => {
    const parts = attribute.subAttributes ?? [];
    const row: AttributeRow = {
      path: attribute.name,
      attribute,
      inside: false,
      parts: parts.length,
      added: added.has(lower(attribute.name)),
    };
    if (!opened.has(attribute.name)) return [row];
    const inner = parts.map((part): AttributeRow => {
      const path = `${attribute.name}.${part.name}`;
      return { path, attribute: part, inside: true, parts: 0, added: row.added };
    });
    return [row, ...inner];
  });
}

const lower = (name: string) => name.toLowerCase();

/** What is as RFC 7643 §2.2 has it by default is of less interest. */
export interface Characteristic {
  word: string;
  usual: boolean;
}

export const typeWord = ({ type = "string" }: AttributeDefinition) => type;

export const valuesWord = ({ multiValued = false }: AttributeDefinition): Characteristic =>
  multiValued ? { word: "several", usual: false } : { word: "one", usual: true };

export const requiredWord = ({ required = false }: AttributeDefinition): Characteristic =>
  required ? { word: "yes", usual: false } : { word: "no", usual: true };

const MUTABILITY = {
  readWrite: "read-write",
  readOnly: "read-only",
  immutable: "immutable",
  writeOnly: "write-only",
} as const;

export const mutabilityWord = ({
  mutability = "readWrite",
}: AttributeDefinition): Characteristic => ({
  word: MUTABILITY[mutability],
  usual: mutability === "readWrite",
});

const UNIQUENESS = { none: "no", server: "in the source", global: "everywhere" } as const;

export const uniquenessWord = ({ uniqueness = "none" }: AttributeDefinition): Characteristic => ({
  word: UNIQUENESS[uniqueness],
  usual: uniqueness === "none",
});

/** "several complex values of display, value", for what was only seen and not yet defined. */
export function shapeWords(shape: AttributeDefinition): string {
  const type = typeWord(shape);
  const parts = (shape.subAttributes ?? []).map(({ name }) => name);
  const said = shape.multiValued ? `several values, ${type}` : type;
  return parts.length === 0 ? said : `${said}: ${parts.join(", ")}`;
}

/** The URN of the extension that a path leads into, if it does, and the attribute in it. */
export function partsOfPath(path: string): { urn: string | null; name: string } {
  const colon = path.toLowerCase().startsWith("urn:") ? path.lastIndexOf(":") : -1;
  return colon < 0
    ? { urn: null, name: path }
    : { urn: path.slice(0, colon), name: path.slice(colon + 1) };
}

/** The RFC explains at length; its first sentence says what an attribute is. */
export function firstSentence(text: string): string {
  return /^.*?[^.]{3}\.(?=\s+[A-Z])/s.exec(text)?.[0] ?? text;
}
