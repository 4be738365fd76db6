// A SCIM resource as a page shows it: attributes in groups that people know, each with its values.
import { attributeName, extensionName, isExtension } from "../journal/attribute-names";
import { isComplex, isOneThing, isUnassigned, valueLines } from "../journal/attribute-values";
import type { ScimResource } from "../api/types";

export interface Attribute {
  name: string;
  /** As SCIM spells it. */
  path: string;
  lines: string[];
}

export interface AttributeGroup {
  title: string;
  attributes: Attribute[];
}

const TITLES = [
  "Account",
  "Name",
  "Contact",
  "Work",
  "Language and place",
  "Access",
  "Other",
] as const;
type Title = (typeof TITLES)[number];

const BELONGS: Record<string, Title | undefined> = {
  userName: "Account",
  active: "Account",
  userType: "Account",
  externalId: "Account",
  id: "Account",
  name: "Name",
  displayName: "Name",
  nickName: "Name",
  emails: "Contact",
  phoneNumbers: "Contact",
  ims: "Contact",
  addresses: "Contact",
  profileUrl: "Contact",
  photos: "Contact",
  title: "Work",
  preferredLanguage: "Language and place",
  locale: "Language and place",
  timezone: "Language and place",
  roles: "Access",
  entitlements: "Access",
  x509Certificates: "Access",
};

/** Shown elsewhere on the page, or of no use to a reader. */
const LEFT_OUT = new Set(["schemas", "meta", "groups", "members", "password"]);

export function attributeGroups(resource: ScimResource): AttributeGroup[] {
  const groups = new Map<string, Attribute[]>(TITLES.map((title) => [title, []]));
  for (const [name, value] of Object.entries(resource)) {
    if (LEFT_OUT.has(name)) continue;
    const title = isExtension(name) ? titleOfExtension(name) : (BELONGS[name] ?? "Other");
    groups.set(title, [...(groups.get(title) ?? []), ...attributesOf([name], value)]);
  }
  const order = Object.keys(BELONGS);
  const rank = ({ path }: Attribute) => {
    const at = order.indexOf(path.split(".")[0] ?? "");
    return at < 0 ? order.length : at;
  };
  return [...groups]
    .map(([title, attributes]) => ({
      title,
      attributes: attributes.sort((a, b) => rank(a) - rank(b)),
    }))
    .filter(({ attributes }) => attributes.length > 0);
}

function titleOfExtension(urn: string): string {
  const name = extensionName(urn);
  return name === null ? "Work" : `Extension: ${name}`;
}

function attributesOf(path: string[], value: unknown): Attribute[] {
  if (isUnassigned(value)) return [];
  if (isComplex(value) && !isOneThing(value)) {
    return Object.entries(value).flatMap(([name, part]) => attributesOf([...path, name], part));
  }
  const inner = path.filter((name) => !isExtension(name));
  const name = attributeName(inner.length > 0 ? inner : path);
  return [{ name: capitalised(name), path: spelled(path), lines: valueLines(value) }];
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

// RFC 7644 §3.10: a URN is joined to its attribute by a colon, sub-attributes by a dot.
function spelled([first = "", ...inner]: string[]): string {
  if (inner.length === 0) return first;
  return `${first}${isExtension(first) ? ":" : "."}${inner.join(".")}`;
}
