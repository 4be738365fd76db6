// A page of a list may be empty and still have a next one: the server has looked at as much as it
// does for one answer, and found nothing yet.
import type { Page } from "./types";

/** How many pages are read on until one has something on it. */
const MOST_EMPTY = 50;

/** The first page from here on that isn't empty; after very many that are, the last of them. */
export async function firstFilled<Query extends { cursor?: string }, Row>(
  query: Query,
  read: (query: Query) => Promise<Page<Row>>,
): Promise<Page<Row>> {
  let page = await read(query);
  for (let empty = 1; page.items.length === 0 && page.next && empty < MOST_EMPTY; empty += 1) {
    page = await read({ ...query, cursor: page.next });
  }
  return page;
}
