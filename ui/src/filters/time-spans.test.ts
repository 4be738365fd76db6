import { expect, test } from "vitest";
import { fromLocalInput, spanName, toLocalInput, withMoments } from "./time-spans";

const now = Date.parse("2026-11-25T12:00:00.000Z");

test("a span becomes moments when it is asked for", () => {
  expect(withMoments({ time: "1h", q: "ada" }, now)).toEqual({
    q: "ada",
    from: "2026-11-25T11:00:00.000Z",
    to: undefined,
  });
});
test("moments that are given stay", () => {
  const given = { from: "2026-11-01T00:00:00.000Z", to: "2026-11-02T00:00:00.000Z" };
  expect(withMoments({ time: "custom", ...given }, now)).toEqual(given);
});
test("moments without a span's name are a custom one", () => {
  expect(spanName({ time: "", from: "2026-11-01T00:00:00.000Z", to: "" })).toBe("custom");
  expect(spanName({ time: "7d", from: "", to: "" })).toBe("7d");
});
test("an input's local time is the same moment, there and back", () => {
  expect(fromLocalInput(toLocalInput("2026-11-25T12:30:00.000Z"))).toBe("2026-11-25T12:30:00.000Z");
  expect(toLocalInput("nonsense")).toBe("");
});
