// Where the page of a user or group is.

export const userPlace = (slug: string, id: string) =>
  `/directory/users/${encodeURIComponent(slug)}/${encodeURIComponent(id)}`;

export const groupPlace = (slug: string, id: string) =>
  `/directory/groups/${encodeURIComponent(slug)}/${encodeURIComponent(id)}`;

export const sourcePlace = (slug: string, tab = "overview") =>
  `/directory/sources/${encodeURIComponent(slug)}/${tab}`;

/** The page of a resource by its type; null for what has none. */
export function placeOf(slug: string | undefined, type: string | null, id: string): string | null {
  if (slug === undefined) return null;
  if (type === "User") return userPlace(slug, id);
  return type === "Group" ? groupPlace(slug, id) : null;
}
