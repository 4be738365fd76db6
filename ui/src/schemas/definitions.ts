// What administrators write of schemas and resource types.
import type { SchemaDefinition, SourceSchema } from "../api/types";

/** A member of what was written, if it is a text. */
export function textMember(value: unknown, member: string): string | undefined {
  if (typeof value !== "object" || value === null || !(member in value)) return undefined;
  const found = (value as Record<string, unknown>)[member];
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** What is to be changed of a schema: all of one's own, of a built-in one what is added to it. */
export function additionsOf({ schema, origin, added_attributes }: SourceSchema): SchemaDefinition {
  if (origin === "own") return schema;
  const added = new Set(added_attributes.map((name) => name.toLowerCase()));
  const attributes = schema.attributes.filter(({ name }) => added.has(name.toLowerCase()));
  return {
    id: schema.id,
    attributes:
      attributes.length > 0
        ? attributes
        : // A start, refused until it has a name.
          [{ name: "", type: "string", multiValued: false, description: "", required: false }],
  };
}
