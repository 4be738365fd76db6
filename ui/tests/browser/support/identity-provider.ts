// An identity provider, as far as a SCIM 2.0 service sees one: it probes, creates, groups and
// deactivates, each provider in its own dialect, with the address and the token it was given.
import { type Employee, emailOf, nameOf } from "./people";

const CORE = "urn:ietf:params:scim:schemas:core:2.0";
const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

interface Dialect {
  userAgent: string;
  /** What "Test connection" sends. */
  probe: string;
  /** How somebody is deactivated: Entra sends booleans as text, Okta leaves out the path. */
  deactivation: object;
}

const withPath = { op: "replace", path: "active", value: false };
const withoutPath = { op: "replace", value: { active: false } };
const unknown = encodeURIComponent('userName eq "0a6f4f4e-2d64-4f2c-9a2a-1f4a3a0c7c11"');

export const DIALECTS = {
  entra: {
    userAgent: "azuread-scim",
    probe: `/Users?filter=${unknown}`,
    deactivation: { op: "Replace", path: "active", value: "False" },
  },
  okta: {
    userAgent: "Okta SCIM Client 1.0.0",
    probe: "/Users?startIndex=1&count=2",
    deactivation: withoutPath,
  },
  google: { userAgent: "Google-SCIM", probe: `/Users?filter=${unknown}`, deactivation: withPath },
  onelogin: { userAgent: "OneLogin", probe: "/Users?count=1", deactivation: withoutPath },
  jumpcloud: { userAgent: "JumpCloud", probe: "/Users?count=1", deactivation: withPath },
  ping: { userAgent: "PingOne", probe: `/Users?filter=${unknown}`, deactivation: withPath },
  other: { userAgent: "scim-client/1.0", probe: "/ServiceProviderConfig", deactivation: withPath },
} satisfies Record<string, Dialect>;

export type Provider = keyof typeof DIALECTS;

export interface Answer {
  status: number;
  // The tests read single attributes of what the service answers.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

export interface Known {
  id: string;
}

export class IdentityProvider {
  private readonly dialect: Dialect;

  constructor(
    private readonly baseUrl: string,
    public token: string,
    provider: Provider = "entra",
  ) {
    this.dialect = DIALECTS[provider];
  }

  async send(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(this.baseUrl + path, {
      method,
      headers: {
        Authorization: `Bearer ${this.token}`,
        "User-Agent": this.dialect.userAgent,
        Accept: "application/scim+json",
        ...(body && { "Content-Type": "application/scim+json" }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  }

  probe(): Promise<Answer> {
    return this.send("GET", this.dialect.probe);
  }

  async createUser(employee: Employee, domain?: string): Promise<Known> {
    return this.done(201, "POST", "/Users", userOf(employee, domain));
  }

  async createGroup(displayName: string, members: Known[] = []): Promise<Known> {
    return this.done(201, "POST", "/Groups", {
      schemas: [`${CORE}:Group`],
      displayName,
      externalId: displayName.toLowerCase().replaceAll(" ", "-"),
      members: members.map(({ id }) => ({ value: id })),
    });
  }

  async change(path: string, ...operations: object[]): Promise<void> {
    const body = { schemas: [PATCH], Operations: operations };
    const answer = await this.send("PATCH", path, body);
    if (answer.status !== 200 && answer.status !== 204) throw unexpected("PATCH", path, answer);
  }

  deactivate(user: Known): Promise<void> {
    return this.change(`/Users/${user.id}`, this.dialect.deactivation);
  }

  addMember(group: Known, user: Known): Promise<void> {
    return this.change(`/Groups/${group.id}`, {
      op: "add",
      path: "members",
      value: [{ value: user.id }],
    });
  }

  removeMember(group: Known, user: Known): Promise<void> {
    return this.change(`/Groups/${group.id}`, {
      op: "remove",
      path: `members[value eq "${user.id}"]`,
    });
  }

  async deleteUser(user: Known): Promise<void> {
    await this.done(204, "DELETE", `/Users/${user.id}`);
  }

  private async done(status: number, method: string, path: string, body?: object) {
    const answer = await this.send(method, path, body);
    if (answer.status !== status) throw unexpected(method, path, answer);
    return answer.body as Known;
  }
}

export function userOf(employee: Employee, domain?: string) {
  const email = emailOf(employee, domain);
  return {
    schemas: [`${CORE}:User`, ENTERPRISE],
    userName: email,
    externalId: `e-${email.split("@")[0]}`,
    displayName: nameOf(employee),
    name: { givenName: employee.given, familyName: employee.family },
    title: employee.title,
    emails: [{ value: email, type: "work", primary: true }],
    active: true,
    [ENTERPRISE]: { department: employee.department },
  };
}

function unexpected(method: string, path: string, { status, body }: Answer): Error {
  return new Error(`${method} ${path} was answered ${status}: ${JSON.stringify(body)}`);
}
