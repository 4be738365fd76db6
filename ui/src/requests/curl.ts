// A logged request as a shell command that sends it again. The token is the reader's to fill in.
import type { RequestDetail } from "../api/types";

/** Set by curl or by what stands between, so that repeating them would be wrong. */
const NOT_REPEATED = new Set([
  "host",
  "content-length",
  "connection",
  "transfer-encoding",
  "accept-encoding",
  "expect",
  "te",
  "via",
  "forwarded",
  "cookie",
  "traceparent",
  "tracestate",
  "x-request-id",
]);

const MASK = "•••";

/** Quoted for a POSIX shell: nothing inside is special, and a quote is closed, escaped and opened again. */
export const shellQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The address that the client called, below the public address of the source. */
export function addressOfRequest(baseUrl: string, path: string, query: string | null): string {
  const origin = baseUrl.slice(0, Math.max(0, baseUrl.indexOf("/source/scim/")));
  return `${origin}${path}${query ? `?${query}` : ""}`;
}

export function curlOf(detail: RequestDetail, baseUrl: string): string {
  const { method, path, query } = detail.request;
  const lines: string[] = [];
  // Braces and brackets stand for themselves in a filter; curl would take them for patterns.
  const target = `--globoff ${shellQuoted(addressOfRequest(baseUrl, path, query))}`;
  if (method === "GET") lines.push(`curl ${target}`);
  else if (method === "HEAD") lines.push(`curl --head ${target}`);
  else lines.push(`curl --request ${method} ${target}`);

  lines.push(`--header "Authorization: Bearer $TOKEN"`);
  for (const [name, value] of detail.request_headers) {
    const known = name.toLowerCase();
    if (known === "authorization" || NOT_REPEATED.has(known) || known.startsWith("x-forwarded-"))
      continue;
    // What was masked can't be sent again.
    if (value.includes(MASK)) continue;
    // curl drops a header without a value unless it ends in a semicolon.
    lines.push(`--header ${shellQuoted(value === "" ? `${name};` : `${name}: ${value}`)}`);
  }
  if (detail.request_body) lines.push(`--data-raw ${shellQuoted(detail.request_body)}`);
  return lines.join(" \\\n  ");
}
