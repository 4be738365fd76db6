// How SCIM attribute names are said to people: "name.familyName" becomes "family name".

/** Names whose words can't be told from their spelling. */
const SAID: Record<string, string> = {
  userName: "user name",
  externalId: "external id",
  emails: "e-mail addresses",
  ims: "instant messaging addresses",
  x509Certificates: "certificates",
  profileUrl: "profile URL",
  "name.formatted": "full name",
  formatted: "formatted",
};

/** Complex attributes that are clear from their sub-attributes alone: "family name", not "name, family name". */
const UNSAID_PARENTS = new Set(["name"]);

const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

export const isExtension = (name: string) => name.toLowerCase().startsWith("urn:");

/** A short name for a schema extension: the enterprise one needs none, others get their telling part. */
export function extensionName(urn: string): string | null {
  if (urn.toLowerCase() === ENTERPRISE.toLowerCase()) return null;
  const parts = urn.split(":").filter((part) => part !== "" && !/^[\d.]+$/.test(part));
  const last = parts.at(-1) ?? urn;
  // "urn:acme:params:scim:schemas:extension:payroll:2.0:User" is the payroll extension.
  return /^(user|group)$/i.test(last) ? (parts.at(-2) ?? last) : last;
}

/** "employeeNumber" becomes "employee number". */
function spaced(name: string): string {
  return name
    .replace(/[_-]+/g, " ")
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/[A-Z](?![A-Z])/g, (letter) => letter.toLowerCase());
}

/** What an attribute is called, given the names from the top of its resource down to it. */
export function attributeName(path: readonly string[]): string {
  const extension = path.find(isExtension);
  const names = path.filter((name) => !isExtension(name));
  const said = SAID[names.join(".")] ?? namesSaid(names);
  const short = extension === undefined ? null : extensionName(extension);
  if (said === "") return short ?? "extension";
  return short === null ? said : `${said} (${short})`;
}

function namesSaid(names: readonly string[]): string {
  return names
    .filter((name, depth) => depth === names.length - 1 || !UNSAID_PARENTS.has(name))
    .map((name) => SAID[name] ?? spaced(name))
    .join(", ");
}
