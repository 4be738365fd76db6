// The test function of all browser tests, with what they start from:
//
//   server       a server whose first administrator exists, shared by the tests of a worker;
//                tests make sources of their own in it
//   page         a browser signed in there as that administrator
//   showcase     a server full of people, shared by the tests of a worker that only look at it
//   freshServer  a server of the test's own, as it is on its first start
//   ownServer    the same with its first administrator, for tests that end sessions or look at
//                everything there is
//   openBrowser  one more browser, for another person or another server
//   watch        what must not happen in any of these browsers; checked after each test
import { type BrowserContextOptions, expect, type Page, test as base } from "@playwright/test";
import type { AdminApi } from "./admin-api";
import { type PreparedServer, type Server, startPreparedServer, startServer } from "./server";
import { type Showcase, startShowcase } from "./showcase";
import { Watch } from "./watch";

interface BrowserWishes extends BrowserContextOptions {
  /** Whose session it has; without, nobody is signed in. */
  signedInAs?: AdminApi;
}

type OpenBrowser = (server: Server, wishes?: BrowserWishes) => Promise<Page>;

interface Fixtures {
  watch: Watch;
  openBrowser: OpenBrowser;
  freshServer: Server;
  ownServer: PreparedServer;
}

interface WorkerFixtures {
  server: PreparedServer;
  showcase: Showcase;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  server: [
    // Playwright wants the first parameter destructured.
    // eslint-disable-next-line no-empty-pattern
    async ({}, provide) => {
      const server = await startPreparedServer();
      await provide(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  showcase: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, provide) => {
      const showcase = await startShowcase();
      await provide(showcase);
      await showcase.stop();
    },
    { scope: "worker" },
  ],

  // eslint-disable-next-line no-empty-pattern
  freshServer: async ({}, provide) => {
    const server = await startServer();
    await provide(server);
    await server.stop();
  },

  // eslint-disable-next-line no-empty-pattern
  ownServer: async ({}, provide) => {
    const server = await startPreparedServer();
    await provide(server);
    await server.stop();
  },

  watch: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, provide) => {
      const watch = new Watch();
      await provide(watch);
      expect(watch.faults(), "nothing that must not happen in a browser").toEqual([]);
    },
    { auto: true },
  ],

  // Asks for the servers that a browser may be pointed at, so that they outlive it.
  openBrowser: async ({ browser, watch }, provide) => {
    const contexts: { close: () => Promise<void> }[] = [];
    await provide(async (server, { signedInAs, ...options } = {}) => {
      const context = await browser.newContext({ baseURL: server.origin, ...options });
      contexts.push(context);
      await watch.attach(context, server.origin);
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      if (signedInAs?.cookie) {
        await context.addCookies([{ ...signedInAs.cookie, url: server.origin, httpOnly: true }]);
      }
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },

  page: async ({ server, openBrowser }, provide) => {
    await provide(await openBrowser(server, { signedInAs: server.api }));
  },
});

export { expect };
