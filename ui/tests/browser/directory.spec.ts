// Users and groups across sources: who somebody is, and why they lack access.
import type { Page } from "@playwright/test";
import { heading } from "./support/acts";
import { IdentityProvider, type Known } from "./support/identity-provider";
import { ADA, ALAN, EMPLOYEES, GRACE, nameOf } from "./support/people";
import { expect, test } from "./support/test";

const part = (page: Page, name: string) =>
  page.getByRole("navigation", { name: /^Parts of/ }).getByRole("link", { name, exact: true });

test("who lacks access and why is two clicks from the list of users", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Lacking");
  const provider = new IdentityProvider(source.base_url, secret);
  const ada = await provider.createUser(ADA);
  const group = await provider.createGroup("Payroll readers", [ada]);
  await provider.removeMember(group, ada);
  await page.goto(`/directory/users?source=${source.slug}`);

  let clicks = 0;
  const click = async (role: "link" | "button", name: string) => {
    clicks += 1;
    await page.getByRole(role, { name, exact: true }).click();
  };
  await click("link", "Ada Lovelace");
  const lost = page.getByRole("listitem").filter({ hasText: "Removed from Payroll readers" });
  await expect(lost).toContainText("by Lacking on");

  await click("button", "Show the request");
  const drawer = page.getByRole("dialog", { name: "Request" });
  await expect(drawer).toContainText(`members[value eq "${ada.id}"]`);
  expect(clicks).toBe(2);
});

test("a user's page has attributes, groups, history and the raw JSON", async ({ server, page }) => {
  const { source, secret } = await server.api.makeSource("Described");
  const provider = new IdentityProvider(source.base_url, secret);
  const ada = await provider.createUser(ADA);
  const group = await provider.createGroup("Engineering", [ada]);
  const past = await provider.createGroup("Release managers", [ada]);
  await provider.removeMember(past, ada);
  await page.goto(`/directory/users/${source.slug}/${ada.id}`);

  await expect(heading(page, "Ada Lovelace")).toBeVisible();
  await expect(page.getByText("Principal engineer")).toBeVisible();
  await expect(page.getByText("Department")).toBeVisible();
  await expect(page.getByRole("link", { name: "Engineering" })).toHaveAttribute(
    "href",
    `/directory/groups/${source.slug}/${group.id}`,
  );

  await part(page, "History").click();
  const history = page.getByRole("region", { name: "History" }).getByRole("listitem");
  await expect(history).toHaveText([
    /Described removed Ada Lovelace from Release managers/,
    /Described created Release managers with Ada Lovelace/,
    /Described created Engineering with Ada Lovelace/,
    /Described created Ada Lovelace/,
  ]);

  await part(page, "Requests").click();
  await expect(page.getByRole("table", { name: "Requests" }).getByRole("row")).toHaveCount(5);

  await part(page, "Raw JSON").click();
  const json = page.getByRole("region", { name: "The user as its client gets it" });
  expect(JSON.parse((await json.textContent()) ?? "")).toMatchObject({
    id: ada.id,
    userName: "ada.lovelace@example.com",
    groups: [{ value: group.id, display: "Engineering" }],
  });
});

test("a deleted user's history stays", async ({ server, page, watch }) => {
  watch.expectRefusal(404, /^GET \/api\/v1\/sources\/leaving\/users\//);
  const { source, secret } = await server.api.makeSource("Leaving");
  const provider = new IdentityProvider(source.base_url, secret);
  const alan = await provider.createUser(ALAN);
  await provider.createGroup("Research", [alan]);
  await page.goto(`/directory/users/${source.slug}/${alan.id}`);
  await expect(heading(page, "Alan Turing")).toBeVisible();

  await provider.deleteUser(alan);
  await expect(page.getByText("Deleted", { exact: true })).toBeVisible();
  const history = page.getByRole("region", { name: "History" });
  await expect(history).toContainText("Leaving deleted Alan Turing");
  await expect(history).toContainText("Leaving created Research with Alan Turing");
  await part(page, "As last known").click();
  await expect(page.getByText(ALAN.title)).toBeVisible();
});

test("the members of a group are searched, and its history tells who came and went", async ({
  server,
  page,
}) => {
  const { source, secret } = await server.api.makeSource("Gathered");
  const provider = new IdentityProvider(source.base_url, secret);
  const members: Known[] = [];
  for (const employee of EMPLOYEES.slice(0, 8)) members.push(await provider.createUser(employee));
  const group = await provider.createGroup("Everyone", members);
  await provider.removeMember(group, members[2] as Known);
  await page.goto("/directory/groups?q=everyone");
  await page.getByRole("link", { name: "Everyone" }).click();

  const table = page.getByRole("table", { name: "Members" });
  await expect(page.getByText("7 members")).toBeVisible();
  await expect(table.getByRole("row")).toHaveCount(8);
  await page.getByRole("searchbox", { name: "Search members by name" }).fill("gra");
  await expect(table.getByRole("row")).toHaveCount(2);
  await expect(table.getByRole("row", { name: nameOf(GRACE) })).toBeVisible();

  await part(page, "History").click();
  await expect(page.getByRole("region", { name: "History" }).getByRole("listitem")).toHaveText([
    /Gathered removed Alan Turing from Everyone/,
    /Gathered created Everyone with 8 members/,
  ]);
});

test("users are searched, filtered and sorted, and the address keeps it", async ({
  server,
  page,
}) => {
  const { source, secret } = await server.api.makeSource("Sorted");
  const provider = new IdentityProvider(source.base_url, secret);
  for (const employee of [GRACE, ADA]) await provider.createUser(employee);
  await provider.deactivate(await provider.createUser(ALAN));
  await page.goto(`/directory/sources/${source.slug}/users`);
  const names = page.getByRole("table", { name: "Users" }).getByRole("rowheader");
  await expect(names).toHaveText([/^Ada/, /^Alan/, /^Grace/]);

  await page.getByRole("button", { name: "User", exact: true }).click();
  await expect(names).toHaveText([/^Grace/, /^Alan/, /^Ada/]);
  await expect(page.getByRole("columnheader", { name: "User" })).toHaveAttribute(
    "aria-sort",
    "descending",
  );

  await page.getByRole("combobox", { name: "State" }).selectOption({ label: "Active" });
  await expect(names).toHaveText([/^Grace/, /^Ada/]);
  await page.getByRole("searchbox").fill("love");
  await expect(names).toHaveText([/^Ada/]);
  await page.reload();
  await expect(names).toHaveText([/^Ada/]);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(names).toHaveCount(3);
});
