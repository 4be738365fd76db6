// The operations of a bulk request (RFC 7644 §3.7), each with what became of it.
import type { Outcome } from "../api/types";

export interface BulkOperation {
  /** Its place in the request, from 0. */
  position: number;
  /** What it came to as a whole. */
  result: Outcome["result"];
  outcomes: Outcome[];
}

/** From the worst to what says the least. */
const WEIGHT: Outcome["result"][] = ["refused", "applied", "nothing_to_do", "mended", "ignored"];

export interface Operations {
  /** In the order of the request. */
  operations: BulkOperation[];
  /** What is about the request as a whole. */
  others: Outcome[];
}

export function operationsOf(outcomes: readonly Outcome[]): Operations {
  const found = new Map<number, Outcome[]>();
  const others: Outcome[] = [];
  for (const outcome of outcomes) {
    if (outcome.operation === null) others.push(outcome);
    else found.set(outcome.operation, [...(found.get(outcome.operation) ?? []), outcome]);
  }
  const operations = [...found]
    .sort(([one], [other]) => one - other)
    .map(([position, own]): BulkOperation => {
      const results = own.map(({ result }) => result);
      const result = WEIGHT.find((one) => results.includes(one)) ?? "applied";
      return { position, result, outcomes: own };
    });
  return { operations, others };
}

/** What each operation asks for, such as "PATCH /Users/2819c223", if the body was kept whole. */
export function askedBy(body: string | null): string[] {
  if (body === null) return [];
  try {
    const { Operations } = JSON.parse(body) as { Operations?: unknown };
    if (!Array.isArray(Operations)) return [];
    return Operations.map((operation: { method?: unknown; path?: unknown } | null) =>
      [operation?.method, operation?.path].filter((part) => typeof part === "string").join(" "),
    );
  } catch {
    return [];
  }
}
