// A person without a mouse.
import { expect, type Locator, type Page } from "@playwright/test";

/** More than any page needs from its first control to its last. */
const PATIENCE = 80;

export class Keyboard {
  constructor(private readonly page: Page) {}

  press(...keys: string[]) {
    return keys.reduce(
      (before, key) => before.then(() => this.page.keyboard.press(key)),
      Promise.resolve(),
    );
  }

  type(text: string) {
    return this.page.keyboard.type(text);
  }

  /** Presses Tab until the control has the focus; each control on the way shows that it has it. */
  async tabTo(control: Locator, key: "Tab" | "Shift+Tab" = "Tab") {
    await expect(control).toBeVisible();
    for (let presses = 0; presses < PATIENCE; presses++) {
      if (await isFocused(control)) return;
      await this.page.keyboard.press(key);
      await this.expectFocusToShow();
    }
    throw new Error(`${key} does not lead to ${control}`);
  }

  async use(control: Locator, key: "Enter" | "Space" = "Enter") {
    await this.tabTo(control);
    await this.page.keyboard.press(key);
  }

  /** What has the focus is in sight, and looks other than without. */
  async expectFocusToShow() {
    const fault = await this.page.evaluate(() => {
      const focused = document.activeElement;
      // Past the last control, the focus is the browser's.
      if (!focused || focused === document.body) return null;
      const told = focused.outerHTML.slice(0, 160);
      const looks = () => {
        for (const animation of document.getAnimations()) {
          if (animation instanceof CSSTransition) animation.finish();
        }
        const parts = [focused, focused.parentElement, ...(focused.parentElement?.children ?? [])];
        return parts
          .filter((part): part is Element => part !== null)
          .map((part) => {
            const { outline, boxShadow, borderColor, background } = getComputedStyle(part);
            return [outline, boxShadow, borderColor, background].join();
          })
          .join();
      };
      const { width, height, bottom, right, top } = focused.getBoundingClientRect();
      // A switch or a radio shows it on what is drawn in its place.
      const drawn = focused.matches("input[type=checkbox], input[type=radio]");
      if (!drawn && (width < 4 || height < 4)) return `too small to be seen: ${told}`;
      if (bottom < 0 || right < 0 || top > innerHeight) return `out of sight: ${told}`;
      const withFocus = looks();
      (focused as HTMLElement).blur();
      const without = looks();
      (focused as HTMLElement).focus({ preventScroll: true });
      return withFocus === without ? `looks the same without focus: ${told}` : null;
    });
    expect(fault, "the focus shows").toBeNull();
  }
}

export const isFocused = (control: Locator) =>
  control.evaluate((element) => element === document.activeElement);
