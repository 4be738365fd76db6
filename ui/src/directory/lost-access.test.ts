import { expect, test } from "vitest";
import type { Change } from "../api/types";
import { lostAccess, lostAccessText } from "./lost-access";

let sequence = 0;
function change(type: "User" | "Group", id: string, given: Partial<Change>): Change {
  return {
    source: { slug: "okta", name: "Okta", provider: "okta" },
    sequence: ++sequence,
    at: "2026-11-25T10:00:00.000Z",
    kind: "update",
    resource: { type, id, display: id, deleted: false },
    version: 1,
    actor: { kind: "service_account", id: null, name: "Okta" },
    request_id: null,
    before: null,
    after: null,
    members_added: [],
    members_removed: [],
    members_added_count: 0,
    members_removed_count: 0,
    ...given,
  };
}
const ada = { id: "ada", type: "User", display: "Ada" } as const;
const joins = (group: string) => change("Group", group, { members_added: [ada] });
const leaves = (group: string) => change("Group", group, { members_removed: [ada] });
const told = (history: Change[]) => lostAccess("ada", history).map(lostAccessText);

test("a removal from a group is told", () => {
  expect(told([joins("Engineering"), leaves("Engineering")])).toEqual([
    "Removed from Engineering by Okta",
  ]);
});
test("a removal is not told once the user is a member again", () => {
  expect(told([joins("Engineering"), leaves("Engineering"), joins("Engineering")])).toEqual([]);
});
test("a deactivation is told until it is undone, whatever else changed since", () => {
  const off = change("User", "ada", { before: { active: true }, after: { active: false } });
  const renamed = change("User", "ada", { before: { title: "a" }, after: { title: "b" } });
  expect(told([off, renamed])).toEqual(["Deactivated by Okta"]);
  expect(
    told([off, change("User", "ada", { before: { active: false }, after: { active: true } })]),
  ).toEqual([]);
});
test("a deletion is told, newest first", () => {
  expect(told([joins("Ops"), leaves("Ops"), change("User", "ada", { kind: "delete" })])).toEqual([
    "Deleted by Okta",
    "Removed from Ops by Okta",
  ]);
});
test("a user that was created inactive lost nothing", () => {
  expect(told([change("User", "ada", { kind: "create", after: { active: true } })])).toEqual([]);
  expect(told([change("User", "ada", { kind: "create", after: { active: false } })])).toEqual([]);
});
test("leaving the groups by being deleted is not told again", () => {
  const left = change("Group", "Ops", { members_removed: [ada], request_id: "r1" });
  expect(told([left, change("User", "ada", { kind: "delete", request_id: "r1" })])).toEqual([
    "Deleted by Okta",
  ]);
});
