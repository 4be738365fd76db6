import { expect, test } from "vitest";
import type { UnknownAttribute } from "../api/types";
import { extensionsOf } from "./unknown-extensions";

const BADGE = "urn:example:scim:schemas:2.0:Badge";

const sent = (path: string, adoptable = true, resource_type = "User"): UnknownAttribute => ({
  resource_type,
  path,
  shape: { name: path },
  seen: 1,
  first_seen: "2026-11-25T10:00:00.000Z",
  last_seen: "2026-11-25T10:00:00.000Z",
  adoptable,
  reason: adoptable ? null : "it is inside of another",
});

test("several attributes of one extension can be added at once", () => {
  expect(
    extensionsOf([sent("favoriteColor"), sent(`${BADGE}:level`), sent(`${BADGE}:doors`)]),
  ).toEqual([{ resource_type: "User", urn: BADGE, name: "Badge", count: 2 }]);
});

test("one alone has its own button", () => {
  expect(extensionsOf([sent(`${BADGE}:level`), sent(`${BADGE}:level`, true, "Group")])).toEqual([]);
});

test("what can't be added hinders the others", () => {
  expect(extensionsOf([sent(`${BADGE}:level`), sent(`${BADGE}:doors.name`, false)])).toEqual([]);
});
