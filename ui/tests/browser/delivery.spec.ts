// How the web UI reaches the browser.
import type { Page } from "@playwright/test";
import { heading, signIn } from "./support/acts";
import { MARY } from "./support/people";
import { expect, test } from "./support/test";

const KILOBYTE = 1_000;

/** Counts what comes over the wire, headers and all. */
function countTransfers(page: Page) {
  const sizes: Promise<{ address: string; bytes: number }>[] = [];
  page.on("requestfinished", (request) => {
    sizes.push(
      request.sizes().then(({ responseHeadersSize, responseBodySize }) => ({
        address: new URL(request.url()).pathname,
        bytes: responseHeadersSize + responseBodySize,
      })),
    );
  });
  return () => Promise.all(sizes);
}

test("sign-in and the list of sources together come in less than 400 kB", async ({
  server,
  openBrowser,
}) => {
  const page = await openBrowser(server);
  const transfers = countTransfers(page);
  await page.goto("/");
  await signIn(page, MARY);
  await expect(heading(page, "Federation & Social login")).toBeVisible();
  await page.waitForLoadState("networkidle");

  const all = await transfers();
  const bytes = all.reduce((sum, transfer) => sum + transfer.bytes, 0);
  const told = all.map((transfer) => `${transfer.bytes} ${transfer.address}`).join("\n");
  test.info().annotations.push({ type: "transferred", description: `${bytes} bytes` });
  expect(all.length, told).toBeGreaterThan(3);
  expect(bytes, told).toBeLessThan(400 * KILOBYTE);
});

test("scripts and styles come compressed, and are kept by the browser for good", async ({
  page,
}) => {
  const assets: { path: string; encoding?: string; caching?: string }[] = [];
  page.on("response", async (response) => {
    const path = new URL(response.url()).pathname;
    if (!/^\/assets\/.*\.(js|css)$/.test(path)) return;
    const headers = response.headers();
    assets.push({
      path,
      encoding: headers["content-encoding"],
      caching: headers["cache-control"],
    });
  });
  await page.goto("/directory/sources");
  await expect(heading(page, "Federation & Social login")).toBeVisible();
  expect(assets.length).toBeGreaterThan(2);
  for (const asset of assets) {
    expect(asset).toMatchObject({ encoding: "br", caching: expect.stringContaining("immutable") });
  }
});

test("the policy allows nothing from elsewhere, and nothing inline", async ({ page }) => {
  const answer = await page.goto("/directory/sources");
  const policy = answer?.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
});

test("a breach of the policy is noticed by these tests", async ({ page, watch }) => {
  await page.goto("/directory/sources");
  await expect(heading(page, "Federation & Social login")).toBeVisible();
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.breached = true";
    document.body.append(script);
  });
  await expect
    .poll(() => watch.faults().join("\n"))
    .toContain("breach of the Content-Security-Policy");
  expect(await page.evaluate(() => "breached" in window)).toBe(false);
  watch.forgive();
});
