// A change of the journal as a sentence: "Okta added Ada Lovelace to Engineering".
import type { Actor, Change, MemberRef } from "../api/types";
import { changedNames } from "./differences";

/** Somebody or something of the directory that a sentence speaks of, and a page may exist for. */
export interface Mention {
  type: string;
  id: string;
  name: string;
}

export type SentencePart = string | Mention;

export interface Sentence {
  actor: string;
  /** What follows the actor, from the verb on. */
  parts: SentencePart[];
}

export function sentenceOf(change: Change, focus?: string): Sentence {
  return { actor: actorName(change), parts: act(change, focus) };
}

export function sentenceText(change: Change, focus?: string): string {
  const { actor, parts } = sentenceOf(change, focus);
  return `${actor} ${parts.map((part) => (typeof part === "string" ? part : part.name)).join("")}`;
}

export function actorName({ actor, source }: Pick<Change, "actor" | "source">): string {
  // A source has one identity provider behind it; its name says more than the account's.
  if (actor.kind === "service_account" && source) return source.name;
  return actorTitle(actor);
}

export function actorTitle(actor: Actor): string {
  switch (actor.kind) {
    case "api_token":
      return `The API token “${actor.name}”`;
    case "command_line":
      return "Somebody on the command line";
    case "link":
      return "Somebody with a one-time link";
    case "server":
      return "Headwater";
    default:
      return actor.name;
  }
}

function act(change: Change, focus: string | undefined): SentencePart[] {
  switch (change.resource.type) {
    case "User":
      return ofUser(change);
    case "Group":
      return ofGroup(change, focus);
    case "Source":
      return ofSource(change);
    case "Token":
      return [`${verb(change.kind)} a token of ${sourceOfToken(change)}`];
    case "Administrator":
      return ofAdministrator(change);
    case "ApiToken":
      return [`${verb(change.kind)} the API token ${quoted(change)}`];
    case "Settings":
      return [
        `changed ${listed(changedNames(change.before, change.after)) || "something"} in the settings`,
      ];
    default:
      return ofOther(change);
  }
}

/** Of a resource type of the source's own. */
function ofOther(change: Change): SentencePart[] {
  if (change.kind !== "update") return [`${verb(change.kind)} `, mention(change)];
  const names = listed(changedNames(change.before, change.after));
  return names === ""
    ? ["changed ", mention(change), NOTHING_TO_SHOW]
    : [`changed ${names} of `, mention(change)];
}

/** A password is kept as a hash alone: neither the old nor the new one is in the journal. */
const NOTHING_TO_SHOW = ", with nothing to show";

function ofUser(change: Change): SentencePart[] {
  if (change.kind !== "update") return [`${verb(change.kind)} `, mention(change)];
  const names = changedNames(change.before, change.after);
  const others = names.filter((name) => name !== "active");
  const switched = names.includes("active") ? activation(change) : null;
  if (switched === null)
    return others.length === 0
      ? ["changed ", mention(change), NOTHING_TO_SHOW]
      : [`changed ${listed(others)} of `, mention(change)];
  return [
    `${switched} `,
    mention(change),
    others.length === 0 ? "" : ` and changed ${listed(others)}`,
  ].filter((part) => part !== "");
}

function activation({ before, after }: Change): string {
  if (after?.active === false) return "deactivated";
  return before?.active === false ? "reactivated" : "activated";
}

function ofGroup(change: Change, focus: string | undefined): SentencePart[] {
  const group = mention(change);
  const added = members(change.members_added, change.members_added_count, focus);
  const removed = members(change.members_removed, change.members_removed_count, focus);
  if (change.kind === "create") return ["created ", group, ...(added ? [" with ", ...added] : [])];
  if (change.kind !== "update") return [`${verb(change.kind)} `, group];

  const clauses: SentencePart[][] = [];
  if (added) clauses.push(["added ", ...added, " to"]);
  if (removed) clauses.push(["removed ", ...removed, " from"]);
  const names = changedNames(change.before, change.after);
  if (names.length > 0) {
    const renamed =
      names.length === 1 && typeof change.before?.displayName === "string" && clauses.length === 0;
    if (renamed) return [`renamed ${change.before?.displayName as string} to `, group];
    clauses.push([`changed ${listed(names)} of`]);
  }
  if (clauses.length === 0) return ["changed ", group, NOTHING_TO_SHOW];
  return [
    ...clauses.flatMap((clause, index) => (index === 0 ? clause : [" and ", ...clause])),
    " ",
    group,
  ];
}

/** One or two by name, more as a number; null when there are none. */
function members(
  listed: MemberRef[],
  count: number,
  focus: string | undefined,
): SentencePart[] | null {
  const total = Math.max(count, listed.length);
  if (total === 0) return null;
  const inFocus = focus === undefined ? undefined : listed.find((member) => member.id === focus);
  if (inFocus && total > 1)
    return [
      memberMention(inFocus),
      ` and ${(total - 1).toLocaleString("en")} ${total === 2 ? "other" : "others"}`,
    ];
  const [first, second] = listed;
  if (total === 1 && first) return [memberMention(first)];
  if (total === 2 && first && second) return [memberMention(first), " and ", memberMention(second)];
  return [`${total.toLocaleString("en")} ${total === 1 ? "member" : "members"}`];
}

/** A source that is gone has left its slug in the entry. */
function sourceOfToken({ source, after, before }: Change): string {
  const slug = after?.source ?? before?.source;
  return source?.name ?? (typeof slug === "string" ? slug : "a source");
}

function ofSource(change: Change): SentencePart[] {
  const name = change.resource.display ?? change.source?.name ?? change.resource.id;
  if (change.kind !== "update") return [`${verb(change.kind)} the source ${name}`];
  const defined = ofDefinition(change.after);
  if (defined !== null) return [`${defined} the source ${name}`];
  const names = changedNames(change.before, change.after);
  if (names.length === 1 && typeof change.after?.enabled === "boolean") {
    return [`${change.after.enabled ? "enabled" : "disabled"} the source ${name}`];
  }
  if (names.length === 1 && typeof change.before?.name === "string") {
    return [`renamed the source ${change.before.name} to ${String(change.after?.name)}`];
  }
  return [`changed ${listed(names) || "settings"} of the source ${name}`];
}

/** What was done to the schemas of a source, up to its name; null when it was something else. */
function ofDefinition(after: Change["after"]): string | null {
  if (after === null) return null;
  const { schema, removed_schema, resource_type, removed_resource_type, adopted } = after;
  const extended = typeof after.extends === "string" ? `, for ${after.extends},` : "";
  if (typeof schema === "string") return `defined the schema ${schema}${extended} of`;
  if (typeof removed_schema === "string") return `removed the schema ${removed_schema} from`;
  if (typeof removed_resource_type === "string")
    return `removed the resource type ${removed_resource_type} from`;
  if (typeof resource_type !== "string") return null;
  if (!Array.isArray(adopted)) return `defined the resource type ${resource_type} of`;
  const names = adopted.map((path) => String(path).replace(/^urn:.*:/i, ""));
  return `added ${listed(names)}, which clients sent, to ${resource_type} of`;
}

function ofAdministrator(change: Change): SentencePart[] {
  const name = change.resource.display ?? change.resource.id;
  const { kind, after } = change;
  if (kind === "create") {
    const role = after?.role === "auditor" ? "auditor" : "administrator";
    return change.actor.kind === "link"
      ? [`made the first administrator, ${name}`]
      : [`invited ${name} as ${role}`];
  }
  if (kind === "reset_password") return [`reset the password of ${name}`];
  if (kind === "set_password") return [`set the password of ${name}`];
  const oneself = change.actor.id === change.resource.id;
  if (kind === "sign_in") return ["signed in"];
  if (kind === "sign_out") return [oneself ? "signed out" : `signed ${name} out everywhere`];
  if (kind === "update") {
    if (typeof after?.disabled === "boolean")
      return [`${after.disabled ? "disabled" : "enabled"} the account of ${name}`];
    if (after?.role === "auditor") return [`made ${name} an auditor`];
    if (after?.role === "administrator") return [`made ${name} an administrator`];
    return [`changed ${listed(changedNames(change.before, after)) || "something"} of ${name}`];
  }
  return [`${verb(kind)} ${name}`];
}

const VERBS: Record<string, string> = {
  create: "created",
  update: "changed",
  replace: "changed",
  delete: "deleted",
  copy: "copied",
  revoke: "revoked",
  restore: "restored",
  enable: "enabled",
  disable: "disabled",
  expire: "expired",
};

/** A kind that is newer than this page is still said, in the server's own word. */
const verb = (kind: string) => VERBS[kind] ?? `did “${kind.replaceAll("_", " ")}” to`;

/** "title", "title and department", "title, department and 2 more". */
export function listed(names: string[]): string {
  const [first, second] = names;
  if (names.length === 0 || first === undefined) return "";
  if (names.length === 1 || second === undefined) return first;
  if (names.length === 2) return `${first} and ${second}`;
  if (names.length === 3) return `${first}, ${second} and ${names[2] as string}`;
  return `${first}, ${second} and ${names.length - 2} more`;
}

const quoted = ({ resource }: Change) => `“${resource.display ?? resource.id}”`;

function mention({ resource }: Change): Mention {
  return { type: resource.type, id: resource.id, name: resource.display ?? resource.id };
}

function memberMention(member: MemberRef): Mention {
  return { type: member.type ?? "User", id: member.id, name: member.display ?? member.id };
}
