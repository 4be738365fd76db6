// Cursor paging: previous and next, and how many rows a page holds.
//
//   const paging = useCursorPaging();
//   const query = useUsers({ ...filters, limit: paging.limit, cursor: paging.cursor });
//   <Pager paging={paging} page={query.data} />
//
// The way back is kept in the history entry, so it survives reload and the back button; any
// change of the filters (useUrlState) makes a new entry and so begins at the first page.
import { Button, Group, NativeSelect, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { useLocation, useNavigate } from "react-router";
import type { Page } from "../api/types";

export interface CursorPaging {
  limit: number;
  cursor: string | undefined;
  /** Counted from 1. */
  number: number;
  setLimit: (limit: number) => void;
  next: (cursor: string) => void;
  previous: () => void;
}

const SIZES = [25, 50, 100, 250];
const SIZE_KEY = "headwater-page-size";

export function useCursorPaging(): CursorPaging {
  const location = useLocation();
  const navigate = useNavigate();
  const [limit, setLimit] = useState(rememberedSize);
  const cursors = ((location.state as { cursors?: string[] } | null)?.cursors ?? []).slice();

  const go = (to: string[]) => {
    const { pathname, search } = location;
    void navigate({ pathname, search }, { state: { cursors: to }, preventScrollReset: false });
  };
  return {
    limit,
    cursor: cursors.at(-1),
    number: cursors.length + 1,
    setLimit: (size) => {
      setLimit(size);
      rememberSize(size);
      // A cursor stands for a row, but page numbers would no longer tell the truth.
      go([]);
    },
    next: (cursor) => go([...cursors, cursor]),
    previous: () => go(cursors.slice(0, -1)),
  };
}

export interface PagerProps {
  paging: CursorPaging;
  page: Pick<Page<unknown>, "items" | "next" | "total"> | undefined;
}

export function Pager({ paging, page }: PagerProps) {
  const first = (paging.number - 1) * paging.limit + 1;
  const count = page?.items.length ?? 0;
  if (count === 0 && paging.number === 1 && !page?.next) return null;
  const none = page?.next ? "Nothing so far; there is more to look at" : "Nothing more";
  const range = count === 0 ? none : `${amount(first)} to ${amount(first + count - 1)}`;
  const total = page?.total;
  return (
    <Group component="nav" aria-label="Pages" justify="flex-end" gap="xs" mt="md">
      <Text size="sm" c="dimmed" role="status" flex="1 1 auto">
        {range}
        {count > 0 && typeof total === "number" && ` of ${amount(total)}`}
      </Text>
      <NativeSelect
        aria-label="Rows per page"
        size="sm"
        w={142}
        value={String(paging.limit)}
        onChange={(event) => paging.setLimit(Number(event.currentTarget.value))}
        data={SIZES.map((size) => ({ value: String(size), label: `${size} per page` }))}
      />
      {/* Together, also where the line is too short for all. */}
      <Group gap="xs" wrap="nowrap">
        <Button
          variant="default"
          leftSection={<IconChevronLeft size={16} aria-hidden />}
          disabled={paging.number === 1}
          onClick={paging.previous}
        >
          Previous
        </Button>
        <Button
          variant="default"
          rightSection={<IconChevronRight size={16} aria-hidden />}
          disabled={!page?.next}
          onClick={() => page?.next && paging.next(page.next)}
        >
          Next
        </Button>
      </Group>
    </Group>
  );
}

const numbers = new Intl.NumberFormat("en");
const amount = (value: number) => numbers.format(value);

function rememberedSize(): number {
  try {
    const size = Number(localStorage.getItem(SIZE_KEY));
    return SIZES.includes(size) ? size : 50;
  } catch {
    return 50;
  }
}

function rememberSize(size: number) {
  try {
    localStorage.setItem(SIZE_KEY, String(size));
  } catch {
    // Without storage, the choice lasts as long as the page.
  }
}
