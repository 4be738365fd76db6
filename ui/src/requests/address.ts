// How the address of a request is shown: without what all requests of the source have in common.

export function shortPath(path: string): string {
  return path.replace(/^\/source\/scim\/[^/]+(\/v2)?(?=\/|$)/, "") || "/";
}

/** The query with its escapes resolved; as it stands when they are broken. */
export function readableQuery(query: string): string {
  try {
    return decodeURIComponent(query.replaceAll("+", " "));
  } catch {
    return query;
  }
}

export function readableAddress(path: string, query: string | null): string {
  return `${shortPath(path)}${query ? `?${readableQuery(query)}` : ""}`;
}
