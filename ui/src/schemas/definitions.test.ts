import { expect, test } from "vitest";
import { withoutExtension } from "../api/schemas";
import type { SourceSchema } from "../api/types";
import { counted, listOf } from "./counted";
import { additionsOf, textMember } from "./definitions";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";

const user: SourceSchema = {
  schema: { id: USER, name: "User", attributes: [{ name: "userName" }, { name: "favoriteColor" }] },
  origin: "extended",
  added_attributes: ["favoriteColor"],
  resource_types: [{ name: "User", base: true, required: true }],
};

test("of a built-in schema, what is added to it is changed", () => {
  expect(additionsOf(user)).toEqual({ id: USER, attributes: [{ name: "favoriteColor" }] });
});

test("a schema that nothing is added to starts with an attribute without a name", () => {
  const { attributes } = additionsOf({ ...user, origin: "built_in", added_attributes: [] });
  expect(attributes).toMatchObject([{ name: "" }]);
});

test("of the source's own, all is changed", () => {
  expect(additionsOf({ ...user, origin: "own" })).toBe(user.schema);
});

test("only texts count as members", () => {
  expect(textMember({ id: USER }, "id")).toBe(USER);
  for (const value of [{ id: "" }, { id: 1 }, {}, [], null, "id", undefined]) {
    expect(textMember(value, "id")).toBeUndefined();
  }
});

test("an extension is taken out in any letter case, and the others stay", () => {
  const type = {
    name: "User",
    schemaExtensions: [
      { schema: "urn:example:Badge", required: true },
      { schema: "urn:example:Desk" },
    ],
  };
  expect(withoutExtension(type, "urn:example:badge")).toEqual({
    name: "User",
    schemaExtensions: [{ schema: "urn:example:Desk" }],
  });
  expect(withoutExtension({ name: "User" }, "urn:example:badge").schemaExtensions).toEqual([]);
});

test("counts and lists are said in words", () => {
  expect(counted(1, "attribute")).toBe("1 attribute");
  expect(counted(1_204, "resource")).toBe("1,204 resources");
  expect([[], ["User"], ["User", "Group"], ["User", "Group", "Device"]].map(listOf)).toEqual([
    "",
    "User",
    "User and Group",
    "User, Group and Device",
  ]);
});
