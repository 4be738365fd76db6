// Those who run the server: invited, limited, shut out; and all of it written down.
import type { Page } from "@playwright/test";
import { AdminApi } from "./support/admin-api";
import { copyBy, heading, signIn, signOut } from "./support/acts";
import { MARY, RICHARD } from "./support/people";
import type { PreparedServer } from "./support/server";
import { expect, test } from "./support/test";

const row = (page: Page, name: string) =>
  page.getByRole("table", { name: "Administrators" }).getByRole("row", { name });

async function choose(page: Page, name: string, act: string) {
  await page.getByRole("button", { name: `What to do with ${name}` }).click();
  await page.getByRole("menuitem", { name: act }).click();
}

async function invite(page: Page): Promise<string> {
  await page.goto("/system/administrators");
  await page.getByRole("button", { name: "Invite" }).click();
  const dialog = page.getByRole("dialog", { name: "Invite an administrator" });
  await dialog.getByRole("textbox", { name: "E-mail" }).fill(RICHARD.email);
  await dialog.getByRole("textbox", { name: "Name" }).fill(RICHARD.name);
  await expect(dialog.getByRole("radio", { name: "Auditor" })).toBeChecked();
  await dialog.getByRole("button", { name: "Make the link" }).click();
  const handover = page.getByRole("dialog", { name: "Invitation" });
  const link = await copyBy(page, handover.getByRole("button", { name: "Copy One-time link" }));
  await handover.getByRole("button", { name: "Done" }).click();
  return link;
}

test("an auditor sets a password by the link, sees everything and changes nothing", async ({
  ownServer,
  openBrowser,
}) => {
  const { source } = await ownServer.api.makeSource("Contoso");
  const mary = await openBrowser(ownServer, { signedInAs: ownServer.api });
  const link = await invite(mary);
  await expect(row(mary, RICHARD.name)).toContainText("Invited");

  const richard = await openBrowser(ownServer);
  await test.step("the link, in another browser", async () => {
    await richard.goto(link);
    await expect(heading(richard, "Set your password")).toBeVisible();
    await expect(richard.getByText(`For ${RICHARD.email}.`)).toBeVisible();
    await richard.getByLabel("Password", { exact: true }).fill(RICHARD.password);
    await richard.getByRole("button", { name: "Set the password" }).click();
    await expect(heading(richard, "Federation & Social login")).toBeVisible();
    await expect(richard.getByText("Read only")).toBeVisible();
  });

  await test.step("every page is open", async () => {
    for (const [path, title] of [
      [`/directory/sources/${source.slug}/connect`, "Contoso"],
      ["/directory/users", "Users"],
      ["/directory/groups", "Groups"],
      ["/system/administrators", "Administrators"],
      ["/system/api-tokens", "API tokens"],
      ["/system/activity", "Audit log"],
      ["/system/settings", "Settings"],
      ["/system/health", "Health"],
    ] as const) {
      await richard.goto(path);
      await expect(heading(richard, title)).toBeVisible();
    }
  });

  await test.step("what changes something does not work, and says why", async () => {
    for (const [path, button] of [
      ["/directory/sources", "Create"],
      [`/directory/sources/${source.slug}/connect`, "Click to copy token"],
      [`/directory/sources/${source.slug}/credentials`, "Make a token"],
      [`/directory/sources/${source.slug}/credentials`, /^Revoke/],
      [`/directory/sources/${source.slug}/settings`, "Disable"],
      [`/directory/sources/${source.slug}/settings`, "Delete…"],
      ["/system/administrators", "Invite"],
      ["/system/api-tokens", "New API token"],
    ] as const) {
      await richard.goto(path);
      const control = richard.getByRole("button", { name: button }).first();
      await expect(control).toBeDisabled();
      await control.focus();
      await expect(richard.getByRole("tooltip")).toContainText("signed in as an auditor");
      await control.press("Enter");
      await expect(richard.getByRole("dialog")).toHaveCount(0);
    }
    await richard.goto("/system/settings");
    await expect(richard.getByRole("textbox", { name: "Name" })).not.toBeEditable();
    await expect(richard.getByRole("button", { name: "Save" })).toHaveCount(0);
    await richard.goto("/directory/sources/new");
    await expect(richard.getByText("Only administrators create sources")).toBeVisible();
  });

  await test.step("nor does the API let an auditor change anything", async () => {
    const api = await AdminApi.signedIn(ownServer.origin, RICHARD);
    expect((await api.call("GET", "/sources")).status).toBe(200);
    for (const [method, path, body] of [
      ["POST", "/sources", { name: "Mine" }],
      ["PATCH", "/sources/contoso", { name: "Mine" }],
      ["DELETE", "/sources/contoso?confirm=Contoso", undefined],
      ["POST", "/sources/contoso/tokens", {}],
      ["PATCH", "/settings", { session_hours: 1 }],
      ["POST", "/api-tokens", { name: "Mine", role: "administrator" }],
    ] as const) {
      expect((await api.call(method, path, body)).status, `${method} ${path}`).toBe(403);
    }
  });
});

async function withRichard(server: PreparedServer) {
  await server.api.makeAdministrator(RICHARD, "auditor");
  return AdminApi.signedIn(server.origin, RICHARD);
}

test("a role is changed, and disabling an account signs its owner out", async ({
  ownServer,
  openBrowser,
  watch,
}) => {
  watch.expectRefusal(401, /./);
  const api = await withRichard(ownServer);
  const mary = await openBrowser(ownServer, { signedInAs: ownServer.api });
  const richard = await openBrowser(ownServer, { signedInAs: api });
  await mary.goto("/system/administrators");

  await test.step("the auditor becomes an administrator", async () => {
    await choose(mary, RICHARD.name, "Name and role");
    await mary.getByRole("radio", { name: "Administrator" }).check();
    await mary.getByRole("button", { name: "Save" }).click();
    await expect(row(mary, RICHARD.name)).toContainText("Administrator");
    await richard.goto("/directory/sources");
    await expect(richard.getByRole("button", { name: "Create" })).toBeEnabled();
    await expect(richard.getByText("Read only")).toHaveCount(0);
  });

  await test.step("disabled, they are signed out and can't come back", async () => {
    await choose(mary, RICHARD.name, "Disable");
    const dialog = mary.getByRole("dialog", { name: "Disable this account?" });
    await dialog.getByRole("button", { name: "Disable" }).click();
    await expect(row(mary, RICHARD.name)).toContainText("Disabled");
    await richard.getByRole("link", { name: "Users" }).click();
    await expect(heading(richard, "Sign in")).toBeVisible();
    await signIn(richard, RICHARD);
    await expect(richard.getByRole("alert")).toBeVisible();
  });

  await test.step("enabled again, they can", async () => {
    await choose(mary, RICHARD.name, "Enable");
    await mary.getByRole("dialog").getByRole("button", { name: "Enable" }).click();
    await expect(row(mary, RICHARD.name)).toContainText("Active");
    await signIn(richard, RICHARD);
    await expect(heading(richard, "Users")).toBeVisible();
  });
});

test("the last administrator can't be shut out", async ({ ownServer, openBrowser, watch }) => {
  watch.expectRefusal(409, /^PATCH \/api\/v1\/administrators\//);
  const page = await openBrowser(ownServer, { signedInAs: ownServer.api });
  await page.goto("/system/administrators");
  await choose(page, MARY.name, "Disable");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Disable" }).click();
  await expect(dialog.getByRole("alert")).toContainText(/administrator/);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(row(page, MARY.name)).toContainText("Active");
});

test("an API token is shown once, works, and is refused once revoked", async ({ server, page }) => {
  await page.goto("/system/api-tokens");
  await page.getByRole("button", { name: "New API token" }).first().click();
  await page.getByRole("textbox", { name: "Name" }).fill("Nightly report");
  await page.getByRole("radio", { name: "Auditor" }).check();
  await page.getByRole("button", { name: "Make the token" }).click();
  const dialog = page.getByRole("dialog", { name: "API token “Nightly report”" });
  const secret = await copyBy(page, dialog.getByRole("button", { name: "Copy API token" }));
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  await page.reload();
  const token = page.getByRole("row", { name: "Nightly report" });
  await expect(token).toContainText("Active");
  await expect(page.getByText(secret)).toHaveCount(0);

  const script = AdminApi.ofToken(server.origin, secret);
  expect((await script.call("GET", "/sources")).status).toBe(200);
  expect((await script.call("POST", "/sources", { name: "Mine" })).status).toBe(403);

  await token.getByRole("button", { name: "Revoke Nightly report" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(token).toContainText("Revoked");
  expect((await script.call("GET", "/sources")).status).toBe(401);
});

test("settings are saved, and every act is in the audit log with its name", async ({
  ownServer,
  openBrowser,
}) => {
  const page = await openBrowser(ownServer, { signedInAs: ownServer.api });
  await test.step("settings", async () => {
    await page.goto("/system/settings");
    await page.getByRole("textbox", { name: "Name" }).fill("Contoso Holding");
    await page.getByRole("textbox", { name: "Sign in again after" }).fill("8");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Settings saved.")).toBeVisible();
    await page.reload();
    await expect(page.getByRole("textbox", { name: "Name" })).toHaveValue("Contoso Holding");
    expect(await ownServer.api.ask("GET", "/settings")).toMatchObject({ session_hours: 8 });
  });

  await test.step("other acts", async () => {
    const { source, token } = await ownServer.api.makeSource("Contoso");
    await ownServer.api.ask("POST", `/sources/${source.slug}/tokens/${token.id}/copy`);
    await ownServer.api.ask("DELETE", `/sources/${source.slug}/tokens/${token.id}`);
    await ownServer.api.ask("DELETE", `/sources/${source.slug}?confirm=Contoso`);
    await invite(page);
  });

  await page.goto("/system/activity");
  const acts = page.getByRole("region", { name: "Acts of administrators" }).getByRole("listitem");
  for (const act of [
    `${MARY.name} invited ${RICHARD.name} as auditor`,
    `${MARY.name} deleted the source Contoso`,
    // By then the source is gone: what is left is its slug.
    `${MARY.name} revoked a token of contoso`,
    `${MARY.name} copied a token of contoso`,
    `${MARY.name} created the source Contoso`,
    `${MARY.name} changed organization name and session hours in the settings`,
    `Somebody with a one-time link made the first administrator, ${MARY.name}`,
  ]) {
    await expect(acts.filter({ hasText: act }), act).toHaveCount(1);
  }

  await test.step("before and after", async () => {
    const settings = acts.filter({ hasText: "in the settings" });
    await settings.getByRole("button", { name: /^Details/ }).click();
    await expect(settings.getByRole("row", { name: "session hours" })).toContainText("8");
  });

  await test.step("filtered by what was acted on", async () => {
    await page.getByRole("combobox", { name: "Acts on" }).selectOption("Settings");
    await expect(acts).toHaveCount(1);
  });
});

test("sessions are listed, and signing out everywhere ends them all", async ({
  ownServer,
  openBrowser,
  watch,
}) => {
  watch.expectRefusal(401, /./);
  const other = await openBrowser(ownServer, { signedInAs: ownServer.api });
  await other.goto("/directory/users");
  await expect(heading(other, "Users")).toBeVisible();
  const page = await openBrowser(ownServer);
  await page.goto("/account/sessions");
  await signIn(page, MARY);

  const sessions = page.getByRole("table", { name: "Your sessions" }).getByRole("row");
  await expect(sessions).toHaveCount(3);
  await expect(sessions.filter({ hasText: "This session" })).toContainText("Chrom");
  await signOut(page, "Sign out everywhere");
  await other.getByRole("link", { name: "Groups" }).click();
  await expect(heading(other, "Sign in")).toBeVisible();
});

test("a changed password ends the other sessions, and the old one is refused", async ({
  ownServer,
  openBrowser,
  watch,
}) => {
  watch.expectRefusal(401, /./);
  watch.expectRefusal(422, /^PUT \/api\/v1\/session\/password$/);
  watch.expectRefusal(403, /^PUT \/api\/v1\/session\/password$/);
  const other = await openBrowser(ownServer, {
    signedInAs: await AdminApi.signedIn(ownServer.origin, MARY),
  });
  await other.goto("/directory/users");
  const page = await openBrowser(ownServer, { signedInAs: ownServer.api });
  await page.goto("/account/password");
  const current = page.getByLabel("Current password", { exact: true });
  const next = page.getByLabel("New password", { exact: true });
  const change = page.getByRole("button", { name: "Change password" });

  await current.fill("not the present one");
  await next.fill("marble kettle orchard nine");
  await change.click();
  await expect(current).toHaveAccessibleDescription(/This is not your current password/);

  await current.fill(MARY.password);
  await change.click();
  await expect(page.getByText("Your other sessions have ended; this one goes on.")).toBeVisible();
  await other.getByRole("link", { name: "Groups" }).click();
  await expect(heading(other, "Sign in")).toBeVisible();
  await signIn(other, MARY);
  await expect(other.getByRole("alert")).toContainText("E-mail or password is wrong");
  await signIn(other, { email: MARY.email, password: "marble kettle orchard nine" });
  await expect(heading(other, "Groups")).toBeVisible();
});
