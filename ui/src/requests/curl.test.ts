import { describe, expect, test } from "vitest";
import type { RequestDetail } from "../api/types";
import { curlOf, shellQuoted } from "./curl";

const BASE = "https://idp.example.com/source/scim/okta/v2";

function detail(
  request: Partial<RequestDetail["request"]>,
  rest: Partial<RequestDetail> = {},
): RequestDetail {
  return {
    request: {
      sequence: 1,
      id: "req_1",
      at: "2026-11-25T10:00:00.000Z",
      duration_ms: 3,
      address: "192.0.2.1",
      user_agent: null,
      token_id: null,
      method: "GET",
      path: "/source/scim/okta/v2/Users",
      query: null,
      status: 200,
      operation: "search",
      error: null,
      scim_type: null,
      target: null,
      outcomes: [],
      changes: 0,
      ...request,
    },
    request_headers: [],
    request_body: null,
    request_body_note: null,
    response_headers: [],
    response_body: null,
    response_body_note: null,
    changes: [],
    more_changes: false,
    ...rest,
  };
}

describe("a request as a command", () => {
  test("reads with the reader's own token", () => {
    expect(curlOf(detail({ query: "filter=userName+eq+%22ada%22" }), BASE)).toBe(
      [
        "curl --globoff 'https://idp.example.com/source/scim/okta/v2/Users?filter=userName+eq+%22ada%22'",
        '  --header "Authorization: Bearer $TOKEN"',
      ].join(" \\\n"),
    );
  });
  test("writes with method, headers and body", () => {
    const command = curlOf(
      detail(
        { method: "POST" },
        {
          request_headers: [
            ["authorization", "Bearer •••"],
            ["content-type", "application/scim+json"],
            ["content-length", "42"],
            ["x-api-key", "•••"],
          ],
          request_body: `{"displayName":"O'Neill $HOME"}`,
        },
      ),
      BASE,
    );
    expect(command.split(" \\\n  ")).toEqual([
      "curl --request POST --globoff 'https://idp.example.com/source/scim/okta/v2/Users'",
      '--header "Authorization: Bearer $TOKEN"',
      "--header 'content-type: application/scim+json'",
      `--data-raw '{"displayName":"O'\\''Neill $HOME"}'`,
    ]);
  });
  test("keeps a prefix before the source's path", () => {
    expect(curlOf(detail({}), "https://example.com/directory/source/scim/okta/v2")).toContain(
      "'https://example.com/directory/source/scim/okta/v2/Users'",
    );
  });
  test("keeps a header without a value", () => {
    expect(curlOf(detail({}, { request_headers: [["x-empty", ""]] }), BASE)).toContain(
      "--header 'x-empty;'",
    );
  });
});

test.each([
  ["plain", "'plain'"],
  ['$(rm -rf /) `x` \\ "', "'$(rm -rf /) `x` \\ \"'"],
  ["it's", "'it'\\''s'"],
])("%j is quoted for the shell", (text, quoted) => {
  expect(shellQuoted(text)).toBe(quoted);
});
