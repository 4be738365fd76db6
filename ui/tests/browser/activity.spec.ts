// From a change to the request behind it, and from a refusal to its reason.
import { copyBy, openTab } from "./support/acts";
import { IdentityProvider, userOf } from "./support/identity-provider";
import { ADA, ALAN, GRACE } from "./support/people";
import { expect, test } from "./support/test";

test("behind a change stands the request, as it came in and as it was answered", async ({
  server,
  page,
}) => {
  const { source, secret } = await server.api.makeSource("Traced");
  const provider = new IdentityProvider(source.base_url, secret);
  const ada = await provider.createUser(ADA);
  await provider.change(
    `/Users/${ada.id}`,
    { op: "replace", path: "title", value: "Countess" },
    { op: "replace", path: "active", value: true },
  );
  await page.goto(`/directory/sources/${source.slug}/activity`);
  const change = page.getByRole("listitem").filter({ hasText: "Traced changed title of" });

  await test.step("old and new value", async () => {
    await change.getByRole("button", { name: /^Details/ }).click();
    const row = change.getByRole("row", { name: "title" });
    await expect(row).toContainText(ADA.title);
    await expect(row).toContainText("Countess");
  });

  const drawer = page.getByRole("dialog", { name: "Request" });
  await test.step("the request and its answer", async () => {
    await change.getByRole("button", { name: "Show the request" }).click();
    await expect(drawer.getByRole("heading", { name: `PATCH /Users/${ada.id}` })).toBeVisible();
    await expect(drawer).toContainText("Nothing to do");
    await expect(drawer.getByRole("table", { name: "Headers as it came in" })).toContainText(
      "azuread-scim",
    );
    const sent = drawer.getByRole("region", { name: "Body as it came in" });
    await expect(sent).toContainText('"value": "Countess"');
    const answered = drawer.getByRole("region", { name: "Body as it was answered" });
    await expect(answered).toContainText('"userName": "ada.lovelace@example.com"');
    await expect(drawer).not.toContainText(secret);
  });

  await test.step("copied as curl, without the token", async () => {
    const curl = await copyBy(page, drawer.getByRole("button", { name: "Copy as curl" }));
    expect(curl).toContain(`curl --request PATCH`);
    expect(curl).toContain(`'${source.base_url}/Users/${ada.id}'`);
    expect(curl).toContain(`"Authorization: Bearer $TOKEN"`);
    expect(curl).toContain("Countess");
    expect(curl).not.toContain(secret);
  });

  await test.step("its address can be shared, and going back closes it", async () => {
    await expect(page).toHaveURL(/[?&]request=/);
    await page.reload();
    await expect(drawer).toContainText("As it came in");
    await drawer.getByRole("button", { name: "Close" }).click();
    await expect(drawer).toBeHidden();
    await expect(page).not.toHaveURL(/[?&]request=/);
  });
});

test("a wrong token is told on the overview, which leads to the refused requests", async ({
  server,
  page,
}) => {
  const { source, secret } = await server.api.makeSource("Mistyped");
  await new IdentityProvider(source.base_url, secret).createUser(ADA);
  await page.goto(`/directory/sources/${source.slug}/overview`);
  await expect(page.getByText("Nothing. All is as it should be.")).toBeVisible();

  const wrong = new IdentityProvider(source.base_url, "hw_mistyped");
  expect((await wrong.probe()).status).toBe(401);
  const item = page.getByRole("listitem").filter({ hasText: "wrong token" });
  await expect(item).toBeVisible();
  await item.getByRole("link", { name: "See the activity" }).click();

  const row = page
    .getByRole("table", { name: "Requests" })
    .getByRole("row", { name: "GET /Users" });
  await expect(row).toContainText("The token was not accepted");
  await row.getByRole("button").click();
  const drawer = page.getByRole("dialog", { name: "Request" });
  await expect(drawer).toContainText("Make a token on the Credentials tab");
  await expect(drawer).not.toContainText("hw_mistyped");
});

test("a refused write tells why, and what to do", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Refusing");
  const provider = new IdentityProvider(source.base_url, secret);
  await provider.createUser(ADA);
  expect((await provider.send("POST", "/Users", userOf(ADA))).status).toBe(409);

  await page.goto(`/directory/sources/${source.slug}/overview`);
  await page.getByRole("link", { name: /^Errors\s*1/ }).click();
  await expect(page.getByRole("row", { name: "Taken already" })).toHaveCount(1);

  await page.goto("/directory/sources?q=Refusing");
  await page.getByRole("row", { name: "Refusing" }).getByRole("link", { name: "1" }).click();
  const row = page.getByRole("row", { name: "POST /Users" });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText("Taken already");
  await expect(row).toContainText("409");
  await row.getByRole("button").click();
  await expect(page.getByRole("dialog", { name: "Request" })).toContainText(
    "Let the identity provider match the existing one",
  );
});

test("changes and requests are filtered by person, status and kind", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Filtered");
  const provider = new IdentityProvider(source.base_url, secret);
  const ada = await provider.createUser(ADA);
  const grace = await provider.createUser(GRACE);
  const group = await provider.createGroup("Engineering", [grace]);
  await provider.addMember(group, ada);
  await provider.deactivate(await provider.createUser(ALAN));
  await page.goto(`/directory/sources/${source.slug}/activity`);
  const changes = page.getByRole("region", { name: "Changes" }).getByRole("listitem");
  await expect(changes).toHaveCount(6);

  await page.getByRole("combobox", { name: "User or group" }).fill("ada");
  await page.getByRole("option", { name: "Ada Lovelace" }).click();
  await expect(changes).toHaveCount(2);
  await expect(changes.first()).toContainText("added Ada Lovelace to Engineering");

  await test.step("the person stays chosen when one looks at the requests", async () => {
    await page.getByText("Requests", { exact: true }).click();
    await expect(page.getByRole("row", { name: "POST /Users" })).toHaveCount(1);
    await expect(page.getByRole("row", { name: "PATCH /Groups" })).toHaveCount(1);
  });

  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByRole("combobox", { name: "Operation" }).selectOption({ label: "Update" });
  await expect(page.getByRole("table", { name: "Requests" }).getByRole("row")).toHaveCount(3);
  await page.getByRole("combobox", { name: "Status" }).selectOption({ label: "4xx refused" });
  await expect(page.getByRole("heading", { name: "No request matches" })).toBeVisible();
});

test("requests to a slug that does not exist are on the health page", async ({ server, page }) => {
  const lost = new IdentityProvider(`${server.origin}/source/scim/no-such-slug/v2`, "hw_any");
  expect((await lost.probe()).status).toBe(401);
  await page.goto("/system/health");
  const table = page.getByRole("table", { name: "Requests to unknown sources" });
  await expect(table.getByRole("row", { name: "no-such-slug" })).toContainText("azuread-scim");
});

test("the activity goes on by itself while one looks", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Ongoing");
  const provider = new IdentityProvider(source.base_url, secret);
  await page.goto(`/directory/sources/${source.slug}/overview`);
  await openTab(page, "Ongoing", "Activity");
  await expect(page.getByRole("heading", { name: "Nothing happened yet" })).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await provider.createUser(ADA);
  await expect(
    page.getByRole("listitem").filter({ hasText: "created Ada Lovelace" }),
  ).toBeVisible();
});
