import { describe, expect, test } from "vitest";
import { placeOfMember, positionOf, readJson } from "./json-places";

const TEXT = `{
  "id": "urn:example:Badge",
  "attributes": [
    { "name": "level", "type": "integer" },
    { "name": "doors", "type": "strng", "subAttributes": [] }
  ]
}`;

/** The part of the text that a member is found at. */
function found(path: string, text = TEXT): string | null {
  const reading = readJson(text);
  if (reading.fault) throw new Error(reading.fault.message);
  const place = placeOfMember(reading.places, path);
  return place && text.slice(place.start, place.end);
}

/** What is wrong, and what the text goes on with there. */
function fault(text: string): [string, string] {
  const reading = readJson(text);
  if (!reading.fault) throw new Error("nothing was found wrong");
  return [reading.fault.message, text.slice(reading.fault.at, reading.fault.at + 6)];
}

describe("a member", () => {
  test("is found by its path, with its name", () => {
    expect(found("id")).toBe('"id": "urn:example:Badge"');
    expect(found("attributes[1].type")).toBe('"type": "strng"');
    expect(found("attributes[0]")).toBe('{ "name": "level", "type": "integer" }');
    expect(found("attributes[1].subAttributes")).toBe('"subAttributes": []');
  });
  test("that is missing is found in what it is missing in", () => {
    expect(found("attributes[0].mutability")).toBe('{ "name": "level", "type": "integer" }');
    expect(found("attributes[1].subAttributes[4].name")).toBe('"subAttributes": []');
  });
  test("of the whole text has no place of its own", () => {
    expect(found("name")).toBeNull();
    expect(found("extends")).toBeNull();
  });
});

describe("a fault", () => {
  test.each([
    ['{ "a": 1 "b": 2 }', "A comma or } is missing here.", ' "b": '],
    ['{ "a": [1, 2, ] }', "A comma stands before this ].", "] }"],
    ['{ "a": strng }', "A value belongs here.", "strng "],
    ["{ a: 1 }", "A name in quotes belongs here.", "a: 1 }"],
    ['{ "a" 1 }', "A colon is missing here.", " 1 }"],
    ['{ "a": 1 } x', "Nothing may follow the last bracket.", "x"],
    ['{ "a": [1', "A ] is missing.", ""],
    ["", "The text ends too early.", ""],
  ])("in %s is told with its place", (text, message, at) => {
    expect(fault(text)).toEqual([message, at]);
  });
  test("of a text that goes on over lines is where it begins", () => {
    expect(fault('{ "a": "b\n" }')[1]).toBe('"b\n" }');
  });
});

test("what is read is what JSON.parse reads", () => {
  for (const text of [TEXT, ' [1, -2.5e3, true, null, "\\u00e9\\n\u007f€😀", {}, [[]]] ', "0"]) {
    const reading = readJson(text);
    expect(reading.fault ?? reading.value).toEqual(JSON.parse(text));
  }
});

test("what JSON.parse refuses is refused", () => {
  for (const text of ["01", "+1", "'a'", '"\\x"', '"\t"', "[1,]", "{,}", "nul", "[", "//", "1 2"]) {
    expect(() => JSON.parse(text) as unknown, text).toThrow();
    expect(readJson(text).fault, text).not.toBeNull();
  }
});

test("a deeply nested text is refused", () => {
  expect(fault("[".repeat(5_000))[0]).toBe("This is nested too deep.");
});

test("lines and columns are counted from 1", () => {
  expect(positionOf(TEXT, 0)).toEqual({ line: 1, column: 1 });
  expect(positionOf(TEXT, TEXT.indexOf('"type": "strng"'))).toEqual({ line: 5, column: 24 });
});
