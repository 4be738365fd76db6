// What a source takes beyond the built-in schemas, and by which rules.
import type { Page } from "@playwright/test";
import { openTab } from "./support/acts";
import { IdentityProvider, userOf } from "./support/identity-provider";
import { Keyboard } from "./support/keyboard";
import { ADA, GRACE } from "./support/people";
import { expect, test } from "./support/test";

const BADGE = "urn:example:scim:schemas:extension:2.0:Badge";
const DEVICE = "urn:example:scim:schemas:2.0:Device";
const BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

const badge = (...attributes: object[]) => ({
  id: BADGE,
  name: "Badge",
  description: "The badge that opens the doors",
  attributes: [{ name: "number", type: "string", uniqueness: "server" }, ...attributes],
});

const openPart = (page: Page, part: string | RegExp) =>
  page
    .getByRole("navigation", { name: "Parts of the schemas" })
    .getByRole("link", { name: part, exact: typeof part === "string" })
    .click();

/** Opens a schema or a resource type of the list. */
async function unfold(page: Page, name: string | RegExp) {
  const button = page.locator("main h3").getByRole("button", { name });
  await button.click();
  await expect(button).toHaveAttribute("aria-expanded", "true");
}

const notice = (page: Page, text: string | RegExp) =>
  expect(page.getByRole("alert").filter({ hasText: text }).first()).toBeVisible();

test("what no schema knows is seen, added, and taken from then on", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Unknowing");
  const provider = new IdentityProvider(source.base_url, secret);
  const colourful = (employee: typeof ADA, colour: string) => ({
    ...userOf(employee),
    favoriteColor: colour,
    shoeSizes: [{ value: 38, region: "EU" }],
    [BADGE]: { number: "B-1", doors: ["north", "south"] },
  });
  const created = await provider.send("POST", "/Users", colourful(ADA, "teal"));
  expect(created.body).not.toHaveProperty("favoriteColor");

  await page.goto(`/directory/sources/${source.slug}/overview`);
  await openTab(page, "Unknowing", "Schemas");
  await openPart(page, "Sent, but unknown (4)");
  const table = page.getByRole("table", { name: "Sent, but unknown" });
  const row = (name: string) => table.getByRole("row").filter({ hasText: name });
  await expect(row("favoriteColor")).toContainText("string");
  await expect(row("favoriteColor")).toContainText("1 time");
  await expect(row("shoeSizes")).toContainText("several values, complex: value, region");

  await test.step("how often it is sent is counted while the page is open", async () => {
    await provider.send("POST", "/Users", colourful(GRACE, "red"));
    await expect(row("favoriteColor")).toContainText("2 times");
  });

  await test.step("one is added", async () => {
    await table.getByRole("button", { name: "Add favoriteColor to User" }).click();
    await notice(page, "From now on, favoriteColor is taken, shown, and searchable.");
    await expect(row("favoriteColor")).toHaveCount(0);
  });

  await test.step("another is forgotten", async () => {
    await table.getByRole("button", { name: "Forget shoeSizes of User" }).click();
    await expect(row("shoeSizes")).toHaveCount(0);
  });

  await test.step("an extension is added whole", async () => {
    await page.getByRole("button", { name: `Add all 2 of Badge, ${BADGE}` }).click();
    await expect(page.getByRole("heading", { name: "Everything is known" })).toBeVisible();
  });

  await test.step("what is sent now is in the user", async () => {
    const put = await provider.send("PUT", `/Users/${created.body.id}`, colourful(ADA, "teal"));
    expect(put.body).toMatchObject({ favoriteColor: "teal", [BADGE]: { number: "B-1" } });
    const filter = encodeURIComponent('favoriteColor eq "teal"');
    const found = await provider.send("GET", `/Users?filter=${filter}`);
    expect(found.body.totalResults).toBe(1);
    await page.goto(`/directory/users/${source.slug}/${created.body.id}`);
    await expect(page.getByText("teal")).toBeVisible();
    await expect(page.getByText("B-1")).toBeVisible();
  });

  await test.step("and in its schema, marked as added", async () => {
    await page.goto(`/directory/sources/${source.slug}/schemas`);
    await unfold(page, /^User Extended/);
    const attributes = page.getByRole("table", { name: "Attributes of User" });
    await expect(attributes.getByRole("row", { name: "favoriteColor" })).toContainText("Added");
    await unfold(page, /^Badge Own.*extends User/);
  });

  await test.step("the audit log tells it", async () => {
    await page.goto("/system/activity");
    await expect(
      page.getByText("added favoriteColor, which clients sent, to User of the source Unknowing"),
    ).toBeVisible();
  });
});

test("a schema is pasted, mended where it is refused, changed, and removed", async ({
  server,
  page,
  watch,
}) => {
  watch.expectRefusal(422, /^PUT \/api\/v1\/sources\/defining\/schemas\//);
  const { source, secret } = await server.api.makeSource("Defining");
  const provider = new IdentityProvider(source.base_url, secret);
  await page.goto(`/directory/sources/${source.slug}/schemas`);

  const dialog = page.getByRole("dialog");
  const text = dialog.getByRole("textbox", { name: "Definition (JSON)" });
  const save = dialog.getByRole("button", { name: "Save" });
  const fault = dialog.getByRole("alert");
  const marked = () =>
    text.evaluate((area: HTMLTextAreaElement) =>
      area.value.slice(area.selectionStart, area.selectionEnd),
    );

  const caret = () =>
    text.evaluate((area: HTMLTextAreaElement) => area.value.slice(area.selectionStart));

  await page.getByRole("button", { name: "Add a schema" }).click();
  await expect(dialog).toHaveAccessibleName("Add a schema");

  await test.step("what is no JSON is told with its line", async () => {
    await text.fill('{\n  "id": "urn:example:Badge"\n  "attributes": []\n}');
    await save.click();
    await expect(fault).toContainText("Not saved: line 2, column 28");
    await expect(fault).toContainText("A comma or } is missing here.");
    await expect(text).toBeFocused();
    expect(await caret()).toBe('\n  "attributes": []\n}');
  });

  await test.step("what is no schema is told with its member, and marked", async () => {
    await text.fill(JSON.stringify(badge({ name: "doors", type: "strings" }), null, 2));
    await save.click();
    await expect(fault).toContainText("attributes[1]");
    await expect(fault).toContainText("strings");
    await expect(text).toBeFocused();
    expect(await marked()).toContain('"strings"');
  });

  await test.step("without the fault it is saved, as an extension of users", async () => {
    await text.fill(JSON.stringify(badge({ name: "doors", multiValued: true }), null, 2));
    await dialog.getByRole("combobox", { name: "Extension of" }).selectOption("User");
    await save.click();
    await expect(dialog).toBeHidden();
    await notice(page, "From now on, what Badge says is taken, shown and searchable.");
    const ada = { ...userOf(ADA), [BADGE]: { number: "B-7", doors: ["north"] } };
    const created = await provider.send("POST", "/Users", ada);
    expect(created.body).toMatchObject({ [BADGE]: { number: "B-7", doors: ["north"] } });
    const twice = { ...userOf(GRACE), [BADGE]: { number: "B-7" } };
    expect((await provider.send("POST", "/Users", twice)).status).toBe(409);
  });

  await test.step("its attributes show what they are", async () => {
    await unfold(page, /^Badge Own/);
    const attributes = page.getByRole("table", { name: "Attributes of Badge" });
    await expect(attributes.getByRole("row", { name: "number" })).toContainText("in the source");
    await expect(attributes.getByRole("row", { name: "doors" })).toContainText("several");
  });

  await test.step("it is changed to be required", async () => {
    await page.getByRole("button", { name: "Change" }).click();
    await expect(dialog).toHaveAccessibleName("Change Badge");
    await expect(text).toHaveValue(/"doors"/);
    await dialog.getByRole("checkbox", { name: "Required" }).check();
    await save.click();
    await expect(dialog).toBeHidden();
    await expect(page.getByText("Required: a User without it is refused.")).toBeVisible();
    expect((await provider.send("POST", "/Users", userOf(GRACE))).status).toBe(400);
  });

  await test.step("pasting it again says that it is replaced", async () => {
    await page.getByRole("button", { name: "Add a schema" }).click();
    await text.fill(JSON.stringify(badge()));
    await expect(dialog).toContainText("There is a schema with this id, Badge. It is replaced.");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await expect(page.getByRole("button", { name: "Add a schema" })).toBeFocused();
  });

  await test.step("it is removed, and what is there stays", async () => {
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await expect(dialog).toContainText("number and doors are known no longer");
    await expect(dialog).toContainText("taken out of User");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await notice(page, "Badge is no schema any more.");
    await expect(page.locator("main h3").filter({ hasText: "Badge" })).toHaveCount(0);
    expect((await provider.send("POST", "/Users", userOf(GRACE))).status).toBe(201);
  });
});

test("a built-in schema is extended from a file, and is as before without it", async ({
  server,
  page,
}) => {
  const { source } = await server.api.makeSource("Extending");
  await page.goto(`/directory/sources/${source.slug}/schemas`);
  await page.getByRole("button", { name: "Add a schema" }).click();
  const dialog = page.getByRole("dialog");
  const chooser = page.waitForEvent("filechooser");
  await dialog.getByRole("button", { name: "Open a file" }).click();
  const definition = {
    id: "urn:ietf:params:scim:schemas:core:2.0:Group",
    attributes: [{ name: "costCenter", description: "Who pays for it" }],
  };
  const buffer = Buffer.from(JSON.stringify(definition, null, 2));
  await (await chooser).setFiles({ name: "group.json", mimeType: "application/json", buffer });
  await expect(dialog).toContainText("Group is built in. These attributes are added to it.");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toBeHidden();

  await unfold(page, /^Group Extended/);
  const attributes = page.getByRole("table", { name: "Attributes of Group" });
  await expect(attributes.getByRole("row", { name: "costCenter" })).toContainText("Added");
  await attributes.getByRole("button", { name: "Parts of members" }).click();
  await expect(attributes.getByRole("row", { name: "members.value" })).toBeVisible();

  await page.getByRole("button", { name: "Remove what is added" }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await notice(page, "Group is as it was built in.");
  await expect(page.locator("main h3").filter({ hasText: "Extended" })).toHaveCount(0);
});

test("a resource type is added to a schema, by keyboard, and kept while there is any of it", async ({
  server,
  page,
}) => {
  const { source, secret } = await server.api.makeSource("Typing");
  const provider = new IdentityProvider(source.base_url, secret);
  await server.api.ask("PUT", `/sources/${source.slug}/schemas/${DEVICE}`, {
    id: DEVICE,
    name: "Device",
    attributes: [{ name: "serial", required: true, uniqueness: "server" }],
  });
  const keys = new Keyboard(page);
  await page.goto(`/directory/sources/${source.slug}/schemas?part=types`);
  await keys.use(page.getByRole("button", { name: "Add a resource type" }));
  const dialog = page.getByRole("dialog", { name: "Add a resource type" });
  await expect(dialog.getByRole("textbox")).toBeFocused();
  await keys.use(dialog.getByRole("button", { name: "Start with an example" }));
  await expect(dialog.getByRole("textbox")).toHaveValue(/"endpoint": "\/Devices"/);
  await keys.use(dialog.getByRole("button", { name: "Save" }));
  await expect(dialog).toBeHidden();
  await notice(page, "Device is answered at /Devices.");
  await expect(page.getByRole("button", { name: "Add a resource type" })).toBeFocused();

  const made = await provider.send("POST", "/Devices", { schemas: [DEVICE], serial: "S-1" });
  expect(made.status).toBe(201);
  await keys.use(page.getByRole("button", { name: /^Device Own.*1 resource$/ }));
  await expect(page.getByText("To remove it, delete its 1 resource first.")).toBeVisible();
  expect((await provider.send("DELETE", `/Devices/${made.body.id}`)).status).toBe(204);

  await keys.use(page.getByRole("button", { name: "Remove" }));
  const question = page.getByRole("dialog", { name: "Remove Device?" });
  await expect(question).toContainText("/Devices are answered 404");
  await keys.use(question.getByRole("button", { name: "Remove" }));
  await expect(page.locator("main h3").filter({ hasText: "Device" })).toHaveCount(0);
  expect((await provider.send("GET", "/Devices")).status).toBe(404);
});

test("rules, passwords and what is left out of /Schemas are saved", async ({
  server,
  page,
  watch,
}) => {
  watch.expectRefusal(422, /^PATCH \/api\/v1\/sources\/switching$/);
  const { source, secret } = await server.api.makeSource("Switching");
  const provider = new IdentityProvider(source.base_url, secret);
  const hasAttribute = async (name: string) => {
    const { body } = await provider.send(
      "GET",
      "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
    );
    return body.attributes.some((attribute: { name: string }) => attribute.name === name);
  };
  const switches = () => server.api.ask("GET", `/sources/${source.slug}`);
  expect(await hasAttribute("password")).toBe(true);
  await page.goto(`/directory/sources/${source.slug}/settings`);
  const save = page.getByRole("button", { name: "Save", exact: true });
  /** It is disabled while it saves, and once there is nothing more to be saved. */
  const saved = async () => {
    await expect(save).toBeDisabled();
    await expect(save).not.toHaveAttribute("data-loading");
    await expect(save).toBeDisabled();
  };

  await test.step("switched", async () => {
    await expect(page.getByRole("radio", { name: /lenient/ })).toBeChecked();
    await page.getByRole("radio", { name: /strict/ }).check();
    await page.getByRole("switch", { name: "Keep passwords" }).check();
    await page.getByRole("button", { name: "Add password" }).click();
    await page.getByRole("textbox", { name: "Attribute or schema" }).fill("name.middleNam");
    await page.keyboard.press("Enter");
    await save.click();
    await expect(page.getByRole("alert").filter({ hasText: "name.middleNam" })).toBeVisible();
    await page.getByRole("button", { name: "Remove name.middleNam" }).click();
    await page.getByRole("button", { name: "Add emails.display" }).click();
    await save.click();
    await saved();
    expect(await switches()).toMatchObject({
      switches: {
        profile: "interop",
        keep_passwords: true,
        hidden_from_schemas: ["password", "emails.display"],
      },
    });
    expect(await hasAttribute("password")).toBe(false);
  });

  await test.step("a password that is set has nothing to show", async () => {
    await page.getByRole("radio", { name: /lenient/ }).check();
    await save.click();
    await saved();
    const ada = await provider.createUser(ADA);
    await provider.change(`/Users/${ada.id}`, {
      op: "replace",
      path: "password",
      value: "correct horse battery staple",
    });
    await page.goto(`/directory/users/${source.slug}/${ada.id}?part=history`);
    const told = "Switching changed Ada Lovelace, with nothing to show";
    await expect(page.getByText(told)).toBeVisible();
    await page.getByRole("button", { name: `Details: ${told}` }).click();
    await expect(page.getByText("A new password, for one, is kept as a hash")).toBeVisible();
  });

  await test.step("turning passwords off asks, as they are forgotten", async () => {
    await page.goto(`/directory/sources/${source.slug}/settings`);
    const keep = page.getByRole("switch", { name: "Keep passwords" });
    await keep.uncheck();
    await save.click();
    const question = page.getByRole("dialog", { name: "Forget the passwords?" });
    await question.getByRole("button", { name: "Cancel" }).click();
    expect(await switches()).toMatchObject({ switches: { keep_passwords: true } });
    await save.click();
    await question.getByRole("button", { name: "Save, and forget them" }).click();
    await expect(question).toBeHidden();
    await saved();
    expect(await switches()).toMatchObject({ switches: { keep_passwords: false } });
  });
});

test("a bulk request tells what became of each operation", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("In bulk");
  const provider = new IdentityProvider(source.base_url, secret);
  const creation = (employee: typeof ADA, bulkId: string) => ({
    method: "POST",
    path: "/Users",
    bulkId,
    data: userOf(employee),
  });
  const answer = await provider.send("POST", "/Bulk", {
    schemas: [BULK],
    Operations: [
      creation(ADA, "ada"),
      creation(GRACE, "grace"),
      creation(ADA, "again"),
      { method: "PATCH", path: "/Users/bulkId:nobody", data: {} },
    ],
  });
  expect(answer.status).toBe(200);

  await page.goto(`/directory/sources/${source.slug}/activity?view=requests`);
  await page.getByRole("combobox", { name: "Operation" }).selectOption("Bulk");
  const row = page.getByRole("row").filter({ hasText: "2 done, 2 refused" });
  await expect(row).toContainText("several");
  await row.getByRole("button", { name: /POST/ }).click();
  const drawer = page.getByRole("dialog", { name: "Request" });
  const operations = drawer.getByRole("list", { name: "Operations" }).getByRole("listitem");
  await expect(operations).toHaveCount(4);
  await expect(operations.nth(0)).toContainText(/1\.\s*Done\s*POST \/Users/);
  await expect(operations.nth(2)).toContainText(/3\.\s*Refused\s*POST \/Users/);
  await drawer.getByRole("checkbox", { name: "Only what was refused (2 of 4)" }).check();
  await expect(operations).toHaveCount(2);
  await expect(operations.nth(1)).toContainText("4.");
});

test("on a phone, the tab that is open is in sight", async ({ server, openBrowser }) => {
  const { source, secret } = await server.api.makeSource("Narrow");
  const provider = new IdentityProvider(source.base_url, secret);
  await provider.send("POST", "/Users", { ...userOf(ADA), favoriteColor: "teal" });
  const viewport = { width: 390, height: 844 };
  const page = await openBrowser(server, { signedInAs: server.api, viewport });
  await page.goto(`/directory/sources/${source.slug}/schemas?part=unknown`);
  for (const [tabs, tab] of [
    ["Parts of Narrow", "Schemas"],
    ["Parts of the schemas", "Sent, but unknown (1)"],
  ] as const) {
    const link = page.getByRole("navigation", { name: tabs }).getByRole("link", { name: tab });
    await expect(link).toBeInViewport({ ratio: 0.9 });
  }
});
