// Looks at a page as it stands: in light and dark, on a wide screen and on a phone.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

/** Where pictures are left, if somebody wants to look at them. */
const FOLDER = process.env.SCREENSHOTS;
if (FOLDER) mkdirSync(FOLDER, { recursive: true });

const SCREENS = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const;

/** A picture of a longer page would only show more of the same. */
const TALLEST = 3_000;

/** What the colour scheme can change. */
const RULES_OF_COLOUR = ["color-contrast", "link-in-text-block"];

export interface LookOptions {
  /** Whether the picture has the whole page; a dialog covers only what is in sight. */
  fullPage?: boolean;
}

/** Has axe judge each of the four, and takes a picture of it where that is wanted. */
export async function lookAt(page: Page, place: string, { fullPage = true }: LookOptions = {}) {
  for (const [screen, { width, height }] of Object.entries(SCREENS)) {
    await page.setViewportSize({ width, height });
    if (fullPage) await page.setViewportSize({ width, height: await heightOf(page, height) });
    for (const colorScheme of ["light", "dark"] as const) {
      await test.step(`${colorScheme}, ${screen}`, async () => {
        await page.emulateMedia({ colorScheme });
        await expect(page.locator("html")).toHaveAttribute(
          "data-mantine-color-scheme",
          colorScheme,
        );
        await settled(page);
        if (FOLDER) {
          const path = join(FOLDER, `${place}-${colorScheme}-${screen}.png`);
          await page.screenshot({ path, animations: "disabled" });
        }
        await expectNoViolations(page, colorScheme === "dark" ? RULES_OF_COLOUR : undefined);
      });
    }
    await expectNothingCutOff(page);
  }
}

/** Nothing is being read any more. */
async function settled(page: Page) {
  await expect(page.locator("main")).toBeVisible();
  await expect(page.locator("[aria-busy=true], .mantine-Loader-root")).toHaveCount(0);
}

async function heightOf(page: Page, least: number): Promise<number> {
  await settled(page);
  const height = await page.evaluate(() => {
    // Arranging the page may have led further down.
    window.scrollTo(0, 0);
    return document.documentElement.scrollHeight;
  });
  return Math.min(TALLEST, Math.max(least, height));
}

async function expectNoViolations(page: Page, rules?: string[]) {
  // There are no frames that would need the slower way, and only what is wrong is of interest.
  const axe = new AxeBuilder({ page })
    .setLegacyMode()
    .options({ resultTypes: ["violations"], preload: false });
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  const told = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}\n${target}\n${failureSummary}`),
  );
  expect.soft(told, "axe finds no violation").toEqual([]);
}

/** Pages and dialogs scroll down, never sideways, and what a button says is there to be read. */
async function expectNothingCutOff(page: Page) {
  const { wider, cut } = await page.evaluate(() => {
    const isWider = ({ scrollWidth, clientWidth }: Element) => scrollWidth > clientWidth + 1;
    const scrolled = [document.documentElement, ...document.querySelectorAll("[role=dialog]")];
    return {
      wider: scrolled.filter(isWider).flatMap((box) => {
        const { right } = box.getBoundingClientRect();
        return [...box.querySelectorAll("*")]
          .filter((element) => element.getBoundingClientRect().right > right + 1)
          .slice(0, 5)
          .map((element) => element.outerHTML.slice(0, 160));
      }),
      cut: [...document.querySelectorAll(".mantine-Button-label")]
        .filter(isWider)
        .map((label) => label.textContent),
    };
  });
  expect.soft(wider, "nothing is wider than the screen").toEqual([]);
  expect.soft(cut, "no button's words are cut off").toEqual([]);
}
