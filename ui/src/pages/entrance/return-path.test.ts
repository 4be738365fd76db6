import { expect, it } from "vitest";
import { returnPath } from "./return-path";

it("returns to the page that asked for a session", () => {
  expect(returnPath("/directory/users?q=ada")).toBe("/directory/users?q=ada");
});

it.each([null, "", "https://evil.example", "//evil.example", "/\\evil.example", "/sign-in"])(
  "goes to the start instead of %j",
  (value) => {
    expect(returnPath(value)).toBe("/");
  },
);
