import { describe, expect, test } from "vitest";
import type { AttributeDefinition, Origin, SourceSchema } from "../api/types";
import {
  attributeRows,
  firstSentence,
  mutabilityWord,
  partsOfPath,
  requiredWord,
  shapeWords,
  typeWord,
  uniquenessWord,
  valuesWord,
} from "./attribute-rows";

const attributes: AttributeDefinition[] = [
  { name: "userName", type: "string", required: true, uniqueness: "server" },
  {
    name: "emails",
    type: "complex",
    multiValued: true,
    subAttributes: [{ name: "value" }, { name: "type" }],
  },
  { name: "favoriteColor" },
];

const schemaOf = (origin: Origin, ...added: string[]): SourceSchema => ({
  schema: { id: "urn:ietf:params:scim:schemas:core:2.0:User", attributes },
  origin,
  added_attributes: added,
  resource_types: [],
});

describe("the rows", () => {
  const paths = (...opened: string[]) =>
    attributeRows(schemaOf("built_in"), new Set(opened)).map(({ path }) => path);
  test("are the attributes", () => {
    expect(paths()).toEqual(["userName", "emails", "favoriteColor"]);
  });
  test("have the parts of what is opened below it", () => {
    expect(paths("emails")).toEqual([
      "userName",
      "emails",
      "emails.value",
      "emails.type",
      "favoriteColor",
    ]);
  });
  test("tell what the source adds to a schema that it didn't make", () => {
    const added = (schema: SourceSchema) =>
      attributeRows(schema, new Set())
        .filter((row) => row.added)
        .map(({ path }) => path);
    expect(added(schemaOf("extended", "FavoriteColor"))).toEqual(["favoriteColor"]);
    expect(added(schemaOf("own", "userName", "emails", "favoriteColor"))).toEqual([]);
  });
});

test("what is left out is as RFC 7643 §2.2 has it", () => {
  const plain = { name: "favoriteColor" };
  expect(typeWord(plain)).toBe("string");
  for (const word of [valuesWord, requiredWord, mutabilityWord, uniquenessWord]) {
    expect(word(plain).usual).toBe(true);
  }
});

test("what differs from that is said", () => {
  const unusual: AttributeDefinition = {
    name: "badges",
    multiValued: true,
    required: true,
    mutability: "immutable",
    uniqueness: "global",
  };
  expect(
    [valuesWord, requiredWord, mutabilityWord, uniquenessWord].map((of) => of(unusual)),
  ).toEqual([
    { word: "several", usual: false },
    { word: "yes", usual: false },
    { word: "immutable", usual: false },
    { word: "everywhere", usual: false },
  ]);
});

test("a shape is said with its parts", () => {
  expect(shapeWords({ name: "floor", type: "integer" })).toBe("integer");
  expect(shapeWords({ name: "tags", multiValued: true })).toBe("several values, string");
  expect(
    shapeWords({
      name: "badges",
      type: "complex",
      multiValued: true,
      subAttributes: [{ name: "value" }, { name: "level" }],
    }),
  ).toBe("several values, complex: value, level");
});

test("a path is an attribute, or one in an extension", () => {
  expect(partsOfPath("favoriteColor")).toEqual({ urn: null, name: "favoriteColor" });
  expect(partsOfPath("name.nick")).toEqual({ urn: null, name: "name.nick" });
  expect(partsOfPath("urn:example:scim:schemas:2.0:Badge:level")).toEqual({
    urn: "urn:example:scim:schemas:2.0:Badge",
    name: "level",
  });
});

test("of a description, its first sentence is enough", () => {
  expect(firstSentence("The user's title. It is not a name. REQUIRED.")).toBe("The user's title.");
  const abbreviated = "A name, e.g., 'Bob' instead of 'Robert'. This SHOULD NOT be a user name.";
  expect(firstSentence(abbreviated)).toBe("A name, e.g., 'Bob' instead of 'Robert'.");
  for (const whole of ["", "What is printed on it", "See RFC 3966, e.g. tel:+1-201-555-0123"]) {
    expect(firstSentence(whole)).toBe(whole);
  }
});
