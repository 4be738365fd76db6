import { expect, it } from "vitest";
import { fromNow } from "./moment-words";

const now = Date.parse("2026-11-25T12:00:00.000Z");

it.each([
  ["2026-11-25T11:59:55.000Z", "just now"],
  ["2026-11-25T12:00:04.000Z", "just now"],
  ["2026-11-25T11:59:20.000Z", "40 seconds ago"],
  ["2026-11-25T11:58:00.000Z", "2 minutes ago"],
  ["2026-11-25T09:00:00.000Z", "3 hours ago"],
  ["2026-11-24T11:00:00.000Z", "yesterday"],
  ["2026-12-02T12:00:00.000Z", "in 7 days"],
  ["2026-03-12T12:00:00.000Z", "12 Mar 2026"],
])("%s is %s", (at, words) => {
  expect(fromNow(at, now)).toBe(words);
});
