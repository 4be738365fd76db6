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
