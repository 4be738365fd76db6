import { describe, expect, test } from "vitest";
import { changedNames, differences } from "./differences";

const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PAYROLL = "urn:acme:params:scim:schemas:extension:payroll:2.0:User";

const told = (before: Record<string, unknown> | null, after: Record<string, unknown> | null) =>
  differences(before, after).map(
    ({ name, before, after }) => `${name}: ${before.join(" | ")} → ${after.join(" | ")}`,
  );

describe("old and new values", () => {
  test("of a simple attribute", () => {
    expect(told({ title: "Clerk" }, { title: "Countess" })).toEqual(["title: Clerk → Countess"]);
    expect(told({ active: true }, { active: false })).toEqual(["active: yes → no"]);
  });
  test("of an attribute that is new or gone", () => {
    expect(told({}, { nickName: "Ada" })).toEqual(["nick name:  → Ada"]);
    expect(told({ nickName: "Ada" }, { nickName: null })).toEqual(["nick name: Ada → "]);
  });
  test("of a nested path", () => {
    expect(told({ name: { familyName: "Byron" } }, { name: { familyName: "King" } })).toEqual([
      "family name: Byron → King",
    ]);
  });
  test("of a multi-valued attribute tell only the values that differ", () => {
    const work = { value: "ada@example.com", type: "work", primary: true };
    const home = { value: "ada@home.example", type: "home" };
    expect(differences({ emails: [work] }, { emails: [work, home] })).toEqual([
      {
        path: ["emails"],
        name: "e-mail addresses",
        before: [],
        after: ["ada@home.example (home)"],
        unchanged: 1,
      },
    ]);
  });
  test("of an address without a formatted one", () => {
    expect(
      told(
        {},
        {
          addresses: [{ type: "work", streetAddress: "12 St James’s Square", locality: "London" }],
        },
      ),
    ).toEqual(["addresses:  → 12 St James’s Square, London (work)"]);
  });
  test("of the enterprise extension need no prefix, of others a short one", () => {
    expect(
      told({ [ENTERPRISE]: { department: "Maths" } }, { [ENTERPRISE]: { department: "Engines" } }),
    ).toEqual(["department: Maths → Engines"]);
    expect(told({}, { [PAYROLL]: { payGrade: 7 } })).toEqual(["pay grade (payroll):  → 7"]);
  });
  test("of a manager are read as one thing", () => {
    expect(
      told({}, { [ENTERPRISE]: { manager: { value: "7", displayName: "Grace Hopper" } } }),
    ).toEqual(["manager:  → Grace Hopper (7)"]);
  });
  test("leave out what the server maintains, and what is the same", () => {
    expect(
      told({ title: "Countess" }, { title: "Countess", schemas: ["x"], meta: { version: "2" } }),
    ).toEqual([]);
  });
  test("of a created resource are all new", () => {
    expect(told(null, { userName: "ada", name: { givenName: "Ada" } })).toEqual([
      "user name:  → ada",
      "given name:  → Ada",
    ]);
  });
});

test("a sentence names an attribute once, however many of its parts differ", () => {
  expect(changedNames({}, { address: { city: "London", zip: "SW1Y" }, title: "x" })).toEqual([
    "address",
    "title",
  ]);
});
