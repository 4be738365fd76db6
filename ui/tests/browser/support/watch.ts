// Watches a browser for what must never happen on any page: an error on the console, a breach of
// the Content-Security-Policy, a request to another host, a refusal that the test did not expect.
import type { BrowserContext } from "@playwright/test";

interface Refusal {
  status: number;
  path: RegExp;
}

/** Asking who is signed in is answered 401 while nobody is, and there is no other way to ask. */
const ALWAYS_EXPECTED: Refusal[] = [{ status: 401, path: /^GET \/api\/v1\/session$/ }];

export class Watch {
  private found: string[] = [];
  private readonly refused: { status: number; request: string }[] = [];
  private readonly expected: Refusal[] = [...ALWAYS_EXPECTED];

  /** Lets answers of this status pass, for requests such as "POST /api/v1/session". */
  expectRefusal(status: number, path: RegExp) {
    this.expected.push({ status, path });
  }

  /** Everything that should not have happened so far. */
  faults(): string[] {
    const refusals = this.refused
      .filter(
        ({ status, request }) =>
          !this.expected.some((known) => known.status === status && known.path.test(request)),
      )
      .map(({ status, request }) => `answered ${status}: ${request}`);
    // The same over and over says no more than once.
    return [...new Set([...this.found, ...refusals])];
  }

  /** For a test that provoked what was found. */
  forgive() {
    this.found = [];
  }

  async attach(context: BrowserContext, origin: string) {
    await context.exposeBinding("reportBreach", ({ page }, breach: string) => {
      this.found.push(`breach of the Content-Security-Policy on ${page.url()}: ${breach}`);
    });
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const { violatedDirective, blockedURI, sourceFile, lineNumber } = event;
        const report = (window as unknown as { reportBreach: (breach: string) => void })
          .reportBreach;
        report(`${violatedDirective} blocked ${blockedURI} (${sourceFile}:${lineNumber})`);
      });
    });
    context.on("console", (message) => {
      if (message.type() !== "error") return;
      // Refused requests are judged by their answers, below.
      if (message.text().startsWith("Failed to load resource: the server responded")) return;
      this.found.push(`error on the console of ${message.page()?.url()}: ${message.text()}`);
    });
    context.on("weberror", (error) => {
      this.found.push(`uncaught on ${error.page()?.url()}: ${error.error().stack}`);
    });
    context.on("request", (request) => {
      const { protocol, origin: of } = new URL(request.url());
      if (protocol === "blob:" || protocol === "data:" || of === origin) return;
      this.found.push(`request to another host: ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() < 400) return;
      const request = `${response.request().method()} ${new URL(response.url()).pathname}`;
      this.refused.push({ status: response.status(), request });
    });
  }
}
