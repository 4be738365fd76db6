// Everything works without a mouse: Tab, Enter, Space, arrows and Escape.
import { arrival, expectArrived, heading } from "./support/acts";
import { IdentityProvider } from "./support/identity-provider";
import { Keyboard } from "./support/keyboard";
import { ADA, MARY } from "./support/people";
import { expect, test } from "./support/test";

test("from signing in to the first user, by keyboard alone", async ({ server, openBrowser }) => {
  const page = await openBrowser(server);
  const keys = new Keyboard(page);
  await page.goto("/");

  await test.step("sign in", async () => {
    await expect(page.getByRole("textbox", { name: "E-mail" })).toBeFocused();
    await keys.type(MARY.email);
    await keys.press("Tab");
    await keys.type(MARY.password);
    await keys.press("Enter");
    await expect(heading(page, "Federation & Social login")).toBeVisible();
  });

  await test.step("skip to the content", async () => {
    await page.reload();
    await expect(heading(page, "Federation & Social login")).toBeVisible();
    await keys.press("Tab");
    const skip = page.getByRole("link", { name: "Skip to the content" });
    await expect(skip).toBeFocused();
    await expect(skip).toBeInViewport({ ratio: 1 });
    await keys.press("Enter");
    await expect(page.getByRole("main")).toBeFocused();
    await keys.press("Tab");
    await expect(page.getByRole("main").locator(":focus")).toHaveCount(1);
  });

  await test.step("the wizard", async () => {
    await keys.use(page.getByRole("button", { name: "Create" }).first());
    await expect(heading(page, "New source")).toBeVisible();
    await keys.use(page.getByRole("button", { name: "JumpCloud" }), "Space");
    await expect(page.getByRole("textbox", { name: "Name" })).toBeFocused();
    await keys.type("By keyboard");
    await expect(page.getByRole("textbox", { name: "Slug" })).toHaveValue("by-keyboard");
    await keys.press("Enter");
    const names = page.getByRole("switch", { name: "Group names are unique" });
    await keys.tabTo(names);
    await expect(names).toBeChecked();
    await keys.press("Space");
    await expect(names).not.toBeChecked();
    await keys.use(page.getByRole("button", { name: "Create the source" }));
    await expect(page).toHaveURL("/directory/sources/by-keyboard/connect");
  });

  await test.step("address and token", async () => {
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await keys.use(page.getByRole("button", { name: "Copy SCIM Base URL" }).first());
    await expect.poll(clipboard).toMatch(/\/source\/scim\/by-keyboard\/v2$/);
    const baseUrl = await clipboard();
    await keys.use(page.getByRole("button", { name: "Click to copy token" }).first());
    await expect.poll(clipboard).toMatch(/^hw_/);
    await new IdentityProvider(baseUrl, await clipboard(), "jumpcloud").createUser(ADA);
    await expectArrived(page, "First user created");
  });

  await test.step("on to who arrived", async () => {
    await keys.use(arrival(page, "First user created").getByRole("link"));
    await expect(page).toHaveURL("/directory/sources/by-keyboard/users");
    await keys.use(page.getByRole("link", { name: "Ada Lovelace" }));
    await expect(heading(page, "Ada Lovelace")).toBeVisible();
    await expect(page.getByRole("main")).toBeFocused();
  });
});

test("a request opens and closes, and the focus returns", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Keyed requests");
  await new IdentityProvider(source.base_url, secret).createUser(ADA);
  const keys = new Keyboard(page);
  await page.goto(`/directory/sources/${source.slug}/activity?view=requests`);
  const opener = page.getByRole("button", { name: "POST /Users" });
  await keys.use(opener);
  const drawer = page.getByRole("dialog", { name: "Request" });
  await expect(drawer).toContainText("As it came in");

  await test.step("inside, Tab goes round", async () => {
    await keys.use(drawer.getByRole("button", { name: "Copy as curl" }));
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()))
      .toContain("curl --request POST");
    for (let presses = 0; presses < 15; presses++) {
      await keys.press("Tab");
      await expect(drawer.locator(":focus")).toHaveCount(1);
    }
  });

  await keys.press("Escape");
  await expect(drawer).toBeHidden();
  await expect(opener).toBeFocused();

  await test.step("the same from a change", async () => {
    await page.goto(`/directory/sources/${source.slug}/activity`);
    await keys.use(page.getByRole("button", { name: /^Details: Keyed requests created/ }));
    const show = page.getByRole("button", { name: "Show the request" });
    await keys.use(show, "Space");
    await expect(drawer).toContainText("As it came in");
    await keys.press("Escape");
    await expect(drawer).toBeHidden();
    await expect(show).toBeFocused();
  });
});

test("a token is made and revoked", async ({ server, page }) => {
  const { source } = await server.api.makeSource("Keyed tokens");
  const keys = new Keyboard(page);
  await page.goto(`/directory/sources/${source.slug}/credentials`);
  const make = page.getByRole("button", { name: "Make a token" });

  await test.step("made, with another expiry by the arrow keys", async () => {
    await keys.use(make);
    await keys.tabTo(page.getByRole("radio", { name: "in a year" }));
    await keys.press("ArrowUp");
    await expect(page.getByRole("radio", { name: "in 180 days" })).toBeChecked();
    await keys.press("Enter");
    const dialog = page.getByRole("dialog", { name: "The new token" });
    await expect(dialog).toBeVisible();
    await keys.use(dialog.getByRole("button", { name: "Done" }));
    await expect(dialog).toBeHidden();
    await expect(make).toBeFocused();
  });

  await test.step("thought better of, then revoked", async () => {
    const revoke = page.getByRole("button", { name: /^Revoke the token/ });
    await expect(revoke).toHaveCount(2);
    await keys.use(revoke.first());
    await expect(page.getByRole("dialog")).toBeVisible();
    await keys.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect(revoke.first()).toBeFocused();
    await keys.press("Enter");
    await keys.use(page.getByRole("dialog").getByRole("button", { name: "Revoke" }));
    await expect(page.getByRole("row", { name: "Revoked" })).toHaveCount(1);
    await expect(page.getByRole("dialog")).toBeHidden();
  });
});

test("a source is deleted by typing its name", async ({ server, page, watch }) => {
  watch.expectRefusal(404, /^GET \/api\/v1\/sources\/keyed-away/);
  const { source } = await server.api.makeSource("Keyed away");
  const keys = new Keyboard(page);
  await page.goto(`/directory/sources/${source.slug}/settings`);
  await keys.use(page.getByRole("button", { name: "Delete…" }));
  await expect(page.getByRole("dialog").getByRole("textbox")).toBeFocused();
  await keys.type("Keyed away");
  await keys.press("Enter");
  await expect(page).toHaveURL("/directory/sources");
  await expect(heading(page, "Federation & Social login")).toBeVisible();
});

test("menus open, move and close by keys", async ({ page }) => {
  const keys = new Keyboard(page);
  await page.goto("/system/settings");
  const scheme = page.getByRole("button", { name: "Colour scheme" });
  await keys.use(scheme);
  await expect(page.getByRole("menuitemradio", { name: "Light" })).toBeFocused();
  await keys.press("ArrowDown");
  await expect(page.getByRole("menuitemradio", { name: "Dark" })).toBeFocused();
  await keys.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", "dark");
  await expect(scheme).toBeFocused();

  const account = page.getByRole("button", { name: /^Account of/ });
  await keys.use(account);
  await expect(page.getByRole("menuitem", { name: "Your sessions" })).toBeFocused();
  await keys.press("Escape");
  await expect(page.getByRole("menu")).toHaveCount(0);
  await expect(account).toBeFocused();
});

test("on a phone, the navigation opens, leads on and closes", async ({ server, openBrowser }) => {
  const viewport = { width: 390, height: 844 };
  const page = await openBrowser(server, { signedInAs: server.api, viewport });
  const keys = new Keyboard(page);
  await page.goto("/directory/sources");
  await keys.use(page.getByRole("button", { name: "Open the navigation" }));
  await keys.use(page.getByRole("link", { name: "Audit log" }));
  await expect(heading(page, "Audit log")).toBeVisible();
  await expect(page.getByRole("link", { name: "Audit log" })).toBeHidden();
  await expect(page.getByRole("main")).toBeFocused();
});

/** Every page, from its first control to its last: each shows that it has the focus. */
const PAGES = [
  "/directory/sources",
  "/directory/users",
  "/directory/groups",
  "/directory/sources/contoso/overview",
  "/directory/sources/contoso/connect",
  "/directory/sources/contoso/activity",
  "/directory/sources/contoso/credentials",
  "/directory/sources/contoso/settings",
  "/system/administrators",
  "/system/api-tokens",
  "/system/activity",
  "/system/settings",
  "/system/health",
  "/account/sessions",
  "/account/password",
];

test("the focus shows on every control that Tab reaches", async ({ showcase, openBrowser }) => {
  const page = await openBrowser(showcase, { signedInAs: showcase.api });
  const keys = new Keyboard(page);
  for (const path of PAGES) {
    await test.step(path, async () => {
      await page.goto(path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
      for (let presses = 0; presses < 40; presses++) {
        await keys.press("Tab");
        await keys.expectFocusToShow();
      }
    });
  }
});
