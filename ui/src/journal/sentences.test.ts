import { describe, expect, test } from "vitest";
import type { Change, MemberRef } from "../api/types";
import { listed, sentenceText } from "./sentences";

const okta = { slug: "okta", name: "Okta", provider: "okta" } as const;
const entra = { slug: "contoso", name: "Contoso Entra", provider: "entra" } as const;
const ada: MemberRef = { id: "ada", type: "User", display: "Ada Lovelace" };
const alan: MemberRef = { id: "alan", type: "User", display: "Alan Turing" };
const alice = { kind: "administrator", id: "alice", name: "Alice Smith" } as const;

type Given = Partial<Omit<Change, "resource">> & { resource?: Partial<Change["resource"]> };

function change({ resource, ...given }: Given): Change {
  const members_added = given.members_added ?? [];
  const members_removed = given.members_removed ?? [];
  return {
    source: okta,
    sequence: 1,
    at: "2026-11-25T10:00:00.000Z",
    kind: "update",
    version: 2,
    actor: { kind: "service_account", id: "account", name: "Okta provisioning" },
    request_id: null,
    before: null,
    after: null,
    members_added_count: members_added.length,
    members_removed_count: members_removed.length,
    ...given,
    members_added,
    members_removed,
    resource: { type: "User", id: "ada", display: "Ada Lovelace", deleted: false, ...resource },
  };
}

const user = (given: Given) => sentenceText(change(given));
const group = (given: Given, focus?: string) =>
  sentenceText(
    change({ ...given, resource: { type: "Group", id: "eng", display: "Engineering" } }),
    focus,
  );
const of = (resource: Partial<Change["resource"]>, given: Given) =>
  sentenceText(change({ actor: alice, source: null, ...given, resource }));

describe("a user", () => {
  test("is created and deleted", () => {
    expect(user({ kind: "create", after: { userName: "ada" } })).toBe("Okta created Ada Lovelace");
    expect(user({ kind: "delete", before: { userName: "ada" } })).toBe("Okta deleted Ada Lovelace");
  });
  test("is deactivated and reactivated", () => {
    expect(user({ before: { active: true }, after: { active: false } })).toBe(
      "Okta deactivated Ada Lovelace",
    );
    expect(user({ before: { active: false }, after: { active: true } })).toBe(
      "Okta reactivated Ada Lovelace",
    );
    expect(user({ before: {}, after: { active: true } })).toBe("Okta activated Ada Lovelace");
  });
  test("has attributes changed", () => {
    expect(user({ source: entra, before: { title: "Clerk" }, after: { title: "Countess" } })).toBe(
      "Contoso Entra changed title of Ada Lovelace",
    );
    expect(
      user({ before: { name: { familyName: "Byron" } }, after: { name: { familyName: "King" } } }),
    ).toBe("Okta changed family name of Ada Lovelace");
  });
  test("has many attributes changed, of which two are named", () => {
    expect(
      user({
        before: {},
        after: { title: "Countess", nickName: "Ada", locale: "en-GB", timezone: "Europe/London" },
      }),
    ).toBe("Okta changed title, nick name and 2 more of Ada Lovelace");
  });
  test("is deactivated and changed at once", () => {
    expect(
      user({
        before: { active: true, title: "Countess" },
        after: { active: false, title: "None" },
      }),
    ).toBe("Okta deactivated Ada Lovelace and changed title");
  });
  test("is called by its id when nothing better is known", () => {
    expect(user({ kind: "create", resource: { display: null } })).toBe("Okta created ada");
  });
});

describe("a group", () => {
  test("gets and loses a member", () => {
    expect(group({ members_added: [ada] })).toBe("Okta added Ada Lovelace to Engineering");
    expect(group({ members_removed: [ada] })).toBe("Okta removed Ada Lovelace from Engineering");
  });
  test("gets two members, both named", () => {
    expect(group({ members_added: [ada, alan] })).toBe(
      "Okta added Ada Lovelace and Alan Turing to Engineering",
    );
  });
  test("gets many members, counted", () => {
    expect(group({ members_added: [ada, alan], members_added_count: 12 })).toBe(
      "Okta added 12 members to Engineering",
    );
    expect(group({ members_removed: [ada], members_removed_count: 1200 })).toBe(
      "Okta removed 1,200 members from Engineering",
    );
  });
  test("has members swapped", () => {
    expect(group({ members_added: [ada], members_removed: [alan] })).toBe(
      "Okta added Ada Lovelace to and removed Alan Turing from Engineering",
    );
  });
  test("is told from the point of view of one member", () => {
    expect(group({ members_added: [alan, ada], members_added_count: 12 }, "ada")).toBe(
      "Okta added Ada Lovelace and 11 others to Engineering",
    );
  });
  test("is made with members, renamed, deleted", () => {
    expect(group({ kind: "create", members_added: [ada] })).toBe(
      "Okta created Engineering with Ada Lovelace",
    );
    expect(
      group({ before: { displayName: "Makers" }, after: { displayName: "Engineering" } }),
    ).toBe("Okta renamed Makers to Engineering");
    expect(group({ kind: "delete" })).toBe("Okta deleted Engineering");
  });
});

describe("an administrator's act", () => {
  const token = { type: "Token", id: "1", display: null } as const;
  test("on a token names the source", () => {
    expect(of(token, { kind: "revoke", source: okta })).toBe("Alice Smith revoked a token of Okta");
    expect(of(token, { kind: "copy", source: okta })).toBe("Alice Smith copied a token of Okta");
  });
  test("on a source", () => {
    const source = { type: "Source", id: "okta", display: "Okta" } as const;
    expect(of(source, { kind: "create" })).toBe("Alice Smith created the source Okta");
    expect(of(source, { before: { enabled: true }, after: { enabled: false } })).toBe(
      "Alice Smith disabled the source Okta",
    );
    expect(of(source, { before: { slug: "a" }, after: { slug: "b" } })).toBe(
      "Alice Smith changed slug of the source Okta",
    );
  });
  test("on another administrator", () => {
    const otto = { type: "Administrator", id: "otto", display: "Otto Audit" } as const;
    expect(of(otto, { kind: "create", after: { role: "auditor" } })).toBe(
      "Alice Smith invited Otto Audit as auditor",
    );
    expect(of(otto, { before: { role: "administrator" }, after: { role: "auditor" } })).toBe(
      "Alice Smith made Otto Audit an auditor",
    );
    expect(of(otto, { before: { disabled: false }, after: { disabled: true } })).toBe(
      "Alice Smith disabled the account of Otto Audit",
    );
  });
  test("on the settings", () => {
    expect(
      of(
        { type: "Settings", id: "settings", display: null },
        { before: { session_hours: 24 }, after: { session_hours: 12 } },
      ),
    ).toBe("Alice Smith changed session hours in the settings");
  });
  test("of a kind that isn't known yet is still told", () => {
    expect(of({ type: "ApiToken", id: "1", display: "nightly" }, { kind: "rotate_now" })).toBe(
      "Alice Smith did “rotate now” to the API token “nightly”",
    );
  });
  test("by a script or the command line says so", () => {
    const source = { type: "Source", id: "okta", display: "Okta" } as const;
    expect(
      of(source, { kind: "delete", actor: { kind: "api_token", id: "1", name: "terraform" } }),
    ).toBe("The API token “terraform” deleted the source Okta");
    expect(
      of(source, { kind: "delete", actor: { kind: "command_line", id: null, name: "root" } }),
    ).toBe("Somebody on the command line deleted the source Okta");
  });
});

test.each([
  [[], ""],
  [["a"], "a"],
  [["a", "b"], "a and b"],
  [["a", "b", "c"], "a, b and c"],
  [["a", "b", "c", "d"], "a, b and 2 more"],
])("%j is listed as %j", (names, text) => {
  expect(listed(names)).toBe(text);
});

describe("a change that no attribute shows", () => {
  test("says so", () => {
    expect(user({ before: {}, after: {} })).toBe("Okta changed Ada Lovelace, with nothing to show");
    expect(group({ before: null, after: null })).toBe(
      "Okta changed Engineering, with nothing to show",
    );
  });
});

describe("a resource of the source's own type", () => {
  const device = (given: Given) =>
    sentenceText(change({ ...given, resource: { type: "Device", id: "d1", display: "Laptop 7" } }));
  test("is created, changed and deleted", () => {
    expect(device({ kind: "create", after: { serial: "S-1" } })).toBe("Okta created Laptop 7");
    expect(device({ before: { serial: "S-1" }, after: { serial: "S-2" } })).toBe(
      "Okta changed serial of Laptop 7",
    );
    expect(device({ kind: "delete" })).toBe("Okta deleted Laptop 7");
  });
});

describe("the schemas of a source", () => {
  const source = (after: Record<string, unknown>) =>
    of({ type: "Source", id: "contoso", display: "Contoso" }, { before: null, after });
  test("are defined and removed", () => {
    expect(source({ schema: "urn:example:Badge", attributes: ["number"] })).toBe(
      "Alice Smith defined the schema urn:example:Badge of the source Contoso",
    );
    expect(source({ schema: "urn:example:Badge", attributes: [], extends: "User" })).toBe(
      "Alice Smith defined the schema urn:example:Badge, for User, of the source Contoso",
    );
    expect(source({ removed_schema: "urn:example:Badge" })).toBe(
      "Alice Smith removed the schema urn:example:Badge from the source Contoso",
    );
  });
  test("are defined and removed with their resource types", () => {
    expect(source({ resource_type: "Device", extensions: [] })).toBe(
      "Alice Smith defined the resource type Device of the source Contoso",
    );
    expect(source({ removed_resource_type: "Device" })).toBe(
      "Alice Smith removed the resource type Device from the source Contoso",
    );
  });
  test("take what clients sent", () => {
    expect(
      source({ resource_type: "User", adopted: ["favoriteColor", "urn:example:2.0:Badge:number"] }),
    ).toBe(
      "Alice Smith added favoriteColor and number, which clients sent, to User of the source Contoso",
    );
  });
});
