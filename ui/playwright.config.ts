import { defineConfig } from "@playwright/test";

const SECONDS = 1_000;

export default defineConfig({
  testDir: "tests/browser",
  outputDir: "../target/browser-tests",
  // Each worker has servers of its own, so the tests of one file need not wait for each other.
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  // A test that passes only the second time would hide a fault.
  retries: 0,
  timeout: 60 * SECONDS,
  expect: { timeout: 10 * SECONDS },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // Chromium has no sandbox for root.
      args: ["--disable-gpu", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
    },
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    contextOptions: { reducedMotion: "reduce" },
    actionTimeout: 15 * SECONDS,
    screenshot: "only-on-failure",
    // A trace of every test would double the time; it is asked for with --trace on.
    trace: "off",
  },
});
