// The one way to the admin API. Paths are written as the OpenAPI document writes them, with the
// values for their {parameters} beside them:
//
//   api.get("/api/v1/sources/{slug}", { path: { slug } })
//
// Path, values and answer are checked against that document, see contract.ts.
// A refusal becomes an `ApiError`; a lost session sends the reader to the sign-in page.
import type { AnswerOf, ArgumentsOf, Method, PathOf, QueryValue } from "./contract";
import type { Problem } from "./types";

interface CallOptions {
  path?: Record<string, string | number>;
  /** Empty, null and undefined values are left out. */
  query?: Record<string, QueryValue>;
  body?: unknown;
  signal?: AbortSignal;
}

/** A refusal, or no answer at all (`status` 0, `code` "unreachable"). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** The name of the input that is wrong, when it is about one. */
  readonly field: string | null;
  readonly problem: Partial<Problem>;
  /** Seconds to wait before trying again, when the server asks for it. */
  readonly retryAfter: number | null;

  constructor(status: number, problem: Partial<Problem>, retryAfter: number | null = null) {
    const detail = problem.detail ?? problem.title ?? "The server gave no reason.";
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.detail = detail;
    this.field = problem.field ?? null;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

let csrfToken: string | null = null;
let onSessionLost: () => void = () => undefined;

/** Called with each session that the server hands out; `null` once signed out. */
export function rememberCsrfToken(token: string | null) {
  csrfToken = token;
}

/** What to do when a call finds that nobody is signed in any more. */
export function whenSessionIsLost(act: () => void) {
  onSessionLost = act;
}

export function addressOf(path: string, options: Pick<CallOptions, "path" | "query"> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = options.path?.[name];
    if (value === undefined) throw new Error(`no value for {${name}} in ${path}`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}

// A creation whose answer got lost is tried again under the same key, so that the server
// recognises it and nothing is made twice. An answer settles the key, unless it says that the
// first sending is still being worked on.
const unsettled = new Map<string, string>();

/** What is being sent under a key: asked for twice at once, as by a double click, it is sent once. */
const underWay = new Map<string, Promise<unknown>>();

/** Signing in and links make nothing twice, and their passwords are not to be kept for a key. */
function takesNoKey(path: string): boolean {
  return path === "/api/v1/session" || path.startsWith("/api/v1/links/");
}

function idempotencyKey(attempt: string): string {
  const known = unsettled.get(attempt);
  if (known) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  unsettled.set(attempt, key);
  return key;
}

function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  if (method !== "POST" || takesNoKey(path) || options.signal)
    return send<T>(method, path, options);
  const attempt = `${addressOf(path, options)}\n${JSON.stringify(options.body)}`;
  const first = underWay.get(attempt) as Promise<T> | undefined;
  if (first) return first;
  const sent = send<T>(method, path, options).finally(() => underWay.delete(attempt));
  underWay.set(attempt, sent);
  return sent;
}

async function send<T>(method: string, path: string, options: CallOptions): Promise<T> {
  const address = addressOf(path, options);
  const headers: Record<string, string> = { Accept: "application/json, application/problem+json" };
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  let body: string | undefined;
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.body);
  }
  const attempt = `${address}\n${body ?? ""}`;
  if (method === "POST" && !takesNoKey(path)) headers["Idempotency-Key"] = idempotencyKey(attempt);

  let response: Response;
  try {
    response = await fetch(address, { method, headers, body, signal: options.signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, {
      code: "unreachable",
      title: "No answer",
      detail: "The server could not be reached. Check the network, and that Headwater is running.",
    });
  }
  if (response.ok) {
    unsettled.delete(attempt);
    return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
  }
  const error = new ApiError(response.status, await problemOf(response), retryAfter(response));
  // The first sending is still being worked on, or may have been done: the next has to be known as the same.
  if (error.code !== "in_progress" && error.code !== "in_doubt") unsettled.delete(attempt);
  if (error.code === "unauthenticated" && path !== "/api/v1/session") onSessionLost();
  throw error;
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  try {
    return (await response.json()) as Problem;
  } catch {
    // Something in between answered, such as a proxy: its page is of no use to the reader.
    return {
      status: response.status,
      code: "unexpected_answer",
      title: response.statusText,
      detail: `The server answered ${response.status} ${response.statusText}, without a reason. If it stands behind a proxy, look at the proxy's log.`,
    };
  }
}

function retryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

function caller<M extends Method>(method: M) {
  return <P extends PathOf<M>>(path: P, ...[options]: ArgumentsOf<M, P>) =>
    call<AnswerOf<M, P>>(method.toUpperCase(), path, options);
}

export const api = {
  get: caller("get"),
  post: caller("post"),
  put: caller("put"),
  patch: caller("patch"),
  del: caller("delete"),
  /** The document that describes all of this; the one path that it does not describe. */
  document: <T>(signal: AbortSignal) => call<T>("GET", "/api/openapi.json", { signal }),
};
