// Secrets and links are given once. An answer that is given again, under the key of a request that
// was sent twice, has none: then it has to be made anew.
import { ApiError } from "./client";

export function shownOnce(secret: string | null): string {
  if (secret !== null) return secret;
  throw new ApiError(409, {
    code: "shown_already",
    detail: "It was made, but its secret is given only once. Revoke it and make another.",
  });
}
