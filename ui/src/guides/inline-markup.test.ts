import { describe, expect, it } from "vitest";
import { fillIn, inlineParts } from "./inline-markup";

describe("inline markup of the guides", () => {
  it("finds bold, code and links", () => {
    expect(
      inlineParts("Open **A > B**, type `Bearer x`, see [the docs](https://example.com/a).", {}),
    ).toEqual([
      { kind: "plain", text: "Open " },
      { kind: "bold", text: "A > B" },
      { kind: "plain", text: ", type " },
      { kind: "code", text: "Bearer x" },
      { kind: "plain", text: ", see " },
      { kind: "link", text: "the docs", url: "https://example.com/a" },
      { kind: "plain", text: "." },
    ]);
  });

  it("fills in values, in code too, without reading marks in them", () => {
    expect(
      inlineParts("{source_name} at `{base_url}/Users`", {
        source_name: "**mine**",
        base_url: "https://h/source/scim/x/v2",
      }),
    ).toEqual([
      { kind: "plain", text: "**mine** at " },
      { kind: "code", text: "https://h/source/scim/x/v2/Users" },
    ]);
  });

  it("leaves other braces alone", () => {
    expect(fillIn("{other} {token}", {})).toBe("{other} {token}");
  });

  it("follows https links only", () => {
    expect(inlineParts("[x](javascript:alert(1))", {})).toEqual([
      { kind: "plain", text: "[x](javascript:alert(1))" },
    ]);
  });
});
