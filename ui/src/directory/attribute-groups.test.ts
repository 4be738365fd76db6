import { expect, test } from "vitest";
import { attributeGroups } from "./attribute-groups";

test("attributes are gathered in groups, with readable names and their SCIM paths", () => {
  const groups = attributeGroups({
    schemas: ["x"],
    meta: {},
    title: "Countess",
    name: { familyName: "Lovelace" },
    userName: "ada",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { department: "Maths" },
    "urn:acme:extension:payroll:2.0:User": { payGrade: 7 },
  });
  expect(groups).toEqual([
    { title: "Account", attributes: [{ name: "User name", path: "userName", lines: ["ada"] }] },
    {
      title: "Name",
      attributes: [{ name: "Family name", path: "name.familyName", lines: ["Lovelace"] }],
    },
    {
      title: "Work",
      attributes: [
        { name: "Title", path: "title", lines: ["Countess"] },
        {
          name: "Department",
          path: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
          lines: ["Maths"],
        },
      ],
    },
    {
      title: "Extension: payroll",
      attributes: [
        { name: "Pay grade", path: "urn:acme:extension:payroll:2.0:User:payGrade", lines: ["7"] },
      ],
    },
  ]);
});
