import { heading, signIn, signOut } from "./support/acts";
import { MARY } from "./support/people";
import { expect, test } from "./support/test";

test("the printed link makes the first administrator, who then signs in with a password", async ({
  freshServer,
  openBrowser,
  watch,
}) => {
  watch.expectRefusal(422, /^POST \/api\/v1\/links\/use$/);
  watch.expectRefusal(401, /^POST \/api\/v1\/session$/);
  const page = await openBrowser(freshServer);

  await test.step("without an administrator, the sign-in page says where the link is", async () => {
    await page.goto("/");
    await expect(heading(page, "Sign in")).toBeVisible();
    await expect(page.getByText("Look at the server's output for the one-time link")).toBeVisible();
  });

  await test.step("the link opens, and leaves the address bar", async () => {
    await page.goto(freshServer.link);
    await expect(heading(page, "Make the first administrator")).toBeVisible();
    await expect(page).toHaveURL("/welcome");
  });

  const password = page.getByLabel("Password", { exact: true });
  const make = page.getByRole("button", { name: "Make the account" });

  await test.step("a short password is refused with what it lacks", async () => {
    await page.getByRole("textbox", { name: "Name" }).fill(MARY.name);
    await page.getByRole("textbox", { name: "E-mail" }).fill(MARY.email);
    await password.fill("short");
    await make.click();
    await expect(password).toHaveAccessibleDescription(/Use at least 12 characters; these are 5/);
  });

  await test.step("an easily guessed password is refused with a better idea", async () => {
    await password.fill("password1234");
    await make.click();
    await expect(password).toHaveAccessibleDescription(
      /easily guessed; a few unrelated words make a good one/,
    );
  });

  await test.step("a good password makes the account and signs in", async () => {
    await password.fill(MARY.password);
    await make.click();
    await expect(heading(page, "Federation & Social login")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Let the first users arrive" })).toBeVisible();
  });

  await test.step("signing out shuts every page", async () => {
    await signOut(page, "Sign out");
    await page.goto("/system/administrators");
    await expect(heading(page, "Sign in")).toBeVisible();
  });

  await test.step("a wrong password is refused, and says so", async () => {
    await signIn(page, { email: MARY.email, password: "not the right one" });
    await expect(page.getByRole("alert")).toContainText("E-mail or password is wrong");
    await expect(page.getByLabel("Password", { exact: true })).toHaveValue("");
  });

  await test.step("the right one leads to the page that was asked for", async () => {
    await signIn(page, MARY);
    await expect(heading(page, "Administrators")).toBeVisible();
    await expect(page.getByRole("row", { name: MARY.name })).toContainText("You");
  });
});

test("a one-time link works once", async ({ ownServer, openBrowser, watch }) => {
  watch.expectRefusal(404, /^POST \/api\/v1\/links\/check$/);
  const page = await openBrowser(ownServer);
  await page.goto(ownServer.link);
  await expect(heading(page, "This link does not work")).toBeVisible();
  await expect(page.getByText("It was used already, or its time is over.")).toBeVisible();
  await page.getByRole("link", { name: "To the sign-in page" }).click();
  await expect(heading(page, "Sign in")).toBeVisible();
});
