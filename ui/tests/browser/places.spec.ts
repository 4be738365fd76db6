// Every place of the web UI, with what is open in it: axe finds nothing, and a picture is kept.
import type { Page } from "@playwright/test";
import { heading, signIn } from "./support/acts";
import { lookAt, type LookOptions } from "./support/look";
import { MARY } from "./support/people";
import { SOURCES, type Showcase } from "./support/showcase";
import { expect, test } from "./support/test";

// Several places, each looked at four times.
test.describe.configure({ timeout: 180_000 });

interface Place extends LookOptions {
  name: string;
  at: string | ((showcase: Showcase) => string);
  /** What is done there before looking, and what shows that it is ready. */
  arrange: (page: Page) => Promise<unknown>;
  /** Answers that are refused there, such as "404 GET /api/v1/…". */
  refusals?: [number, RegExp];
}

const sees = (name: string | RegExp) => (page: Page) => expect(heading(page, name)).toBeVisible();

const press = (page: Page, name: string | RegExp) =>
  page
    .getByRole("button", { name, exact: typeof name === "string" })
    .first()
    .click();

/** Opens a dialog by a button of the page. */
const dialog = (button: string | RegExp, title: string) => async (page: Page) => {
  await press(page, button);
  await expect(page.getByRole("dialog", { name: title })).toBeVisible();
};

const text = (words: string | RegExp) => (page: Page) =>
  expect(page.getByText(words).first()).toBeVisible();

const LIST_OF_SOURCES: Place[] = [
  { name: "sources", at: "/directory/sources", arrange: text("Tailspin Toys") },
  {
    name: "sources-none-found",
    at: "/directory/sources?q=zzz",
    arrange: text("No source found"),
  },
];

const USERS: Place[] = [
  { name: "users", at: "/directory/users", arrange: text("Ada Lovelace") },
  { name: "users-nobody-found", at: "/directory/users?q=zzz", arrange: text("Nobody matches") },
  {
    name: "users-export-menu",
    at: "/directory/users?q=ada",
    fullPage: false,
    arrange: async (page) => {
      await text("Ada Lovelace")(page);
      await press(page, "Export");
      await expect(page.getByRole("menuitem", { name: "All as CSV" })).toBeVisible();
    },
  },
];

const USER: Place[] = [
  {
    name: "user",
    at: ({ ada }) => `/directory/users/contoso/${ada}`,
    arrange: text("Access that Ada Lovelace lost"),
  },
  {
    name: "user-history",
    at: ({ ada }) => `/directory/users/contoso/${ada}?part=history`,
    arrange: async (page) => {
      await press(page, /^Details: Contoso changed/);
      await text("Principal engineer")(page);
    },
  },
  {
    name: "user-requests",
    at: ({ ada }) => `/directory/users/contoso/${ada}?part=requests`,
    arrange: (page) => expect(page.getByRole("table", { name: "Requests" })).toBeVisible(),
  },
  {
    name: "user-json",
    at: ({ ada }) => `/directory/users/contoso/${ada}?part=json`,
    arrange: text("urn:ietf:params:scim:schemas:core:2.0:User"),
  },
  {
    name: "user-deleted",
    at: ({ deletedUser }) => `/directory/users/contoso/${deletedUser}`,
    refusals: [404, /^GET \/api\/v1\/sources\/contoso\/users\//],
    arrange: text("Deleted"),
  },
  {
    name: "user-unknown",
    at: "/directory/users/contoso/01a21051-1e12-7001-865b-000000000000",
    refusals: [404, /^GET \/api\/v1\/sources\/contoso\/users\//],
    arrange: text("There is no such user"),
  },
];

const GROUPS: Place[] = [
  { name: "groups", at: "/directory/groups", arrange: text("Release managers") },
  {
    name: "group",
    at: ({ engineering }) => `/directory/groups/contoso/${engineering}`,
    arrange: text("Barbara Liskov"),
  },
  {
    name: "group-attributes",
    at: ({ engineering }) => `/directory/groups/contoso/${engineering}?part=attributes`,
    arrange: text("engineering"),
  },
  {
    name: "group-history",
    at: ({ engineering }) => `/directory/groups/contoso/${engineering}?part=history`,
    arrange: async (page) => {
      await press(page, /^Details: Contoso created/);
      await text("Added members")(page);
    },
  },
  {
    name: "group-deleted",
    at: ({ deletedGroup }) => `/directory/groups/contoso/${deletedGroup}`,
    refusals: [404, /^GET \/api\/v1\/sources\/contoso\/groups\//],
    arrange: text("Deleted"),
  },
];

const WIZARD: Place[] = [
  { name: "wizard-type", at: "/directory/sources/new", arrange: text("SCIM Source") },
  {
    name: "wizard-name",
    at: "/directory/sources/new",
    arrange: async (page) => {
      await press(page, "Okta");
      await page.getByRole("textbox", { name: "Name" }).fill("Contoso Europe");
      await expect(page.getByLabel("SCIM Base URL")).toContainText("contoso-europe");
    },
  },
  {
    name: "wizard-name-taken",
    at: "/directory/sources/new",
    arrange: async (page) => {
      await press(page, "Okta");
      await page.getByRole("textbox", { name: "Name" }).fill("Another one");
      await page.getByRole("textbox", { name: "Slug" }).fill("contoso");
      await expect(page.getByRole("textbox", { name: "Slug" })).toHaveAccessibleDescription(
        /^Another source has this slug/,
      );
    },
  },
  {
    name: "wizard-switches",
    at: "/directory/sources/new",
    arrange: async (page) => {
      await press(page, "Okta");
      await page.getByRole("textbox", { name: "Name" }).fill("Contoso Europe");
      await press(page, "Continue");
      await sees("New source")(page);
      await expect(page.getByRole("heading", { name: "Switches" })).toBeVisible();
    },
  },
];

const OVERVIEW: Place[] = [
  {
    name: "source-overview",
    at: "/directory/sources/contoso/overview",
    arrange: text("Requests over the last day"),
  },
  {
    name: "source-overview-table",
    at: "/directory/sources/contoso/overview",
    arrange: async (page) => {
      await press(page, "Show as a table");
      await expect(page.getByRole("table", { name: "Requests by hour" })).toBeVisible();
    },
  },
  {
    name: "source-overview-attention",
    at: "/directory/sources/northwind-traders/overview",
    arrange: text(/token/),
  },
  {
    name: "source-overview-waiting",
    at: "/directory/sources/fabrikam/overview",
    arrange: text("Nothing has arrived yet"),
  },
  {
    name: "source-overview-disabled",
    at: "/directory/sources/adventure-works/overview",
    arrange: text("Disabled"),
  },
];

const ARRIVED: Place[] = [
  {
    name: "source-users",
    at: "/directory/sources/contoso/users",
    arrange: text("Ada Lovelace"),
  },
  {
    name: "source-users-none",
    at: "/directory/sources/fabrikam/users",
    arrange: text("No users yet"),
  },
  { name: "source-groups", at: "/directory/sources/contoso/groups", arrange: text("Engineering") },
  {
    name: "source-groups-none",
    at: "/directory/sources/fabrikam/groups",
    arrange: text("No groups yet"),
  },
];

const ACTIVITY: Place[] = [
  {
    name: "source-activity",
    at: "/directory/sources/contoso/activity",
    arrange: async (page) => {
      await press(page, /^Details: Contoso renamed/);
      await text("Show the request")(page);
    },
  },
  {
    name: "source-activity-none",
    at: "/directory/sources/fabrikam/activity",
    arrange: text("Nothing happened yet"),
  },
  {
    name: "source-requests",
    at: "/directory/sources/contoso/activity?view=requests",
    arrange: text("Taken already"),
  },
  {
    name: "source-requests-none-found",
    at: "/directory/sources/contoso/activity?view=requests&q=zzz",
    arrange: text("No request matches"),
  },
];

const REQUEST: Place[] = [
  {
    name: "request-bulk",
    at: ({ bulkRequest }) =>
      `/directory/sources/wingtip/activity?view=requests&request=${bulkRequest}`,
    fullPage: false,
    arrange: text("Only what was refused"),
  },
  {
    name: "request",
    at: "/directory/sources/contoso/activity?view=requests&operation=update",
    fullPage: false,
    arrange: async (page) => {
      await page
        .getByRole("button", { name: /^PATCH \/Users/ })
        .last()
        .click();
      await expect(page.getByRole("dialog", { name: "Request" })).toContainText("As it came in");
    },
  },
  {
    name: "request-refused",
    at: ({ refusedRequest }) =>
      `/directory/sources/contoso/activity?view=requests&request=${refusedRequest}`,
    fullPage: false,
    arrange: (page) =>
      expect(page.getByRole("dialog", { name: "Request" })).toContainText("Taken already"),
  },
];

const CREDENTIALS: Place[] = [
  {
    name: "source-credentials",
    at: "/directory/sources/contoso/credentials",
    arrange: text("Two tokens are live"),
  },
  {
    name: "source-credentials-make",
    at: "/directory/sources/contoso/credentials",
    fullPage: false,
    arrange: dialog("Make a token", "Make a token"),
  },
  {
    name: "source-credentials-made",
    at: "/directory/sources/wingtip/credentials",
    fullPage: false,
    arrange: async (page) => {
      await dialog("Make a token", "Make a token")(page);
      await press(page, "Make the token");
      await expect(page.getByRole("dialog", { name: "The new token" })).toBeVisible();
    },
  },
  {
    name: "source-credentials-revoke",
    at: "/directory/sources/contoso/credentials",
    fullPage: false,
    arrange: dialog(/^Revoke the token/, "Revoke this token?"),
  },
];

const SOURCE_SETTINGS: Place[] = [
  {
    name: "source-settings",
    at: "/directory/sources/contoso/settings",
    arrange: async (page) => {
      await page.getByRole("textbox", { name: "Slug" }).fill("contoso-emea");
      await text("The address changes")(page);
      await press(page, "Add emails.display");
    },
  },
  {
    name: "source-delete",
    at: "/directory/sources/contoso/settings",
    fullPage: false,
    arrange: dialog("Delete…", "Delete Contoso?"),
  },
  {
    name: "source-unknown",
    at: "/directory/sources/nowhere/overview",
    refusals: [404, /^GET \/api\/v1\/sources\/nowhere/],
    arrange: sees("This does not exist, or no longer"),
  },
];

const SCHEMAS: Place[] = [
  {
    name: "source-schemas",
    at: "/directory/sources/wingtip/schemas",
    arrange: async (page) => {
      await press(page, /^Badge Own/);
      await press(page, /^User Extended/);
      await press(page, "Parts of emails");
      await text("Added")(page);
    },
  },
  {
    name: "source-schema-new",
    at: "/directory/sources/wingtip/schemas",
    fullPage: false,
    arrange: dialog("Add a schema", "Add a schema"),
  },
  {
    name: "source-schema-refused",
    at: "/directory/sources/wingtip/schemas",
    fullPage: false,
    arrange: async (page) => {
      await dialog("Add a schema", "Add a schema")(page);
      await press(page, "Start with an example");
      const written = page.getByRole("textbox", { name: "Definition (JSON)" });
      await written.fill((await written.inputValue()).replace('"caseExact": true,', '"caseExact"'));
      await press(page, "Save");
      await text("A colon is missing here.")(page);
    },
  },
  {
    name: "source-schema-remove",
    at: "/directory/sources/wingtip/schemas",
    fullPage: false,
    arrange: async (page) => {
      await press(page, /^Badge Own/);
      await dialog("Remove", "Remove Badge?")(page);
    },
  },
  {
    name: "source-resource-types",
    at: "/directory/sources/wingtip/schemas?part=types",
    arrange: async (page) => {
      await press(page, /^User Extended/);
      await press(page, /^Device Own/);
      await text("To remove it, delete its 1 resource first.")(page);
    },
  },
  {
    name: "source-unknown-attributes",
    at: "/directory/sources/wingtip/schemas?part=unknown",
    arrange: text("shoeSizes"),
  },
  {
    name: "source-unknown-attributes-none",
    at: "/directory/sources/fabrikam/schemas?part=unknown",
    arrange: text("Everything is known"),
  },
];

const CONNECT: Place[] = Object.entries(SOURCES).map(([provider, name]) => ({
  name: `source-connect-${provider}`,
  at: `/directory/sources/${name.toLowerCase().replace(" ", "-")}/connect`,
  arrange: async (page) => {
    await expect(page.getByRole("heading", { name: /^In / })).toBeVisible();
    // What is folded away is looked at, too.
    const folded = page.locator("main h2 > button[aria-expanded]");
    for (const one of await folded.all()) await one.click();
    await expect(page.locator("main h2 > button[aria-expanded=false]")).toHaveCount(0);
  },
}));

const ADMINISTRATORS: Place[] = [
  { name: "administrators", at: "/system/administrators", arrange: text("Priya Raman") },
  {
    name: "administrators-menu",
    at: "/system/administrators",
    fullPage: false,
    arrange: async (page) => {
      await press(page, "What to do with Richard Stone");
      await expect(page.getByRole("menuitem", { name: "Disable" })).toBeVisible();
    },
  },
  {
    name: "administrators-invite",
    at: "/system/administrators",
    fullPage: false,
    arrange: dialog("Invite", "Invite an administrator"),
  },
  {
    name: "administrators-link",
    at: "/system/administrators",
    fullPage: false,
    arrange: async (page) => {
      await press(page, "What to do with Priya Raman");
      await page.getByRole("menuitem", { name: "New invitation link" }).click();
      await press(page, "Make a new link");
      await expect(page.getByRole("dialog", { name: "Invitation" })).toBeVisible();
    },
  },
  {
    name: "administrators-edit",
    at: "/system/administrators",
    fullPage: false,
    arrange: async (page) => {
      await press(page, "What to do with Richard Stone");
      await page.getByRole("menuitem", { name: "Name and role" }).click();
      await expect(page.getByRole("dialog", { name: "Name and role" })).toBeVisible();
    },
  },
  {
    name: "administrators-disable",
    at: "/system/administrators",
    fullPage: false,
    arrange: async (page) => {
      await press(page, "What to do with Richard Stone");
      await page.getByRole("menuitem", { name: "Disable" }).click();
      await expect(page.getByRole("dialog", { name: "Disable this account?" })).toBeVisible();
    },
  },
];

const API_TOKENS: Place[] = [
  { name: "api-tokens", at: "/system/api-tokens", arrange: text("Nightly report") },
  {
    name: "api-tokens-new",
    at: "/system/api-tokens",
    fullPage: false,
    arrange: dialog("New API token", "New API token"),
  },
  {
    name: "api-tokens-made",
    at: "/system/api-tokens",
    fullPage: false,
    arrange: async (page) => {
      await dialog("New API token", "New API token")(page);
      await page.getByRole("textbox", { name: "Name" }).fill("Terraform");
      await press(page, "Make the token");
      await expect(page.getByRole("dialog", { name: "API token “Terraform”" })).toBeVisible();
    },
  },
];

const SERVER: Place[] = [
  {
    name: "audit-log",
    at: "/system/activity",
    arrange: async (page) => {
      await press(page, /^Details: Mary Jackson changed .* in the settings/);
      await text("Contoso Holding")(page);
    },
  },
  {
    name: "audit-log-none-found",
    at: "/system/activity?type=Settings&kind=delete",
    arrange: text("Nothing matches"),
  },
  { name: "settings", at: "/system/settings", arrange: text("Sign in again after") },
  { name: "health", at: "/system/health", arrange: text("contosso") },
];

const API_REFERENCE: Place[] = [
  { name: "api-reference", at: "/system/api", arrange: text("Types") },
  {
    name: "api-reference-operation",
    at: "/system/api?q=tokens",
    arrange: async (page) => {
      await press(page, /POST.*\/api-tokens/);
      await text("Idempotency-Key")(page);
    },
  },
];

const ACCOUNT: Place[] = [
  { name: "sessions", at: "/account/sessions", arrange: text("This session") },
  { name: "password", at: "/account/password", arrange: sees("Change password") },
  {
    name: "account-menu",
    at: "/system/settings",
    fullPage: false,
    arrange: async (page) => {
      await press(page, /^Account of/);
      await expect(page.getByRole("menuitem", { name: "Your sessions" })).toBeVisible();
    },
  },
  {
    name: "colour-scheme-menu",
    at: "/system/settings",
    fullPage: false,
    arrange: async (page) => {
      await press(page, "Colour scheme");
      await expect(page.getByRole("menuitemradio", { name: "Dark" })).toBeVisible();
    },
  },
  { name: "not-found", at: "/directory/nothing", arrange: sees(/./) },
];

/** Places that belong together share a browser: what they have in common is read once. */
const TOGETHER: Record<string, Place[]> = {
  "the list of sources": LIST_OF_SOURCES,
  users: USERS,
  "a user": USER,
  groups: GROUPS,
  "the wizard": WIZARD,
  "a source's overview": OVERVIEW,
  "what arrived in a source": ARRIVED,
  "a source's activity": ACTIVITY,
  "a request": REQUEST,
  "a source's credentials": CREDENTIALS,
  "a source's schemas": SCHEMAS,
  "a source's settings": SOURCE_SETTINGS,
  "how to connect": CONNECT,
  administrators: ADMINISTRATORS,
  "API tokens": API_TOKENS,
  "the server": SERVER,
  "the API reference": API_REFERENCE,
  "one's own account": ACCOUNT,
};

for (const [what, places] of Object.entries(TOGETHER)) {
  test(`looks right: ${what}`, async ({ showcase, openBrowser, watch }) => {
    const page = await openBrowser(showcase, { signedInAs: showcase.api });
    // Half of the rows look no other than all of them.
    await page.addInitScript(() => localStorage.setItem("headwater-page-size", "25"));
    for (const { name, at, arrange, refusals, fullPage } of places) {
      await test.step(name, async () => {
        if (refusals) watch.expectRefusal(...refusals);
        await page.setViewportSize({ width: 1440, height: 900 });
        await page.goto(typeof at === "string" ? at : at(showcase));
        await arrange(page);
        await lookAt(page, name, { fullPage });
      });
    }
  });
}

test("looks right: for an auditor", async ({ showcase, openBrowser }) => {
  const page = await openBrowser(showcase, { signedInAs: showcase.auditor });
  for (const [name, at, ready] of [
    ["auditor-sources", "/directory/sources", "Tailspin Toys"],
    ["auditor-wizard", "/directory/sources/new", "Only administrators create sources"],
    ["auditor-credentials", "/directory/sources/contoso/credentials", "Two tokens are live"],
    ["auditor-source-settings", "/directory/sources/contoso/settings", "Keep the bodies"],
    ["auditor-schemas", "/directory/sources/wingtip/schemas?part=unknown", "shoeSizes"],
    ["auditor-settings", "/system/settings", "Sign in again after"],
    ["auditor-administrators", "/system/administrators", "Priya Raman"],
  ] as const) {
    await test.step(name, async () => {
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.goto(at);
      await text(ready)(page);
      await lookAt(page, name);
    });
  }
});

test.describe("before anything is there", () => {
  test("looks right: sign-in", async ({ showcase, openBrowser, watch }) => {
    const page = await openBrowser(showcase);
    await page.goto("/sign-in");
    await sees("Sign in")(page);
    await lookAt(page, "sign-in");
    await test.step("after a wrong password", async () => {
      watch.expectRefusal(401, /^POST \/api\/v1\/session$/);
      await signIn(page, { email: MARY.email, password: "not the right one" });
      await expect(page.getByRole("alert")).toBeVisible();
      await lookAt(page, "sign-in-refused");
    });
  });

  test("looks right: a first start", async ({ freshServer, openBrowser }) => {
    const page = await openBrowser(freshServer);
    await page.goto("/");
    await text("No administrator yet")(page);
    await lookAt(page, "sign-in-first-start");
    await page.goto(freshServer.link);
    await sees("Make the first administrator")(page);
    await press(page, "Make the account");
    await text("Enter your name.")(page);
    await lookAt(page, "welcome");
  });

  test("looks right: a used link", async ({ showcase, openBrowser, watch }) => {
    watch.expectRefusal(404, /^POST \/api\/v1\/links\/check$/);
    const page = await openBrowser(showcase);
    await page.goto(showcase.link);
    await sees("This link does not work")(page);
    await lookAt(page, "welcome-used");
  });

  test("looks right: empty lists", async ({ ownServer, openBrowser }) => {
    const page = await openBrowser(ownServer, { signedInAs: ownServer.api });
    for (const [name, at, title] of [
      ["sources-empty", "/directory/sources", "Let the first users arrive"],
      ["users-empty", "/directory/users", "No users yet"],
      ["groups-empty", "/directory/groups", "No groups yet"],
      ["api-tokens-empty", "/system/api-tokens", "No API tokens yet"],
    ] as const) {
      await test.step(name, async () => {
        await page.goto(at);
        await expect(page.getByRole("heading", { name: title })).toBeVisible();
        await lookAt(page, name);
      });
    }
  });
});

test("looks right: the navigation on a phone", async ({ showcase, openBrowser }) => {
  const viewport = { width: 390, height: 844 };
  const page = await openBrowser(showcase, { signedInAs: showcase.api, viewport });
  await page.goto("/directory/users");
  await press(page, "Open the navigation");
  await expect(page.getByRole("link", { name: "Audit log" })).toBeVisible();
  await lookAt(page, "navigation", { fullPage: false });
});

test("looks right: the server does not answer", async ({ showcase, openBrowser, watch }) => {
  const page = await openBrowser(showcase, { signedInAs: showcase.api });
  watch.expectRefusal(503, /^GET \/api\/v1\/users$/);
  await page.route("**/api/v1/users?*", (route) => route.fulfill({ status: 503 }));
  await page.goto("/directory/users");
  await expect(page.getByRole("alert")).toContainText("The server failed to answer");
  await lookAt(page, "users-error");
});
