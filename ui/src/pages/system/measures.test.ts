import { expect, test } from "vitest";
import { bytesInWords, durationInWords } from "./measures";

test.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [48_300_032, "48.3 MB"],
  [512_000_000, "512 MB"],
])("%i bytes are said as %s", (bytes, words) => expect(bytesInWords(bytes)).toBe(words));

test.each([
  [20, "less than a minute"],
  [60, "1 minute"],
  [3_660, "1 hour, 1 minute"],
  [442_801, "5 days, 3 hours"],
])("%i seconds are said as %s", (seconds, words) => expect(durationInWords(seconds)).toBe(words));
