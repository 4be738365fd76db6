import { describe, expect, it } from "vitest";
import { barsOf, gridOf, summaryOf } from "./traffic";

const hour = (requests: number, errors = 0, at = 0) => ({
  start: new Date(Date.UTC(2026, 10, 25, at)).toISOString(),
  requests,
  errors,
  changes: 0,
});

describe("the grid", () => {
  it.each([
    [0, 1, [0]],
    [1, 1, [0, 1]],
    [7, 10, [0, 5, 10]],
    [340, 400, [0, 200, 400]],
  ])("of at most %i requests ends at %i", (most, top, lines) => {
    expect(gridOf([hour(0), hour(most)])).toEqual({ top, lines });
  });
});

describe("the bars", () => {
  const area = { left: 0, top: 0, width: 100, height: 100 };

  it("show one error among a thousand requests", () => {
    const [bar] = barsOf([hour(1000, 1)], area, 1000);
    expect(bar?.requests.height).toBe(100);
    expect(bar?.errors.height).toBe(2);
  });

  it("stand on the foot", () => {
    const [bar] = barsOf([hour(50)], area, 100);
    expect(bar?.requests).toMatchObject({ y: 50, height: 50 });
    expect(bar?.errors.height).toBe(0);
  });
});

describe("the summary", () => {
  it("says when nothing came", () => {
    expect(summaryOf([hour(0)])).toBe("No requests in the last day.");
  });

  it("counts in the singular, too", () => {
    expect(summaryOf([hour(1, 1)])).toMatch(/^1 request and 1 error in the last day/);
  });
});
