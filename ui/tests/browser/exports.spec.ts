// Lists as files: whole, however many pages they have.
import { readFile } from "node:fs/promises";
import type { Download, Page } from "@playwright/test";
import { IdentityProvider, userOf } from "./support/identity-provider";
import { ADA } from "./support/people";
import type { PreparedServer } from "./support/server";
import { expect, test } from "./support/test";

/** More than the 1,000 that the API gives at a time. */
const MANY = 1_040;
const AT_ONCE = 20;

async function fill(server: PreparedServer, name: string, count: number): Promise<string> {
  const { source, secret } = await server.api.makeSource(name);
  const provider = new IdentityProvider(source.base_url, secret);
  const create = async (number: number) => {
    const employee = { ...ADA, given: `Ada "${number}", of`, family: "Lovelace" };
    const userName = `ada-${String(number).padStart(4, "0")}@example.com`;
    const answer = await provider.send("POST", "/Users", { ...userOf(employee), userName });
    expect(answer.status).toBe(201);
  };
  for (let begin = 0; begin < count; begin += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - begin) }, (_, at) => begin + at);
    await Promise.all(numbers.map(create));
  }
  return source.slug;
}

async function download(page: Page, choice: "All as CSV" | "All as JSON"): Promise<Download> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("menuitem", { name: choice }).click();
  return downloading;
}

const contentOf = async (file: Download) => readFile(await file.path(), "utf8");

test("a list of several pages is exported whole, as CSV and as JSON", async ({ server, page }) => {
  const slug = await fill(server, "Exported", MANY);
  await page.goto(`/directory/sources/${slug}/users`);
  await expect(page.getByText(`1 to 50 of ${MANY.toLocaleString("en")}`)).toBeVisible();
  const userNames = Array.from(
    { length: MANY },
    (_, number) => `ada-${String(number).padStart(4, "0")}@example.com`,
  );

  await test.step("CSV", async () => {
    const file = await download(page, "All as CSV");
    expect(file.suggestedFilename()).toMatch(/^users-exported-\d{4}-\d\d-\d\d\.csv$/);
    const lines = (await contentOf(file)).split("\r\n");
    expect(lines[0]).toMatch(/^\uFEFFsource,id,user_name,display_name/);
    expect(lines.at(-1)).toBe("");
    const rows = lines.slice(1, -1);
    expect(rows.map((row) => row.split(",")[2])).toEqual(userNames);
    // A name with a comma and quotes stays one field.
    expect(rows[7]).toContain('"Ada ""7"", of Lovelace"');
  });

  await test.step("JSON", async () => {
    const file = await download(page, "All as JSON");
    const rows = JSON.parse(await contentOf(file)) as { user_name: string }[];
    expect(rows.map((row) => row.user_name)).toEqual(userNames);
  });

  await test.step("the filters hold for the file, too", async () => {
    await page.getByRole("searchbox").fill("ada-103");
    await expect(page.getByText("1 to 10")).toBeVisible();
    const file = await download(page, "All as JSON");
    expect(JSON.parse(await contentOf(file))).toHaveLength(10);
  });
});

test("pages go forth and back", async ({ server, page }) => {
  const slug = await fill(server, "Paged", 60);
  await page.goto(`/directory/sources/${slug}/users`);
  const names = page.getByRole("table", { name: "Users" }).getByRole("rowheader");
  await page.getByRole("combobox", { name: "Rows per page" }).selectOption("25");
  await expect(names).toHaveCount(25);
  await page.getByRole("button", { name: "Next" }).click();
  await expect(names.first()).toContainText("ada-0025");
  await page.getByRole("button", { name: "Next" }).click();
  await expect(names).toHaveCount(10);
  await expect(page.getByRole("button", { name: "Next" })).toBeDisabled();
  await page.getByRole("button", { name: "Previous" }).click();
  await expect(names.first()).toContainText("ada-0025");
  await page.goBack();
  await page.goBack();
  await page.goBack();
  await expect(names.first()).toContainText("ada-0000");
});

/** Every list that offers it. */
const LISTS = [
  ["sources", "/directory/sources"],
  ["users", "/directory/users"],
  ["groups", "/directory/groups"],
  ["members-engineering", (id: string) => `/directory/groups/contoso/${id}`],
  ["changes-contoso", "/directory/sources/contoso/activity"],
  ["requests-contoso", "/directory/sources/contoso/activity?view=requests"],
  ["contoso-tokens", "/directory/sources/contoso/credentials"],
  ["administrators", "/system/administrators"],
  ["api-tokens", "/system/api-tokens"],
  ["audit-log", "/system/activity"],
  ["unmatched-requests", "/system/health"],
  ["sessions", "/account/sessions"],
] as const;

test("every list is exported, as CSV and as JSON alike", async ({ showcase, openBrowser }) => {
  const page = await openBrowser(showcase, { signedInAs: showcase.api });
  for (const [name, at] of LISTS) {
    await test.step(name, async () => {
      await page.goto(typeof at === "string" ? at : at(showcase.engineering));
      const csv = await download(page, "All as CSV");
      const json = await download(page, "All as JSON");
      expect(csv.suggestedFilename()).toContain(`${name}-20`);
      const rows = JSON.parse(await contentOf(json)) as object[];
      expect(rows.length).toBeGreaterThan(0);
      expect(recordsOf(await contentOf(csv))).toBe(rows.length + 1);
    });
  }
});

/** Lines that are not inside of a quoted field. */
const recordsOf = (csv: string) => csv.replace(/"[^"]*"/g, "").split("\r\n").length - 1;
