// A server as it looks after some days of use: what the screenshots show.
import { IdentityProvider, type Known, type Provider, userOf } from "./identity-provider";
import { ADA, ALAN, EMPLOYEES, type Employee, emailOf, GRACE, nameOf, RICHARD } from "./people";
import { type PreparedServer, startPreparedServer } from "./server";
import type { AdminApi } from "./admin-api";

export interface Showcase extends PreparedServer {
  auditor: AdminApi;
  /** Ids in Contoso. */
  ada: string;
  deletedUser: string;
  engineering: string;
  deletedGroup: string;
  refusedRequest: number;
  /** In Wingtip. */
  bulkRequest: number;
}

/** One source per identity provider, each in another state. */
export const SOURCES: Record<Provider, string> = {
  entra: "Contoso",
  okta: "Northwind Traders",
  google: "Fabrikam",
  onelogin: "Tailspin Toys",
  jumpcloud: "Litware",
  ping: "Adventure Works",
  other: "Wingtip",
};

export async function startShowcase(): Promise<Showcase> {
  const server = await startPreparedServer();
  const { api } = server;
  const providers = new Map<Provider, IdentityProvider>();
  for (const [provider, name] of Object.entries(SOURCES) as [Provider, string][]) {
    const { source, secret } = await api.makeSource(name, provider);
    providers.set(provider, new IdentityProvider(source.base_url, secret, provider));
  }
  const at = (provider: Provider) => providers.get(provider) as IdentityProvider;

  const contoso = await fillContoso(at("entra"));
  await fillNorthwind(at("okta"));
  await fillSmall(at("jumpcloud"), EMPLOYEES.slice(4, 11), "Operations", "litware.example");
  await fillSmall(at("ping"), EMPLOYEES.slice(12, 17), "Guides", "adventure-works.example");
  await fillSmall(at("other"), EMPLOYEES.slice(2, 5), "Toys", "wingtip.example");
  await fillSchemas(api, at("other"), "wingtip.example");
  await api.ask("PATCH", "/sources/adventure-works", { enabled: false });
  await at("ping").probe();
  await fetch(`${server.origin}/source/scim/contosso/v2/Users`, {
    headers: { "User-Agent": "azuread-scim", Authorization: "Bearer hw_mistyped" },
  });

  const auditor = await api.makeAdministrator(RICHARD, "auditor");
  await api.ask("POST", "/administrators", {
    name: "Priya Raman",
    email: "priya.raman@example.com",
    role: "administrator",
  });
  await api.ask("POST", "/api-tokens", { name: "Nightly report", role: "auditor" });
  const { api_token } = await api.ask<{ api_token: Known }>("POST", "/api-tokens", {
    name: "Old deployment",
    role: "administrator",
  });
  await api.ask("DELETE", `/api-tokens/${api_token.id}`);
  await api.ask("PATCH", "/settings", { organization_name: "Contoso Holding" });
  await api.ask("POST", "/sources/contoso/tokens", {
    expires: new Date(Date.now() + 9 * 86_400_000).toISOString(),
  });
  // The log of requests is written a moment later.
  const logged = async (path: string): Promise<number> => {
    for (let turn = 0; turn < 100; turn += 1) {
      const found = await api.ask<{ items: { sequence: number }[] }>("GET", path);
      const first = found.items[0];
      if (first) return first.sequence;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no request was logged: ${path}`);
  };
  return {
    ...server,
    auditor,
    ...contoso,
    refusedRequest: await logged("/sources/contoso/requests?status=409"),
    bulkRequest: await logged("/sources/wingtip/requests?operation=bulk"),
  };
}

async function fillContoso(entra: IdentityProvider) {
  const domain = "contoso.example";
  await entra.probe();
  const users = new Map<Employee, Known>();
  // More than one page of them.
  for (const employee of [...EMPLOYEES, ...mingled()]) {
    users.set(employee, await entra.createUser(employee, domain));
  }
  const known = (employee: Employee) => users.get(employee) as Known;

  const groups = new Map<string, Known>();
  for (const name of new Set(EMPLOYEES.map(({ department }) => department))) {
    const members = [...users].filter(([{ department }]) => department === name);
    groups.set(
      name,
      await entra.createGroup(
        name,
        members.map(([, user]) => user),
      ),
    );
  }
  const engineering = groups.get("Engineering") as Known;
  const release = await entra.createGroup("Release managers", [known(ADA), known(GRACE)]);
  const contractors = await entra.createGroup("Contractors");

  await entra.addMember(groups.get("Research") as Known, known(ADA));
  await entra.removeMember(release, known(ADA));
  await entra.change(
    `/Users/${known(ADA).id}`,
    { op: "replace", path: "title", value: "Distinguished engineer" },
    {
      op: "add",
      path: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
      value: "4711",
    },
    { op: "replace", path: "active", value: true },
  );
  await entra.change(`/Groups/${groups.get("People")?.id}`, {
    op: "replace",
    path: "displayName",
    value: "People & Culture",
  });
  await entra.deactivate(known(ALAN));
  await entra.deleteUser(known(EMPLOYEES[23] as Employee));
  await entra.send("DELETE", `/Groups/${contractors.id}`);
  await entra.send("POST", "/Users", {
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
    userName: emailOf(GRACE, domain),
    displayName: nameOf(GRACE),
  });
  await entra.send("GET", `/Users?filter=${encodeURIComponent("userName is ada")}`);
  return {
    ada: known(ADA).id,
    deletedUser: known(EMPLOYEES[23] as Employee).id,
    engineering: engineering.id,
    deletedGroup: contractors.id,
  };
}

async function fillNorthwind(okta: IdentityProvider) {
  await fillSmall(okta, EMPLOYEES.slice(3, 15), "Sales", "northwind.example");
  const right = okta.token;
  okta.token = "hw_of-before-the-rotation";
  for (let attempt = 0; attempt < 3; attempt++) await okta.probe();
  okta.token = right;
}

/** Schemas of its own, attributes that none of them knows, and many operations at once. */
async function fillSchemas(api: AdminApi, provider: IdentityProvider, domain: string) {
  const badge = "urn:example:scim:schemas:extension:2.0:Badge";
  const device = "urn:example:scim:schemas:2.0:Device";
  const payroll = "urn:example:scim:schemas:extension:payroll:2.0:User";
  await api.ask("PUT", `/sources/wingtip/schemas/${badge}?extends=User`, {
    id: badge,
    name: "Badge",
    description: "The badge that opens the doors",
    attributes: [
      { name: "number", description: "What is printed on it", uniqueness: "server" },
      { name: "doors", multiValued: true, description: "The doors that it opens" },
    ],
  });
  await api.ask("PUT", `/sources/wingtip/schemas/${device}`, {
    id: device,
    name: "Device",
    attributes: [{ name: "serial", required: true, uniqueness: "server" }],
  });
  await api.ask("PUT", "/sources/wingtip/resource-types/Device", {
    name: "Device",
    description: "A computer or a phone",
    endpoint: "/Devices",
    schema: device,
    searchable: ["serial"],
  });
  await provider.send("POST", "/Devices", { schemas: [device], serial: "S-1" });
  const sent = (employee: Employee, bulkId: string, more: object = {}) => ({
    method: "POST",
    path: "/Users",
    bulkId,
    data: { ...userOf(employee, domain), ...more },
  });
  const unknown = { favoriteColor: "teal", shoeSizes: [{ value: 38, region: "EU" }] };
  await provider.send("POST", "/Bulk", {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
    Operations: [
      sent(ADA, "ada", { ...unknown, [payroll]: { number: 4711, grade: "E2" } }),
      sent(GRACE, "grace", { ...unknown, name: { nick: "Amazing Grace" } }),
      sent(EMPLOYEES[11] as Employee, "third", {
        favoriteColor: "green",
        [badge]: { number: "B-7" },
      }),
      sent(ADA, "again"),
      { method: "DELETE", path: "/Users/01a21051-1e12-7001-865b-000000000000" },
    ],
  });
  await api.ask("POST", "/sources/wingtip/unknown-attributes/adopt", {
    resource_type: "User",
    path: "favoriteColor",
  });
  await provider.send("POST", "/Users", {
    ...userOf(EMPLOYEES[9] as Employee, domain),
    ...unknown,
  });
}

async function fillSmall(
  provider: IdentityProvider,
  employees: Employee[],
  group: string,
  domain: string,
) {
  await provider.probe();
  const users: Known[] = [];
  for (const employee of employees) users.push(await provider.createUser(employee, domain));
  await provider.createGroup(group, users);
}

/** Given names with other family names: people enough for a second page. */
function mingled(): Employee[] {
  return EMPLOYEES.map((employee, index) => ({
    ...employee,
    family: (EMPLOYEES[(index + 5) % EMPLOYEES.length] as Employee).family,
  }));
}
