// A schema in words: "array of Source", "text (date-time) or null", "one of administrator, auditor".
import type { Schema } from "./document";

export type SchemaPart = string | { schema: string };

export const nameOfRef = (ref: string) => ref.split("/").at(-1) ?? ref;

const TYPES: Record<string, string> = {
  string: "text",
  integer: "whole number",
  number: "number",
  boolean: "true or false",
  object: "object",
  array: "array",
  null: "null",
};

export function schemaWords(schema: Schema | undefined): SchemaPart[] {
  if (schema === undefined) return ["anything"];
  if (schema.$ref !== undefined) return [{ schema: nameOfRef(schema.$ref) }];
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return joined(choices.map(schemaWords), " or ");
  if (schema.allOf) return joined(schema.allOf.map(schemaWords), " with ");
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  const types = Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
  if (types.length === 0) return [schema.enum ? oneOf(schema.enum) : "anything"];
  return joined(
    types.map((type) => ofType(type, schema)),
    " or ",
  );
}

function ofType(type: string, schema: Schema): SchemaPart[] {
  if (type === "array") return ["array of ", ...schemaWords(schema.items)];
  if (type === "string" && schema.enum) return [oneOf(schema.enum)];
  const format =
    schema.format && !/^u?int(32|64)$/.test(schema.format) ? ` (${schema.format})` : "";
  return [(TYPES[type] ?? type) + (type === "null" ? "" : format)];
}

const oneOf = (values: unknown[]) =>
  `one of ${values.filter((value) => value !== null).join(", ")}`;

function joined(lists: SchemaPart[][], between: string): SchemaPart[] {
  return lists.flatMap((list, index) => (index === 0 ? list : [between, ...list]));
}

/** Bounds and defaults: "at least 1, at most 1000, 50 unless given". */
export function boundWords(schema: Schema | undefined): string {
  if (!schema) return "";
  const words: string[] = [];
  if (schema.minimum !== undefined) words.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined) words.push(`at most ${schema.maximum}`);
  if (schema.minLength) words.push(`at least ${schema.minLength} characters`);
  if (schema.maxLength !== undefined) words.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems !== undefined) words.push(`at most ${schema.maxItems} items`);
  if (schema.pattern !== undefined) words.push(`matches ${schema.pattern}`);
  if (schema.default !== undefined && schema.default !== null)
    words.push(`${String(schema.default)} unless given`);
  return words.join(", ");
}

/** The properties that an object shows, those of its parts included. */
export function propertiesOf(
  schema: Schema,
): { name: string; schema: Schema; required: boolean }[] {
  const own = Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    schema: property,
    required: schema.required?.includes(name) ?? false,
  }));
  return [...(schema.allOf ?? []).flatMap(propertiesOf), ...own];
}
