/**
 * Where to go after signing in. Only a path of this very site: the parameter can be written by
 * anyone who makes a link to the sign-in page.
 */
export function returnPath(value: string | null): string {
  if (value === null || !/^\/(?![/\\])/.test(value)) return "/";
  return value.startsWith("/sign-in") || value.startsWith("/welcome") ? "/" : value;
}
