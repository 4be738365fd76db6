import { expect, test } from "vitest";
import type { Outcome } from "../api/types";
import { askedBy, operationsOf } from "./operations";

const outcome = (operation: number | null, result: Outcome["result"]): Outcome => ({
  operation,
  action: "create",
  path: null,
  result,
  detail: null,
});

test("operations come in the order of the request, whenever they were done", () => {
  const { operations } = operationsOf([
    outcome(2, "refused"),
    outcome(0, "applied"),
    outcome(1, "nothing_to_do"),
  ]);
  expect(operations.map(({ position, result }) => [position, result])).toEqual([
    [0, "applied"],
    [1, "nothing_to_do"],
    [2, "refused"],
  ]);
});

test("an operation comes to the weightiest of its outcomes", () => {
  const result = (...results: Outcome["result"][]) =>
    operationsOf(results.map((one) => outcome(0, one))).operations[0]?.result;
  expect(result("mended", "applied")).toBe("applied");
  expect(result("ignored", "refused")).toBe("refused");
  expect(result("ignored", "nothing_to_do")).toBe("nothing_to_do");
});

test("what is about the whole request belongs to no operation", () => {
  const more = outcome(null, "ignored");
  expect(operationsOf([outcome(0, "applied"), more]).others).toEqual([more]);
});

test("what was asked for is read from the body", () => {
  const body = JSON.stringify({
    Operations: [{ method: "POST", path: "/Users", bulkId: "a" }, { method: "DELETE" }, null],
  });
  expect(askedBy(body)).toEqual(["POST /Users", "DELETE", ""]);
});

test("a body that was not kept whole says nothing", () => {
  for (const body of [null, "", '{"Operations": [{"met', "{}", '"text"', "null"]) {
    expect(askedBy(body)).toEqual([]);
  }
});
