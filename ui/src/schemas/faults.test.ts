import { expect, test } from "vitest";
import { ApiError } from "../api/client";
import { faultOfJson, faultOfRefusal } from "./faults";
import { readJson } from "./json-places";

const TEXT = `{
  "id": "urn:example:scim:schemas:2.0:Badge",
  "attributes": [
    {
      "name": "level",
      "type": "number"
    }
  ]
}`;

function refused(field: string | null, detail: string) {
  const reading = readJson(TEXT);
  if (reading.fault) throw new Error(reading.fault.message);
  return faultOfRefusal(new ApiError(422, { detail, field }), TEXT, reading.places);
}

test("a refused member is told with its line and the lines around", () => {
  const fault = refused("attributes[0].type", 'attributes[0].type: "number" is no data type.');
  expect(fault).toMatchObject({
    member: "attributes[0].type",
    message: '"number" is no data type.',
    place: { line: 6, column: 7 },
  });
  expect(fault.place?.excerpt.map(({ number, wrong }) => [number, wrong])).toEqual([
    [4, false],
    [5, false],
    [6, true],
    [7, false],
    [8, false],
  ]);
});

test("what begins with a path begins with a capital without it", () => {
  expect(refused("attributes[0].name", "attributes[0].name: it occurs twice.").message).toBe(
    "It occurs twice.",
  );
});

test("a refusal of the whole has no place", () => {
  const fault = refused("extends", 'extends: there is no resource type "Robot".');
  expect(fault).toEqual({
    message: 'extends: there is no resource type "Robot".',
    member: null,
    place: null,
  });
  expect(refused(null, "The store failed.").place).toBeNull();
});

test("a fault of the text is told with its line", () => {
  const text = '{\n  "id": "urn:example:Badge"\n  "attributes": []\n}';
  const reading = readJson(text);
  if (!reading.fault) throw new Error("nothing was found wrong");
  expect(faultOfJson(text, reading.fault)).toMatchObject({
    message: "A comma or } is missing here.",
    place: { line: 2, column: 28 },
  });
});
