import { describe, expect, test } from "vitest";
import { matching, type OpenApiDocument, tagsOf } from "./document";
import { boundWords, schemaWords } from "./schema-words";

const document: OpenApiDocument = {
  openapi: "3.1.0",
  info: { title: "API", version: "1" },
  tags: [{ name: "Users" }, { name: "Empty" }],
  paths: {
    "/users/{id}": {
      parameters: [{ name: "id", in: "path" }],
      get: {
        tags: ["Users"],
        operationId: "get_user",
        summary: "Get a user",
        parameters: [{ name: "q", in: "query" }],
      },
      delete: { summary: "Remove", security: [] },
    },
  },
};

describe("the operations of a document", () => {
  test("are gathered by tag, and tags without any are left out", () => {
    expect(
      tagsOf(document).map(({ name, operations }) => [name, operations.map(({ id }) => id)]),
    ).toEqual([
      ["Users", ["get_user"]],
      ["Other", ["delete-users-id-"]],
    ]);
  });
  test("have the parameters of their path too", () => {
    expect(tagsOf(document)[0]?.operations[0]?.parameters.map(({ name }) => name)).toEqual([
      "id",
      "q",
    ]);
  });
  test("are found by words in any order", () => {
    expect(
      matching(tagsOf(document), "user GET").flatMap(({ operations }) =>
        operations.map(({ id }) => id),
      ),
    ).toEqual(["get_user"]);
  });
});

test.each([
  [{ type: "string", format: "date-time" }, "text (date-time)"],
  [{ type: ["string", "null"] }, "text or null"],
  [{ type: "array", items: { $ref: "#/components/schemas/User" } }, "array of User"],
  [{ oneOf: [{ $ref: "#/components/schemas/Actor" }, { type: "null" }] }, "Actor or null"],
  [{ type: "string", enum: ["asc", "desc"] }, "one of asc, desc"],
  [{ type: "integer", format: "int64" }, "whole number"],
])("%j is said as %j", (schema, words) => {
  expect(
    schemaWords(schema)
      .map((part) => (typeof part === "string" ? part : part.schema))
      .join(""),
  ).toBe(words);
});

test("bounds and defaults are said", () => {
  expect(boundWords({ minimum: 1, maximum: 1000, default: 50 })).toBe(
    "at least 1, at most 1000, 50 unless given",
  );
});
