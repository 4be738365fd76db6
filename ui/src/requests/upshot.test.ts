import { expect, test } from "vitest";
import type { Outcome } from "../api/types";
import { upshotOf } from "./upshot";

const of = (...results: Outcome["result"][]) =>
  upshotOf({
    operation: "update",
    outcomes: results.map((result) => ({
      operation: 0,
      action: "add",
      path: null,
      result,
      detail: null,
    })),
  });

test("one kind of outcome is said in its words", () => {
  expect(of("applied", "applied")).toBe("Done");
  expect(of("nothing_to_do")).toBe("Nothing to do");
});
test("several kinds are counted", () => {
  expect(of("applied", "nothing_to_do", "applied")).toBe("2 done, 1 nothing to do");
});
test("without outcomes, the operation tells", () => {
  expect(upshotOf({ operation: "search", outcomes: [] })).toBe("Read");
});
test("of a bulk request, its operations are counted", () => {
  const operation = (position: number, result: Outcome["result"]): Outcome => ({
    operation: position,
    action: "create",
    path: null,
    result,
    detail: null,
  });
  const bulk = (...outcomes: Outcome[]) => upshotOf({ operation: "bulk", outcomes });
  expect(bulk(operation(0, "applied"), operation(1, "applied"))).toBe("2 done");
  expect(bulk(operation(0, "applied"), operation(2, "refused"), operation(1, "applied"))).toBe(
    "2 done, 1 refused",
  );
});
