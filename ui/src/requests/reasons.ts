// Why a request was refused, in plain words, and what the reader can do about it.
import type { RequestSummary } from "../api/types";

export interface Reason {
  /** What happened, in a few words. */
  what: string;
  /** What to do, when there is something. */
  advice: string | null;
}

export const isRefused = (status: number) => status >= 400;

export function reasonOf(request: Pick<RequestSummary, "status" | "scim_type">): Reason | null {
  if (!isRefused(request.status)) return null;
  const known = request.scim_type === null ? undefined : BY_SCIM_TYPE[request.scim_type];
  return known ?? BY_STATUS[request.status] ?? (request.status >= 500 ? SERVER_FAILED : REFUSED);
}

const reason = (what: string, advice: string | null = null): Reason => ({ what, advice });

const REFUSED = reason("The request was refused");
const SERVER_FAILED = reason(
  "Headwater failed",
  "Look at the server’s log for the request id. The identity provider usually tries again by itself.",
);

/** RFC 7644 §3.12, table 9. */
const BY_SCIM_TYPE: Record<string, Reason | undefined> = {
  uniqueness: reason(
    "Taken already",
    "Two accounts of the identity provider have the same value, or the account exists here under another id. Let the identity provider match the existing one, or change one of the two there.",
  ),
  invalidFilter: reason(
    "The filter could not be read",
    "Check the matching attribute in the identity provider’s settings.",
  ),
  invalidPath: reason(
    "An attribute that doesn’t exist",
    "Remove the attribute from the identity provider’s attribute mapping, or map it to one that exists.",
  ),
  invalidValue: reason(
    "A value of the wrong kind",
    "Correct the attribute’s value or its mapping in the identity provider.",
  ),
  invalidSyntax: reason("The message could not be read", null),
  noTarget: reason(
    "Nothing matched",
    "The identity provider meant a value that isn’t there; a restart of provisioning there usually aligns the two.",
  ),
  mutability: reason(
    "A read-only attribute",
    "Remove the attribute from the identity provider’s attribute mapping.",
  ),
  tooMany: reason("Too many results", "Ask for fewer at a time."),
  invalidVers: reason(
    "A SCIM version that isn’t spoken",
    "Choose SCIM 2.0 in the identity provider.",
  ),
  sensitive: reason("Not allowed in an address", null),
};

const BY_STATUS: Record<number, Reason | undefined> = {
  400: reason("The request could not be understood"),
  401: reason(
    "The token was not accepted",
    "Make a token on the Credentials tab and paste it into the identity provider.",
  ),
  403: reason("Not allowed", "Check on the Settings tab that the source is enabled."),
  404: reason("Not found", "It was deleted, or never existed in this source."),
  405: reason("Not possible on this address"),
  409: reason("In conflict with what is there"),
  412: reason(
    "Somebody else changed it in between",
    "The identity provider reads it again and retries.",
  ),
  413: reason("Too large", "Let the identity provider send fewer operations or members at once."),
  415: reason("Not JSON"),
  499: reason(
    "The identity provider didn’t wait for the answer",
    "What was done all the same stands in its changes. The identity provider usually tries again by itself.",
  ),
  429: reason("Too many requests", "The identity provider slows down and tries again by itself."),
};
