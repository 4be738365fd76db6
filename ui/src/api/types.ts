// The nouns of the admin API, from its OpenAPI document. Pages import types from here only.
import type { Named, Written } from "./contract";

/** RFC 3339, UTC, with milliseconds. */
export type Moment = Named<"Moment">;

export interface Page<T> {
  items: T[];
  next: string | null;
  total?: number | null;
}

/**
 * Where the document says "text" and lists the words in its prose, they are listed here; the
 * functions that read such things assert it.
 */
type Words<T, W extends { [K in keyof W]: K extends keyof T ? unknown : never }> = Omit<
  T,
  keyof W
> &
  W;

export type Problem = Named<"Problem">;

// Session and administrators

export type Role = Named<"Role">;
export type Administrator = Named<"Administrator">;
export type AdministratorWithLink = Named<"AdministratorWithLink">;
export type PasswordLink = Named<"PasswordLink">;
export type Session = Named<"Session">;
export type SessionSummary = Named<"SessionSummary">;
export type LinkPurpose = Named<"LinkPurpose">;
export type ApiToken = Named<"ApiToken">;
export type NewApiToken = Named<"NewApiToken">;

// Sources

export type Provider = Named<"Provider">;
export type Profile = Named<"Profile">;
export type Switches = Named<"Switches">;
export type RequestLogLimits = Named<"Retention">;
export type Light = Named<"Light">;
export type Status = Named<"Status">;
export type Source = Named<"Source">;
export type SourceRef = Named<"SourceRef">;
export type NewSource = Named<"NewSource">;
export type SlugCheck = Named<"SlugCheck">;
export type HourOfTraffic = Named<"HourOfRequests">;
export type Checklist = Named<"Checklist">;
export type SourceTab = "activity" | "credentials" | "settings" | "connect";
export type Attention = Words<Named<"Attention">, { tab: SourceTab | null }>;
export type Overview = Words<Named<"Overview">, { attention: Attention[] }>;
export type ServiceAccount = Named<"ServiceAccount">;
export type Token = Named<"Token">;
export type NewToken = Named<"NewToken">;
export type TokenSecret = Named<"TokenSecret">;

// Schemas and resource types

export type Origin = Named<"Origin">;
export type AttributeDefinition = Written<"AttributeDefinition">;
export type SchemaDefinition = Written<"SchemaDefinition">;
export type TypeDefinition = Written<"TypeDefinition">;
export type SchemaUse = Named<"SchemaUse">;

export interface SourceSchema {
  schema: SchemaDefinition;
  origin: Origin;
  added_attributes: string[];
  resource_types: SchemaUse[];
}

export interface SourceResourceType {
  resource_type: TypeDefinition;
  origin: Origin;
  added_extensions: string[];
  indexed: string[];
  resources: number;
}

export interface UnknownAttribute {
  resource_type: string;
  path: string;
  shape: AttributeDefinition;
  seen: number;
  first_seen: Moment;
  last_seen: Moment;
  adoptable: boolean;
  reason: string | null;
}

export type Adopted = Named<"Adopted">;

// Users, groups, members

export type ResourceType = "User" | "Group";
export type User = Named<"User">;
export type Group = Named<"Group">;
export type MembershipRef = Named<"MembershipRef">;
export type ScimResource = Record<string, unknown>;
export type UserDetail = Words<Named<"UserDetail">, { resource: ScimResource }>;
export type GroupDetail = Words<Named<"GroupDetail">, { resource: ScimResource }>;
export type Member = Words<Named<"Member">, { type: ResourceType | null }>;

// Changes

export type Actor = Named<"Actor">;
export type MemberRef = Words<Named<"MemberRef">, { type: ResourceType | null }>;

/** Its type may be one of the source's own. */
export type ChangedResource = Named<"ChangedResource">;

export type Change = Words<
  Named<"Change">,
  {
    resource: ChangedResource;
    before: Record<string, unknown> | null;
    after: Record<string, unknown> | null;
    members_added: MemberRef[];
    members_removed: MemberRef[];
  }
>;

// The request log

export type RequestOperation =
  "create" | "replace" | "update" | "delete" | "bulk" | "read" | "search" | "discovery" | "other";

export type Outcome = Words<
  Named<"Outcome">,
  { result: "applied" | "nothing_to_do" | "refused" | "ignored" | "mended" }
>;

export type RequestTarget = Named<"Target">;

export type RequestSummary = Words<
  Named<"RequestSummary">,
  { operation: RequestOperation; outcomes: Outcome[] }
>;

export type RequestDetail = Words<
  Named<"RequestDetail">,
  {
    request: RequestSummary;
    request_headers: [string, string][];
    response_headers: [string, string][];
    changes: Change[];
  }
>;

// Settings and system

export type Settings = Named<"Settings">;
export type HealthCheck = Named<"Health">;
export type System = Named<"System">;
