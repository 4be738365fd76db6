// From a tile of the wizard to people in the directory, for each identity provider.
import { readFileSync } from "node:fs";
import {
  copyBy,
  expectArrived,
  expectNotYet,
  forbidReload,
  heading,
  openTab,
} from "./support/acts";
import { DIALECTS, IdentityProvider, type Provider } from "./support/identity-provider";
import { ADA, ALAN, GRACE } from "./support/people";
import { expect, test } from "./support/test";

interface Guide {
  name: string;
  product: string;
  switches: Record<string, { default: boolean }>;
}

const guideOf = (provider: Provider) =>
  JSON.parse(
    readFileSync(new URL(`../../../guides/${provider}.json`, import.meta.url), "utf8"),
  ) as Guide;

/** The tiles, as administrators know the providers. */
const TILES: Record<Provider, string> = {
  entra: "Microsoft Entra ID",
  okta: "Okta",
  google: "Google Workspace",
  onelogin: "OneLogin",
  jumpcloud: "JumpCloud",
  ping: "PingOne",
  other: "Any other SCIM 2.0 client",
};

for (const provider of Object.keys(DIALECTS) as Provider[]) {
  const tile = TILES[provider];

  test(`${tile}: from the tile to the first deactivation, without a reload`, async ({
    server,
    page,
  }) => {
    const name = `Contoso by ${provider}`;
    const slug = `contoso-by-${provider}`;
    const guide = guideOf(provider);
    await page.goto("/directory/sources");
    const neverReloaded = await forbidReload(page);

    await test.step("the tile", async () => {
      await page.getByRole("button", { name: "Create" }).first().click();
      await expect(heading(page, "New source")).toBeVisible();
      await page.getByRole("button", { name: tile, exact: true }).click();
    });

    await test.step("name and slug, with the address written live", async () => {
      const address = page.getByLabel("SCIM Base URL");
      await page.getByRole("textbox", { name: "Name" }).fill("Contoso");
      await expect(address).toHaveText(`${server.origin}/source/scim/contoso/v2`);
      await page.getByRole("textbox", { name: "Name" }).fill(name);
      await expect(page.getByRole("textbox", { name: "Slug" })).toHaveValue(slug);
      await expect(address).toHaveText(`${server.origin}/source/scim/${slug}/v2`);
      await page.getByRole("button", { name: "Continue" }).click();
    });

    await test.step("the switches, as this provider needs them", async () => {
      await expect(page.getByRole("heading", { name: "Switches" })).toBeVisible();
      for (const [label, key] of [
        ["Group names are unique", "unique_group_names"],
        ["Keep the bodies of requests", "log_bodies"],
      ] as const) {
        await expect(page.getByRole("switch", { name: label })).toBeChecked({
          checked: guide.switches[key]?.default,
        });
      }
      await page.getByRole("button", { name: "Create the source" }).click();
    });

    const baseUrl = await test.step("Connect has the address to copy", async () => {
      await expect(heading(page, name)).toBeVisible();
      await expect(page).toHaveURL(`/directory/sources/${slug}/connect`);
      await expect(page.getByRole("heading", { name: `In ${guide.product}` })).toBeVisible();
      const button = page.getByRole("button", { name: "Copy SCIM Base URL" }).first();
      return copyBy(page, button);
    });

    const token = await test.step("and the token, which is never shown", async () => {
      const button = page.getByRole("button", { name: "Click to copy token" }).first();
      const copied = await copyBy(page, button);
      expect(await page.content()).not.toContain(copied);
      return copied;
    });

    const arriving = new IdentityProvider(baseUrl, token, provider);
    await expectNotYet(page, "Token seen", "First probe answered", "First user created");

    await test.step("the provider's test of the connection ticks two things", async () => {
      expect((await arriving.probe()).status).toBe(200);
      await expectArrived(page, "Token seen", "First probe answered");
      await expectNotYet(page, "First user created");
    });

    await test.step("from then on a new token is offered, and the used one is gone", async () => {
      const renew = page.getByRole("button", { name: "Copy a new token" }).first();
      await expect(renew).toBeEnabled();
      await expect(page.getByRole("button", { name: "Click to copy token" })).toHaveCount(0);
    });

    const ada = await test.step("the first user", async () => {
      const created = await arriving.createUser(ADA);
      await expectArrived(page, "First user created");
      await expectNotYet(page, "First group with members");
      return created;
    });

    await test.step("the first group with members", async () => {
      const grace = await arriving.createUser(GRACE);
      const engineering = await arriving.createGroup("Engineering");
      await arriving.addMember(engineering, ada);
      await arriving.addMember(engineering, grace);
      await expectArrived(page, "First group with members");
      await expectNotYet(page, "First deactivation");
    });

    await test.step("the first deactivation", async () => {
      await arriving.deactivate(await arriving.createUser(ALAN));
      await expectArrived(page, "First deactivation");
    });

    await test.step("Users shows everyone", async () => {
      await openTab(page, name, "Users");
      const users = page.getByRole("table", { name: "Users" });
      await expect(users.getByRole("row", { name: "Ada Lovelace" })).toContainText("Active");
      await expect(users.getByRole("row", { name: "Grace Hopper" })).toContainText("Active");
      await expect(users.getByRole("row", { name: "Alan Turing" })).toContainText("Inactive");
    });

    await test.step("and goes on showing who arrives while one looks", async () => {
      await arriving.createUser({ ...ADA, given: "Byron" });
      await expect(page.getByRole("row", { name: "Byron Lovelace" })).toBeVisible();
    });

    await test.step("Groups shows the group and how many it holds", async () => {
      await openTab(page, name, "Groups");
      const row = page.getByRole("row", { name: "Engineering" });
      await expect(row.getByRole("cell").first()).toHaveText("2");
    });

    await test.step("Activity tells it in sentences", async () => {
      await openTab(page, name, "Activity");
      const changes = page.getByRole("region", { name: "Changes" });
      for (const sentence of [
        `${name} created Ada Lovelace`,
        `${name} created Engineering`,
        `${name} added Ada Lovelace to Engineering`,
        `${name} deactivated Alan Turing`,
      ]) {
        await expect(changes.getByRole("listitem").filter({ hasText: sentence })).toHaveCount(1);
      }
    });

    await test.step("the source works, says the overview", async () => {
      await openTab(page, name, "Overview");
      await expect(page.getByRole("link", { name: /^Users\s*4/ })).toBeVisible();
      await expect(page.getByText("Nothing. All is as it should be.")).toBeVisible();
    });

    await neverReloaded();
  });
}
