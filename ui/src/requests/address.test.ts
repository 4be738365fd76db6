import { expect, test } from "vitest";
import { readableAddress, shortPath } from "./address";

test.each([
  ["/source/scim/okta/v2/Users/7", "/Users/7"],
  ["/source/scim/okta/v2", "/"],
  ["/source/scim/okta", "/"],
  ["/elsewhere", "/elsewhere"],
])("%s is shown as %s", (path, shown) => {
  expect(shortPath(path)).toBe(shown);
});

test("a query is shown with its escapes resolved, unless they are broken", () => {
  expect(readableAddress("/source/scim/okta/v2/Users", "filter=userName+eq+%22ada%22")).toBe(
    '/Users?filter=userName eq "ada"',
  );
  expect(readableAddress("/source/scim/okta/v2/Users", "filter=%ZZ")).toBe("/Users?filter=%ZZ");
});
