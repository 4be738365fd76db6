import { describe, expect, it } from "vitest";
import { csvLine } from "./csv";

describe("a line of CSV", () => {
  it("quotes commas, quotes and line breaks", () => {
    expect(csvLine(["a,b", 'say "hi"', "two\nlines", "plain"])).toBe(
      '"a,b","say ""hi""","two\nlines",plain\r\n',
    );
  });

  it("keeps numbers and booleans, and leaves nothing for null", () => {
    expect(csvLine([-5, true, null, undefined, ""])).toBe("-5,true,,,\r\n");
  });

  it.each(["=1+1", "+49 30", "-2", "@SUM(A1)", "\tx", " =1+2", "＝1"])(
    "disarms the formula %j",
    (value) => {
      expect(csvLine([value])).toMatch(/^"?'/);
    },
  );
});
