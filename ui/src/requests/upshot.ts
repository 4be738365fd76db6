// What came of an answered request, in a few words.
import type { Outcome, RequestSummary } from "../api/types";
import { operationsOf } from "./operations";

type Result = Outcome["result"];

const COUNTED: [Result, string][] = [
  ["applied", "done"],
  ["nothing_to_do", "nothing to do"],
  ["mended", "mended"],
  ["ignored", "ignored"],
  ["refused", "refused"],
];

export function upshotOf({
  outcomes,
  operation,
}: Pick<RequestSummary, "outcomes" | "operation">): string {
  if (outcomes.length === 0) {
    return operation === "read" || operation === "search" || operation === "discovery"
      ? "Read"
      : "Answered";
  }
  // Of many operations it is told how many came to what; of one, what it came to.
  const bulk = operation === "bulk";
  const results = bulk
    ? operationsOf(outcomes).operations.map(({ result }) => result)
    : outcomes.map(({ result }) => result);
  const present = COUNTED.map(([result, word]) => ({
    word,
    count: results.filter((one) => one === result).length,
  })).filter(({ count }) => count > 0);
  const [first] = present;
  if (present.length === 1 && first && !bulk) return capitalised(first.word);
  return capitalised(present.map(({ word, count }) => `${count} ${word}`).join(", "));
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
