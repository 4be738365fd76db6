// The admin API as a script uses it: to arrange what a test starts from, and to check what it left.
import type { Person } from "./people";

/** So that its session looks like that of a browser among the sessions. */
const BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

export interface NewSource {
  source: { slug: string; name: string; base_url: string };
  token: { id: string };
  secret: string;
}

export class AdminApi {
  private constructor(
    readonly origin: string,
    private readonly credentials: Record<string, string>,
    /** The session's cookie, for a browser that is to be signed in from the start. */
    readonly cookie: { name: string; value: string } | null,
  ) {}

  /** Makes the account that the one-time link is for, and is signed in as it. */
  static ofLink(link: string, { name, email, password }: Person): Promise<AdminApi> {
    const secret = new URL(link).hash.slice(1);
    const body = { secret, name, email, password };
    return AdminApi.begin(new URL(link).origin, "/api/v1/links/use", body);
  }

  static signedIn(origin: string, { email, password }: Person): Promise<AdminApi> {
    return AdminApi.begin(origin, "/api/v1/session", { email, password });
  }

  static ofToken(origin: string, secret: string): AdminApi {
    return new AdminApi(origin, { Authorization: `Bearer ${secret}` }, null);
  }

  private static async begin(origin: string, path: string, body: object): Promise<AdminApi> {
    const response = await fetch(origin + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "User-Agent": BROWSER },
      body: JSON.stringify(body),
    });
    if (response.status !== 201) throw await unexpected("POST", path, response);
    const session = (await response.json()) as { csrf_token: string };
    const [name = "", value = ""] = /^([^=]+)=([^;]*)/
      .exec(response.headers.get("set-cookie") ?? "")
      ?.slice(1) ?? [""];
    return new AdminApi(
      origin,
      { Cookie: `${name}=${value}`, "X-CSRF-Token": session.csrf_token },
      { name, value },
    );
  }

  /** The answer, whatever it is. */
  call(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${this.origin}/api/v1${path}`, {
      method,
      headers: { ...this.credentials, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
  }

  /** What a successful answer holds; anything else is an error. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.call(method, path, body);
    if (!response.ok) throw await unexpected(method, path, response);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  makeSource(name: string, provider = "entra"): Promise<NewSource> {
    return this.ask("POST", "/sources", { name, provider });
  }

  /** Makes an account, and its password by the link as its owner would. */
  async makeAdministrator(person: Person, role: "administrator" | "auditor"): Promise<AdminApi> {
    const { name, email } = person;
    const { link } = await this.ask<{ link: string }>("POST", "/administrators", {
      name,
      email,
      role,
    });
    const secret = new URL(link).hash.slice(1);
    return AdminApi.begin(this.origin, "/api/v1/links/use", { secret, password: person.password });
  }
}

async function unexpected(method: string, path: string, response: Response): Promise<Error> {
  return new Error(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
}
