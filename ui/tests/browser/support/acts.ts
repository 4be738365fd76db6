// What people do in the web UI, for tests that are about what comes after.
import { expect, type Locator, type Page } from "@playwright/test";
import type { Person } from "./people";

export async function signIn(page: Page, { email, password }: Pick<Person, "email" | "password">) {
  await page.getByRole("textbox", { name: "E-mail" }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

export async function signOut(page: Page, choice: "Sign out" | "Sign out everywhere") {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: choice, exact: true }).click();
  await expect(heading(page, "Sign in")).toBeVisible();
}

export const heading = (page: Page, name: string | RegExp) =>
  page.getByRole("heading", { level: 1, name, exact: typeof name === "string" });

/** Opens a tab of a source's page by its link, without loading the page anew. */
export async function openTab(page: Page, source: string, tab: string) {
  const tabs = page.getByRole("navigation", { name: `Parts of ${source}` });
  const link = tabs.getByRole("link", { name: tab, exact: true });
  await link.click();
  await expect(link).toHaveAttribute("aria-current", "page");
}

/** Presses a button that copies, and reads what it put into the clipboard. */
export async function copyBy(page: Page, button: Locator): Promise<string> {
  const empty = "nothing was copied";
  await page.evaluate((text) => navigator.clipboard.writeText(text), empty);
  await button.click();
  let copied = empty;
  await expect(async () => {
    copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).not.toBe(empty);
  }).toPass();
  return copied;
}

/** One item of the checklist on the Connect page. */
export const arrival = (page: Page, title: string) =>
  page
    .getByRole("complementary", { name: "What has arrived" })
    .getByRole("listitem")
    .filter({ hasText: title });

export async function expectArrived(page: Page, ...titles: string[]) {
  for (const title of titles) await expect(arrival(page, title)).toContainText("Done:");
}

export async function expectNotYet(page: Page, ...titles: string[]) {
  for (const title of titles) await expect(arrival(page, title)).toContainText("Not yet:");
}

/** Leaves a mark that a reload would wipe out; what it returns makes sure that it is still there. */
export async function forbidReload(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
  return async () => {
    const kept = await page.evaluate(() => "neverReloaded" in window);
    expect(kept, "the page was not loaded anew").toBe(true);
  };
}
