// A source after it was connected: new tokens, another address, a pause, the end.
import { copyBy, heading, openTab } from "./support/acts";
import { IdentityProvider } from "./support/identity-provider";
import { ADA, GRACE } from "./support/people";
import { expect, test } from "./support/test";

test("a token is replaced without a gap, and the old one is refused once revoked", async ({
  server,
  page,
}) => {
  const { source, secret } = await server.api.makeSource("Rotating");
  const before = new IdentityProvider(source.base_url, secret);
  await before.createUser(ADA);
  await page.goto(`/directory/sources/${source.slug}/credentials`);
  const tokens = page.getByRole("table", { name: "Tokens" });
  await expect(tokens.getByRole("row", { name: "Active" })).toHaveCount(1);

  const second = await test.step("a second token is made, and shown once", async () => {
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByRole("radio", { name: "in 90 days" }).check();
    await page.getByRole("button", { name: "Make the token" }).click();
    const dialog = page.getByRole("dialog", { name: "The new token" });
    const shown = await dialog.getByRole("textbox", { name: "Token" }).textContent();
    const copied = await copyBy(page, dialog.getByRole("button", { name: "Copy Token" }));
    expect(copied).toBe(shown);
    await dialog.getByRole("button", { name: "Done" }).click();
    await expect(page.getByText(copied)).toHaveCount(0);
    return copied;
  });

  const after = new IdentityProvider(source.base_url, second);
  await test.step("both are live beside each other", async () => {
    await expect(page.getByText("Two tokens are live")).toBeVisible();
    expect((await before.probe()).status).toBe(200);
    expect((await after.probe()).status).toBe(200);
    const unused = tokens.getByRole("row").filter({ hasText: "not yet" });
    await expect(unused).toHaveCount(0);
  });

  await test.step("the first is revoked", async () => {
    // The first is the one that does not expire.
    const first = tokens.getByRole("row").filter({ hasText: "never" });
    await first.getByRole("button", { name: /^Revoke the token/ }).click();
    const dialog = page.getByRole("dialog", { name: "Revoke this token?" });
    await expect(dialog).toContainText("refused from this moment on");
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await expect(tokens.getByRole("row", { name: "Revoked" })).toHaveCount(1);
  });

  await test.step("it is refused at once, and the second goes on", async () => {
    expect((await before.probe()).status).toBe(401);
    expect((await after.probe()).status).toBe(200);
  });
});

test("revoking the only token warns that provisioning stops", async ({ server, page }) => {
  const { source } = await server.api.makeSource("Only token");
  await page.goto(`/directory/sources/${source.slug}/credentials`);
  await page.getByRole("button", { name: /^Revoke the token/ }).click();
  await expect(page.getByRole("dialog")).toContainText("It is the only token that works");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("row", { name: "Active" })).toHaveCount(1);
});

test("a disabled source refuses every request until it is enabled", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Paused");
  const provider = new IdentityProvider(source.base_url, secret);
  await provider.createUser(ADA);
  await page.goto(`/directory/sources/${source.slug}/settings`);

  await page.getByRole("button", { name: "Disable" }).click();
  await expect(page.getByText("Paused refuses every request from now on.")).toBeVisible();
  expect((await provider.probe()).status).toBe(403);

  await openTab(page, "Paused", "Overview");
  await expect(page.getByText("Disabled").first()).toBeVisible();
  await page.getByRole("link", { name: "To the settings" }).click();

  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page.getByRole("button", { name: "Disable" })).toBeVisible();
  expect((await provider.probe()).status).toBe(200);
});

test("another slug is another address, with a warning before", async ({ server, page, watch }) => {
  // Whatever of the old address was still being read.
  watch.expectRefusal(404, /^GET \/api\/v1\/sources\/moving/);
  const { source, secret } = await server.api.makeSource("Moving");
  const before = new IdentityProvider(source.base_url, secret);
  await before.createUser(ADA);
  await page.goto(`/directory/sources/${source.slug}/settings`);

  await page.getByRole("textbox", { name: "Slug" }).fill("moved");
  const warning = page.getByRole("alert").filter({ hasText: "The address changes" });
  await expect(warning).toContainText("refused until its URL is changed to the new one");
  const address = `${server.origin}/source/scim/moved/v2`;
  await expect(warning).toContainText(address);
  await page.getByRole("button", { name: "Save" }).click();

  await expect(page).toHaveURL("/directory/sources/moved/settings");
  expect((await before.probe()).status).toBe(401);
  const after = new IdentityProvider(address, secret);
  expect((await after.probe()).body).toMatchObject({ totalResults: 0 });
  await openTab(page, "Moving", "Users");
  await expect(page.getByRole("row", { name: "Ada Lovelace" })).toBeVisible();
});

test("name, switches and limits of the request log are saved", async ({ server, page }) => {
  const { source } = await server.api.makeSource("Adjusted");
  await page.goto(`/directory/sources/${source.slug}/settings`);
  const save = page.getByRole("button", { name: "Save" });
  await expect(save).toBeDisabled();
  await page.getByRole("textbox", { name: "Name" }).fill("Adjusted at last");
  await page.getByRole("switch", { name: "Keep the bodies of requests" }).uncheck();
  await page.getByRole("textbox", { name: "Days" }).fill("7");
  await save.click();
  await expect(heading(page, "Adjusted at last")).toBeVisible();
  await expect(save).toBeDisabled();
  expect(await server.api.ask("GET", `/sources/${source.slug}`)).toMatchObject({
    name: "Adjusted at last",
    switches: { log_bodies: false },
    request_log: { days: 7 },
  });
});

test("deleting a source shows what goes with it, and needs its name", async ({
  server,
  page,
  watch,
}) => {
  watch.expectRefusal(404, /^GET \/api\/v1\/sources\/passing/);
  const { source, secret } = await server.api.makeSource("Passing");
  const provider = new IdentityProvider(source.base_url, secret);
  const users = [await provider.createUser(ADA), await provider.createUser(GRACE)];
  await provider.createGroup("Engineering", users);
  await page.goto(`/directory/sources/${source.slug}/settings`);

  await page.getByRole("button", { name: "Delete…" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete Passing?" });
  await expect(dialog).toContainText("2 users and 1 group are deleted with it");
  const remove = dialog.getByRole("button", { name: "Delete the source" });
  await expect(remove).toBeDisabled();
  await dialog.getByRole("textbox").fill("Passed");
  await expect(remove).toBeDisabled();
  await dialog.getByRole("textbox").fill("Passing");
  await remove.click();

  await expect(page).toHaveURL("/directory/sources");
  await expect(page.getByText("Passing is gone.")).toBeVisible();
  await expect(page.getByRole("link", { name: "Passing" })).toHaveCount(0);
  expect((await provider.probe()).status).toBe(401);
});
