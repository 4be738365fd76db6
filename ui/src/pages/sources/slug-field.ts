import { useSlugCheck, useSlugOfName } from "../../api/sources";
import type { SlugCheck } from "../../api/types";
import { useDebounced } from "../../components/use-debounced";

/**
 * A slug that follows the name until it is edited by hand, and what the server says of it.
 * `check` is of the very slug that is shown, or undefined while the server still thinks.
 */
export function useSlug(name: string, edited: string | null) {
  const stillName = useDebounced(name.trim());
  const stillSlug = useDebounced(edited ?? "");
  const ofName = useSlugOfName(edited === null ? stillName : "");
  const ofEdit = useSlugCheck(edited === null ? "" : stillSlug);

  const answer = edited === null ? ofName : ofEdit;
  const slug = edited ?? (name.trim() === "" ? "" : (ofName.data?.slug ?? ""));
  const settled =
    !answer.isPlaceholderData &&
    (edited === null ? stillName === name.trim() : stillSlug === edited);
  const check = settled ? answer.data : undefined;
  return { slug, check, url: urlOf(slug, answer.data), error: answer.error };
}

// The address is written while one types: the last answer's, with the slug as it now stands.
function urlOf(slug: string, last: SlugCheck | undefined): string {
  const pattern = last?.base_url ?? `${window.location.origin}/source/scim/-/v2`;
  return pattern.replace(/\/[^/]*\/v2$/, `/${slug || "…"}/v2`);
}
